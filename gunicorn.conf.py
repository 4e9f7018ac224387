"""How gunicorn serves the application. The figures were measured on 2 cores; docs/deploy.md describes sizing."""

import os
import signal
from pathlib import Path

from dotenv import load_dotenv
from gunicorn.arbiter import Arbiter
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from config import THREADS, Config
from server import draining, garbage_collection, graceful_shutdown, logging, metrics_directory

load_dotenv(Path(__file__).with_name(".env"))
# Parsed here as well as in wsgi.py, so that the master reports an invalid configuration once, before any worker starts.
settings = Config.from_env(os.environ)
logging.configure(settings.log_format)

wsgi_app = "wsgi:app"
bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"

# Threads wait for PostgreSQL at the same time and keep client connections open; sync workers can do neither. While four
# clients sign in, sync workers serve 6 % of the requests that gthread workers serve.
worker_class = "server.worker.Worker"  # gthread with timeouts for clients
threads = THREADS
# All messages have one format. gunicorn writes no access log: the application logs each request with more fields.
logger_class = "server.worker.Logger"
# sendfile(2) would bypass the deadlines of DeadlineSocket.
sendfile = False
# One process more than cores keeps the cores busy while one process hashes a password: 1.7 times the requests of one
# process per core. Nine processes open at most 72 connections of the 100 that PostgreSQL allows by default.
workers = settings.web_concurrency or min((os.cpu_count() or 1) + 1, 9)

# A reverse proxy reuses its connections. Five seconds outlast the pauses between the requests of a browser.
keepalive = 5
# Longer than any request waits for PostgreSQL (docs/decisions/0018): only a worker that is stuck is replaced.
timeout = 30
graceful_timeout = 30
# gunicorn's C parser accepts messages that two servers may read in two ways (docs/decisions/0007).
http_parser = "python"
# A long path reaches the application, which answers with a problem.
limit_request_line = 8190
# No request header changes the path or the scheme, from any address.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# The heartbeat file must not wait for a disk.
worker_tmp_dir = str(metrics_directory.MEMORY) if metrics_directory.MEMORY.is_dir() else None
# The control socket is not used.
control_socket_disable = True
if settings.metrics:
    metrics_directory.create(os.environ)


def when_ready(server: Arbiter) -> None:
    """Install the graceful shutdown."""
    graceful_shutdown.install_signal_handlers(
        server.LISTENERS, lambda: server.signal(signal.SIGTERM, None), settings.shutdown_delay
    )


def post_worker_init(worker: Worker) -> None:  # noqa: ARG001 - gunicorn passes arguments by position
    """Tune the garbage collector to the loaded application."""
    garbage_collection.freeze_loaded_objects()


def pre_request(worker: Worker, req: Request) -> None:  # noqa: ARG001
    """Close each connection after its response while the service drains, so that proxies connect elsewhere."""
    if draining.is_draining():
        req.force_close()


def child_exit(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001
    """Remove the gauges of a worker that has exited. Its counters stay."""
    if settings.metrics:
        metrics_directory.remove_gauges(worker.pid)


def on_exit(server: Arbiter) -> None:  # noqa: ARG001
    """Remove the directory of the metrics."""
    if settings.metrics:
        metrics_directory.remove(os.environ)
