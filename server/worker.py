"""gunicorn's threaded worker, with a patience that ends.

As it comes, a client that is silent, slow or does not hang up holds one of the few threads, or the loop that hands work
to them, for as long as it likes. Here the loop alone waits for a connection's first bytes, a request has a time to
come in and an answer one to go out. What gunicorn itself refuses is answered as a problem, as everything else is.

It is loaded by gunicorn's master, and so imports nothing of the package, which a reload is to read anew.
"""

from __future__ import annotations

import json
import selectors
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gunicorn.glogging import Logger as OwnLogger
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

from server.socket_timeouts import COALESCE_MAX, DeadlineSocket

if TYPE_CHECKING:
    import socket

    from gunicorn.workers.gthread import TConn

STATUSES = {LimitRequestLine: 414, LimitRequestHeaders: 431, ExpectationFailed: 417}
APPLICATION_ERRORS = (InvalidResponseHeader, InvalidResponseHeaderName)
"""What gunicorn derives from its class for unreadable requests, though it is our own fault."""

HEARTBEAT_INTERVAL = 1.0
"""Seconds between two signs of life, of the thirty after which gunicorn's master ends a worker."""


class Response(wsgi.Response):
    """An answer whose head goes out with the first piece of its body, as one packet that wakes the client once."""

    def write(self, arg: bytes) -> None:
        """Send a piece of the body."""
        if self.headers_sent or len(arg) > COALESCE_MAX:
            super().write(arg)
        else:
            self.sock.coalesce(super().write, arg)


class Worker(ThreadWorker):
    """The worker."""

    notified_at = 0.0

    def load_wsgi(self) -> None:
        """Load the application, and have at hand what each request needs."""
        super().load_wsgi()
        # gunicorn asks nobody what an answer is to be.
        wsgi.Response = Response
        # Dozens of settings are read in a request, by two calls each; and in a worker they never change.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})

    def notify(self) -> None:
        """Tell the master that this process lives, and not at each turn of the loop, which are two for a request."""
        now = time.monotonic()
        if now >= self.notified_at + HEARTBEAT_INTERVAL:
            self.notified_at = now
            super().notify()

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, a new one only when there is something to read."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock = DeadlineSocket(conn.sock)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> Any:
        """Serve one request, and tell whether another may come."""
        conn.sock.start_request()
        more = super().handle(conn)
        if not more:
            conn.sock.linger()
        return more

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what does not reach the application, or what it cannot answer any more."""
        request_id, kind = uuid4().hex, type(exc).__name__
        if isinstance(exc, ParseException) and not isinstance(exc, APPLICATION_ERRORS):
            status = STATUSES.get(type(exc), 400)
            self.log.warning("refused request %s of %s: %s", request_id, addr[0] if addr else "a local process", kind)
        else:
            status = 500
            self.log.error("unexpected in request %s: %s", request_id, kind, exc_info=exc)
        with suppress(OSError):
            client.sendall(error_response(status, request_id))


def error_response(status: int, request_id: str) -> bytes:
    """Return the answer to a request that cannot be read."""
    # Imported here: what the master imports, a reload (HUP) does not read again.
    from todo_api.http.errors import InternalError, Problem  # noqa: PLC0415
    from todo_api.http.headers import HEADERS  # noqa: PLC0415
    from todo_api.http.media_types import PROBLEM_JSON  # noqa: PLC0415

    problem = InternalError() if status == HTTPStatus.INTERNAL_SERVER_ERROR else Problem()
    body = json.dumps(problem.to_dict(status)).encode()
    own = {"Content-Type": PROBLEM_JSON, "Content-Length": len(body), "X-Request-Id": request_id}
    headers = {**HEADERS, **own, "Connection": "close"}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Logger(OwnLogger):
    """gunicorn's messages, which go to the handler that `logs.begin` has made."""

    def setup(self, cfg: Any) -> None:
        """Write nothing by itself."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
