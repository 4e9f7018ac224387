"""How gunicorn serves the application. Figures were measured on 2 cores; docs/deploy.md tells how to size a machine."""

import os
import shutil
import signal
import socket
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
from gunicorn.workers.gthread import ThreadWorker

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
class LastWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker of gthread's that leaves nobody in front of a closed door.

    What the kernel has taken from the network and no worker has accepted is cut off when the last worker goes; so who
    ends takes all of it, and then has the kernel refuse what comes, which clients may send again.
    """

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's own
        """Accept what waits before accepting no more."""
        if ending.is_near() and not self.alive and self._accepting:
            for listener in self.sockets:
                taken = -1
                while taken != self.nr_conns:
                    taken = self.nr_conns
                    self.accept(listener)
        super().set_accept_enabled(enabled)
        if ending.is_near() and not self.alive:
            for listener in self.sockets:
                with suppress(OSError):  # another worker was first
                    listener.shutdown(socket.SHUT_RDWR)


worker_class = LastWorker
threads = THREADS
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
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn creates the file safely
# Where the processes of this one keep their numbers. A reload, which reads this file again, keeps it.
METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
OURS = f"todo_api-metrics-{os.getpid()}-"
if service.metrics and OURS not in os.environ.get(METRICS_DIR, ""):
    os.environ[METRICS_DIR] = tempfile.mkdtemp(prefix=OURS, dir=worker_tmp_dir)
# Nobody uses the control socket, so that none is opened.
control_socket_disable = True


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


def when_ready(server: Arbiter) -> None:
    """Serve on for a while after TERM, so that who asks /readyz sends nobody here any more. A second TERM ends it."""

    def end(number: int, frame: FrameType | None) -> None:
        soon = not ending.is_near() and number == signal.SIGTERM and delay
        ending.announce()
        if soon:
            signal.setitimer(signal.ITIMER_REAL, delay)
        else:
            server.signal(signal.SIGTERM, frame)

    delay = service.shutdown_delay.total_seconds()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, end)


def pre_request(worker: Worker, req: Request) -> None:  # noqa: ARG001 - called by place
    """Have proxies let go of their connections before the service ends."""
    if ending.is_near():
        req.force_close()
