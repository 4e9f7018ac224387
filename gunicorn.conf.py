"""How gunicorn serves the application. Figures were measured on 2 cores; docs/deploy.md tells how to size a machine."""

import ctypes
import os
import shutil
import signal
import socket
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from dotenv import load_dotenv
from gunicorn import glogging
from gunicorn.arbiter import Arbiter
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

import ending
import logs
from config import THREADS, Config

load_dotenv(Path(__file__).with_name(".env"))
# Read here too, so that a faulty configuration is reported once, by the master, before any worker starts.
service = Config.from_env(os.environ)
logs.begin(service.log_format)

wsgi_app = "wsgi:app"
bind = f"[{service.host}]:{service.port}" if ":" in service.host else f"{service.host}:{service.port}"


# Threads wait for PostgreSQL together and keep connections alive, which sync workers cannot: with four clients
# signing in, sync workers served 0.06 times the requests of gthread's.
worker_class = "worker.Worker"  # gthread, with a patience that ends
threads = THREADS
# Every answer goes out the way whose time is bounded.
sendfile = False
# One process more than cores keeps them busy while one of them hashes a password: 1.7 times the requests of
# one process a core then. Nine of them hold at most 72 connections of the 100 that a default PostgreSQL has.
workers = service.web_concurrency or min((os.cpu_count() or 1) + 1, 9)

# A reverse proxy reuses its connections; five seconds outlast the gaps between a browser's requests.
keepalive = 5
# Longer than any request waits for PostgreSQL (docs/decisions/0018), so that a worker is only replaced when it is
# stuck, and none is ended with a request in hand.
timeout = 30
graceful_timeout = 30
# A path of any sensible length gets its answer from the application, as a problem.
limit_request_line = 8190
# Nothing that a client writes moves the path or the scheme, whatever address it comes from.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn creates the file safely
# Where the processes of this one keep their numbers. A reload, which reads this file again, keeps it.
METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
OURS = f"todo_api-metrics-{os.getpid()}-"
if service.metrics and OURS not in os.environ.get(METRICS_DIR, ""):
    os.environ[METRICS_DIR] = tempfile.mkdtemp(prefix=OURS, dir=worker_tmp_dir)
# Nobody uses the control socket, so that none is opened.
control_socket_disable = True


NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""For the kernel: read byte 13 of a TCP packet, its flags; with SYN among them drop it, else take it whole."""

SO_ATTACH_FILTER = 26
"""Linux's, which Python does not name."""

THRESHOLD = 0.2
"""Seconds for who has been let in by the kernel to be accepted by a worker, who needs a thousandth of that."""


def when_ready(server: Arbiter) -> None:
    """Let TERM begin an end that cuts nobody off; each further one ends a pause in it.

    Who asks /readyz has time to send nobody here any more. Then nobody new is let in, since those that the kernel has
    let in and no worker has accepted would be cut off when the last worker closes the door. Then gunicorn ends.
    """
    delay = service.shutdown_delay.total_seconds()
    steps = iter(
        [
            (ending.announce, delay),
            (lambda: let_nobody_in(server.LISTENERS), THRESHOLD),
            (lambda: server.signal(signal.SIGTERM, None), 0.0),
        ]
    )

    def go_on(_number: int, _frame: FrameType | None) -> None:
        for step, seconds in steps:
            step()
            if seconds:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                return

    signal.signal(signal.SIGTERM, go_on)
    signal.signal(signal.SIGALRM, go_on)


def let_nobody_in(listeners: list[socket.socket]) -> None:
    """Have the kernel ignore who knocks: they knock again, and are refused as soon as the door is closed."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in NO_SYN))
    program = struct.pack("HL", len(NO_SYN), ctypes.addressof(code))
    for listener in listeners:
        with suppress(OSError):  # Linux alone can do it
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def pre_request(worker: Worker, req: Request) -> None:  # noqa: ARG001 - called by place
    """Have proxies let go of their connections before the service ends."""
    if ending.is_near():
        req.force_close()


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's hooks are called so
    """Forget what a worker that has ended was just doing; what it counted stays."""
    if service.metrics:
        # Not above: whoever imports it before the folder has a name gets one that shares nothing.
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:  # noqa: ARG001
    """Leave nothing behind."""
    if service.metrics:
        shutil.rmtree(os.environ[METRICS_DIR], ignore_errors=True)


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's messages, which go the way of all others. Its access log stays off: the service knows more."""

    def setup(self, cfg: Any) -> None:
        """Leave the writing to the handler that `logs.begin` has made."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = Logger
