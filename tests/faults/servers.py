"""A PostgreSQL of our own, and the line to it: what can be done to them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from devtools.embedded_postgres import Home, end_leftover, free_port
from tests.support.processes import children, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


class Patient:
    """The server. It begins where it was, on the same port."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder, 18)
        end_leftover(self.home.pid_file, str(self.home.data))
        self.home.create()
        self.port = str(free_port())
        self.line = Line(int(self.port))
        self.url = ""

    def start(self) -> None:
        parameters = {"fsync": "on", "max_connections": "40", "port": self.port}
        self.process: subprocess.Popen[bytes] = self.home.start(parameters)
        self.url = self.home.wait_until_answering(self.process)

    def restart(self, how: signal.Signals) -> None:
        """End it in this way, and start it again."""
        backends = children(self.process.pid)
        self.process.send_signal(how)
        self.process.wait(30)
        for backend in backends:  # a killed server's keep its memory until they notice
            with contextlib.suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)
        self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze everything of it while the block lasts."""
        frozen = [self.process.pid, *children(self.process.pid)]
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in frozen:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def wait_until_well(self, url: str) -> None:
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=30).status_code == 200)

    def end(self) -> None:
        self.line.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


class Line:
    """What stands for the network between the service and the server; `dead` passes nothing on, `cut` takes nobody."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.dead = False
        self.cut = False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.ends: list[socket.socket] = []
        self.open = True
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def url(self, url: str) -> str:
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self.port}").geturl()

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def accept(self) -> None:
        while self.open:
            if not select.select([self.listener], [], [], 0.1)[0]:
                continue
            client, _ = self.listener.accept()
            try:
                if self.cut:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for here, there in ((client, server), (server, client)):
                threading.Thread(target=self.carry, args=(here, there), daemon=True).start()

    def carry(self, here: socket.socket, there: socket.socket) -> None:
        with there:
            with contextlib.suppress(OSError):
                while data := here.recv(65_536):
                    while self.dead:
                        time.sleep(0.02)
                    there.sendall(data)
            with contextlib.suppress(OSError):
                there.shutdown(socket.SHUT_RDWR)  # closing alone waits for whoever still reads

    def close(self) -> None:
        self.open = False
        self.thread.join(10)
        self.listener.close()
