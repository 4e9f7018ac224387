"""PostgreSQL servers that tests stop, kill and freeze: behind a TCP proxy that tests block, or with a standby."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from devtools.embedded_postgres import PostgresServer
from devtools.processes import free_port, stop_leftover
from tests.support.databases import execute
from tests.support.processes import child_pids, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FaultyPostgres:
    """A server that restarts with the same data on the same port."""

    def __init__(self, folder: Path) -> None:
        self.server = PostgresServer(folder, 18)
        stop_leftover(self.server.pid_file, str(self.server.data))
        self.server.initialize()
        self.port = str(free_port())
        self.proxy = TCPProxy(int(self.port))
        self.url = ""

    def start(self) -> None:
        parameters = {"fsync": "on", "max_connections": "40", "port": self.port}
        self.process: subprocess.Popen[bytes] = self.server.start(parameters)
        self.url = self.server.wait_until_ready(self.process)

    def restart(self, number: signal.Signals) -> None:
        """Stop the server by the signal, and start it again."""
        self.end(number)
        self.start()

    def end(self, number: signal.Signals) -> None:
        """Stop the server by the signal."""
        backends = child_pids(self.process.pid)
        self.process.send_signal(number)
        self.process.wait(30)
        for backend in backends:  # after SIGKILL they keep the shared memory until they notice
            with contextlib.suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze all processes of the server while the block runs."""
        pids = [self.process.pid, *child_pids(self.process.pid)]
        send_signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            send_signal(pids, signal.SIGCONT)

    def stop(self) -> None:
        self.proxy.close()
        self.end(signal.SIGINT)


class ReplicatedPostgres:
    """A primary and a synchronous standby, which change places when the standby is promoted."""

    def __init__(self, folder: Path) -> None:
        self.primary, self.standby = FaultyPostgres(folder / "one"), FaultyPostgres(folder / "two")

    def start(self) -> None:
        for server in (self.primary, self.standby):
            server.start()
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        self.url_of_both = urlsplit(self.url)._replace(netloc=f"{user_of(self.url)}@{hosts}").geturl()

    @property
    def url(self) -> str:
        """The URL of the primary."""
        return self.primary.url

    def replicate(self) -> None:
        """Replace the standby by a copy of the primary, and let the primary wait for it with each commit."""
        self.standby.end(signal.SIGKILL)
        server = self.standby.server
        shutil.rmtree(server.data)
        server.data.mkdir(mode=0o700)
        os.chown(server.data, server.account.get("user", -1), server.account.get("group", -1))
        shutil.copy(self.primary.server.password_file, server.password_file)
        arguments = [f"--pgdata={server.data}", f"--dbname={self.url}?application_name=standby"]
        options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        subprocess.run([server.binaries / "pg_basebackup", *arguments, *options], check=True, **server.account)
        self.standby.start()
        execute(self.url, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        execute(self.url, "SELECT pg_reload_conf()")
        wait_until(lambda: execute(self.url, "SELECT sync_state FROM pg_stat_replication") == [("sync",)])

    def promote(self) -> None:
        """Promote the standby. The old primary stays as it is."""
        execute(self.standby.url, "SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    def stop(self) -> None:
        for server in (self.primary, self.standby):
            server.stop()


def user_of(url: str) -> str:
    """Return user and password of a URL."""
    return urlsplit(url).netloc.rpartition("@")[0]


def send_signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class TCPProxy:
    """Forwards connections to a port. `is_silent` holds back all data, `is_refusing` closes new connections."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.is_silent = False
        self.is_refusing = False
        self.is_open = True
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def url(self, url: str) -> str:
        """Return the URL of the server through the proxy."""
        parts = urlsplit(url)
        port = self.listener.getsockname()[1]
        return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()

    def accept(self) -> None:
        while self.is_open:
            if not select.select([self.listener], [], [], 0.1)[0]:
                continue
            client, _ = self.listener.accept()
            try:
                if self.is_refusing:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for source, destination in ((client, server), (server, client)):
                threading.Thread(target=self.forward, args=(source, destination), daemon=True).start()

    def forward(self, source: socket.socket, destination: socket.socket) -> None:
        with destination:
            with contextlib.suppress(OSError):
                while data := source.recv(65_536):
                    while self.is_silent:
                        time.sleep(0.02)
                    destination.sendall(data)
            with contextlib.suppress(OSError):
                destination.shutdown(socket.SHUT_RDWR)  # close() alone does not wake a thread in recv()

    def close(self) -> None:
        self.is_open = False
        self.thread.join(10)
        self.listener.close()
