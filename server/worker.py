"""gunicorn's threaded worker with timeouts for clients.

gunicorn's own worker has none: a client that is silent, slow or keeps its connection open occupies one of the few
threads, or the loop that feeds them, for as long as it likes. Here only the loop waits for the first bytes of a
connection, and a request and its response have a deadline each. Errors that gunicorn detects become problem responses.

gunicorn's master loads this module, so it imports nothing of todo_api at load time: a reload (HUP) loads that anew.
"""

from __future__ import annotations

import selectors
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http import wsgi
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

from server.error_responses import error_response
from server.socket_timeouts import COALESCE_MAX, DeadlineSocket

if TYPE_CHECKING:
    import socket

    from gunicorn.workers.gthread import TConn

STATUSES = {LimitRequestLine: 414, LimitRequestHeaders: 431, ExpectationFailed: 417}
"""The statuses of malformed requests. The others are 400."""

APPLICATION_ERRORS = (InvalidResponseHeader, InvalidResponseHeaderName)
"""Subclasses of gunicorn's ParseException that are errors of the application, not of the client."""

HEARTBEAT_INTERVAL = 1.0
"""Seconds between heartbeats. gunicorn's master kills a worker after thirty seconds without one."""


class Response(wsgi.Response):
    """A response that sends its head and the first part of its body as one packet, with one system call."""

    def write(self, arg: bytes) -> None:
        """Send a part of the body."""
        if self.headers_sent or len(arg) > COALESCE_MAX:
            super().write(arg)
        else:
            self.sock.coalesce(super().write, arg)


class Worker(ThreadWorker):
    """A threaded worker whose client connections are `DeadlineSocket`s."""

    notified_at = 0.0

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        wsgi.Response = Response  # gunicorn has no setting for this class
        # Copy the settings to instance attributes: gunicorn reads 20 of them per request, through `__getattr__`.
        # This saves 40 calls and 27 us of CPU, 4 % of a read of one task.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})

    def notify(self) -> None:
        """Send a heartbeat once a second, instead of at each turn of the loop, which turns twice per request."""
        now = time.monotonic()
        if now >= self.notified_at + HEARTBEAT_INTERVAL:
            self.notified_at = now
            super().notify()

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to a thread, but a new one only after its first bytes."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock = DeadlineSocket(conn.sock)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> Any:
        """Serve one request. Return whether the connection stays open for another one."""
        conn.sock.start_request()
        keep_alive = super().handle(conn)
        if not keep_alive:
            conn.sock.linger()
        return keep_alive

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that cannot be parsed, or one whose response the application cannot send."""
        request_id, error_type = uuid4().hex, type(exc).__name__
        if isinstance(exc, ParseException) and not isinstance(exc, APPLICATION_ERRORS):
            status = STATUSES.get(type(exc), 400)
            address = addr[0] if addr else "a local process"
            self.log.warning("refused request %s of %s: %s", request_id, address, error_type)
        else:
            status = 500
            self.log.error("unexpected in request %s: %s", request_id, error_type, exc_info=exc)
        with suppress(OSError):
            client.sendall(as_bytes(status, *error_response(status, request_id)))


def as_bytes(status: int, headers: dict[str, str], body: bytes) -> bytes:
    """Return a response as it is sent."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Logger(GunicornLogger):
    """gunicorn's logger, whose messages go to the handler of `server.logging`."""

    def setup(self, cfg: Any) -> None:
        """Propagate the messages instead of writing them."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
