"""Serve the application with granian instead of gunicorn. docs/deploy.md compares the two servers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dotenv import load_dotenv
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.mp import MPServer
from werkzeug.wsgi import get_input_stream

from config import THREADS, Config
from server import draining, garbage_collection, graceful_shutdown, logging, metrics_directory
from server.error_responses import error_response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

DISCARD_SIZE = 64 * 1024


class Server(MPServer):
    """A granian whose workers accept connections from one listener, as gunicorn's do.

    On Linux, granian gives each worker a listener of its own. The connections in the queue of a worker that stops would
    be reset.
    """

    listener: socket.socket

    def _init_shared_socket(self) -> None:
        family = socket.AF_INET6 if ":" in self.bind_addr else socket.AF_INET
        self.listener = socket.create_server((self.bind_addr, self.bind_port), family=family, backlog=self.backlog)
        self._ssp, self._sso = None, self.listener
        # The arguments: a file descriptor, whether it is a Unix socket, the length of the queue.
        self._shd = SocketHolder(self.listener.fileno(), False, self.backlog)  # type: ignore[assignment, call-arg] # noqa: FBT003

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:  # type: ignore[override]
        """Return a worker. If it replaces another, its `start` returns once it has loaded the application.

        granian stops the other one 3.5 seconds after that, and on a busy machine loading takes longer.
        """
        loaded = multiprocessing.Event()

        def load_and_report() -> WSGIApplication:
            application: WSGIApplication = callback_loader()
            loaded.set()
            return application

        worker: Any = super()._spawn_worker(idx, target, load_and_report)
        start = worker.start

        def start_and_wait() -> None:
            start()
            while worker.is_alive() and not loaded.wait(0.1):
                pass

        if idx in self.respawned_wrks:
            worker.start = start_and_wait
        return worker

    def _respawn_workers(self, workers: Any, *args: Any, **options: Any) -> None:
        """Replace workers, and remove the metrics that only a live worker has."""
        replaced = [self.wrks[index].inner.pid for index in workers]
        super()._respawn_workers(workers, *args, **options)
        if metrics_directory.VARIABLE in os.environ:
            for pid in replaced:
                metrics_directory.remove_gauges(pid)


def load(_target: str) -> WSGIApplication:
    """Load the application, in a worker."""
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # the handlers are the master's
    # Imported here, so that a reload (HUP) loads it anew.
    from wsgi import app  # noqa: PLC0415

    garbage_collection.freeze_loaded_objects()
    return adapted(app)


def adapted(app: WSGIApplication) -> WSGIApplication:
    """Return the application with what `server.worker` and `pre_request` do under gunicorn.

    While the service drains, each response closes its connection. A body in chunks is refused (411), because granian
    passes on the valid chunks before an error as if they were the whole body. The unread rest of any other body is
    discarded, unless it is too large: otherwise granian would close the connection while nginx sends, and nginx would
    answer with 502.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_too_large = False

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal is_too_large
            is_too_large = status.startswith("413 ")
            closing = [("Connection", "close")] if draining.is_draining() else []
            return start_response(status, headers + closing, exc_info)

        if "HTTP_TRANSFER_ENCODING" in environ:
            headers, body = error_response(HTTPStatus.LENGTH_REQUIRED, uuid4().hex)
            start_response("411 Length Required", list(headers.items()))
            return [body]
        response = app(environ, start)
        while not is_too_large and get_input_stream(environ).read(DISCARD_SIZE):
            pass
        return response

    return application


def create_server(settings: Config) -> Server:
    """Return the server with the counterparts of gunicorn.conf.py."""
    return Server(
        "wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=settings.web_concurrency or min((os.cpu_count() or 1) + 1, 9),
        blocking_threads=THREADS,
        # Milliseconds to receive a head, and to wait for the next request of an open connection.
        # nginx sends heads of up to 32 KiB.
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=64 * 1024),
        # No handlers of its own: its messages go to the handler of `server.logging`.
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {}},
        respawn_failed_workers=True,
        workers_kill_timeout=30,
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    load_dotenv(Path(__file__).with_name(".env"))
    # Parsed here as well as in wsgi.py, so that an invalid configuration is reported once, before any worker starts.
    settings = Config.from_env(os.environ)
    logging.configure(settings.log_format)
    multiprocessing.set_start_method("fork")  # the workers share the draining flag and the listener
    server = create_server(settings)
    if settings.metrics:
        metrics_directory.create(os.environ)
        server.on_shutdown(lambda: metrics_directory.remove(os.environ))
    server.on_startup(
        lambda: graceful_shutdown.install_signal_handlers(
            [server.listener], server.signal_handler_interrupt, settings.shutdown_delay
        )
    )
    server.serve(target_loader=load)


if __name__ == "__main__":
    main()
