"""How gunicorn serves the application. Figures were measured on 2 cores; docs/deploy.md tells how to size a machine."""

import gc
import os
import shutil
import tempfile
from pathlib import Path

from dotenv import load_dotenv
from gunicorn.arbiter import Arbiter
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from config import THREADS, Config
from server import draining, graceful_shutdown, logging

load_dotenv(Path(__file__).with_name(".env"))
# Read here too, so that a faulty configuration is reported once, by the master, before any worker starts.
service = Config.from_env(os.environ)
logging.configure(service.log_format)

wsgi_app = "wsgi:app"
bind = f"[{service.host}]:{service.port}" if ":" in service.host else f"{service.host}:{service.port}"

# Threads wait for PostgreSQL together and keep connections alive, which sync workers cannot: with four clients
# signing in, sync workers served 0.06 times the requests of gthread's.
worker_class = "server.worker.Worker"  # gthread, with a patience that ends
threads = THREADS
# Its messages go the way of all others. An access log it writes none: the service knows more.
logger_class = "server.worker.Logger"
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
# Its parser in C, which it would take by itself where that is installed, reads what two servers could read in two ways.
http_parser = "python"
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


def when_ready(server: Arbiter) -> None:
    """Have TERM cut nobody off."""
    graceful_shutdown.install_signal_handlers(server, service.shutdown_delay)


def post_worker_init(worker: Worker) -> None:  # noqa: ARG001 - called by place
    """Have the collector of cycles pass over what lives as long as the process.

    Else it goes through the 140,000 objects of the application time and again, 100 ms each time for all threads; and by
    default it begins whenever there are 700 objects more, of which a few lists at once have as many.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, *gc.get_threshold()[1:])


def pre_request(worker: Worker, req: Request) -> None:  # noqa: ARG001
    """Have proxies let go of their connections before the service ends."""
    if draining.is_draining():
        req.force_close()


def child_exit(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001
    """Forget what a worker that has ended was just doing; what it counted stays."""
    if service.metrics:
        # Not above: whoever imports it before the folder has a name gets one that shares nothing.
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Arbiter) -> None:  # noqa: ARG001
    """Leave nothing behind."""
    if service.metrics:
        shutil.rmtree(os.environ[METRICS_DIR], ignore_errors=True)
