"""gunicorn's threaded worker, with a patience that ends.

As it comes, a client that is silent, slow or does not hang up holds one of the few threads, or the loop that hands work
to them, for as long as it likes. Here the loop alone waits for a connection's first bytes, a request has a time to
come in and an answer one to go out. What gunicorn itself refuses is answered as a problem, as everything else is.

It is loaded by gunicorn's master, and so imports nothing of the package, which a reload is to read anew.
"""

from __future__ import annotations

import errno
import json
import selectors
import socket
import time
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gunicorn.glogging import Logger as OwnLogger
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gunicorn.workers.gthread import TConn

PATIENCE = 10.0
"""Seconds for a request to come in, and for its answer to be taken."""
RATE = 16 * 1024
"""For so many bytes of either there is one second more: 1 MiB may take 74."""
LINGER = 1.0
"""Seconds for a client to hang up, and for what it still sends to be thrown away."""

STATUSES = {LimitRequestLine: 414, LimitRequestHeaders: 431, ExpectationFailed: 417}
OURS = (InvalidResponseHeader, InvalidResponseHeaderName)
"""What gunicorn derives from its class for unreadable requests, though it is our own fault."""


class Patient(socket.socket):
    """A client's connection, on which nothing takes for ever."""

    received_by = 0.0
    sent_by = 0.0

    def expect(self) -> None:
        """Begin to wait for a request. The time of its answer begins with the first piece."""
        self.received_by = time.monotonic() + PATIENCE
        self.sent_by = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what comes, while the request's time lasts."""
        with self.until(self.received_by):
            data = super().recv(size, flags)
        self.received_by = at_most(self.received_by + len(data) / RATE)
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it, while the answer's time lasts."""
        end = (self.sent_by or time.monotonic() + PATIENCE) + len(data) / RATE
        with self.until(end):
            super().sendall(data, flags)
        self.sent_by = at_most(end)

    @contextmanager
    def until(self, moment: float) -> Iterator[None]:
        """Bound what is done on the connection, by a shorter bound where one is set already.

        Raises:
            TimeoutError: with the number of a lost connection, which gunicorn passes over in silence.

        """
        before = self.gettimeout()
        seconds = moment - time.monotonic()
        if seconds <= 0:
            raise TimeoutError(errno.ECONNRESET, "The client's time is up.")
        self.settimeout(seconds if before is None else min(seconds, before))
        try:
            yield
        except TimeoutError as error:
            raise TimeoutError(errno.ECONNRESET, "The client's time is up.") from error
        finally:
            self.settimeout(before)

    def leave(self) -> None:
        """Let the client hang up first: bytes that nobody read would make the kernel throw the answer away."""
        end = time.monotonic() + LINGER
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self.settimeout(left)
                if not super().recv(RATE):
                    break
        self.received_by = 0.0  # gunicorn's loop does the same once more, and is not to wait for anybody


def at_most(moment: float) -> float:
    """Return the moment, or an earlier one: speed earns time, but never more than there was at first."""
    return min(moment, time.monotonic() + PATIENCE)


class Worker(ThreadWorker):
    """The worker."""

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, a new one only when there is something to read."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock = Patient(fileno=conn.sock.detach())
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> Any:
        """Serve one request, and tell whether another may come."""
        conn.sock.expect()
        more = super().handle(conn)
        if not more:
            conn.sock.leave()
        return more

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what does not reach the application, or what it cannot answer any more."""
        request_id, kind = uuid4().hex, type(exc).__name__
        if isinstance(exc, ParseException) and not isinstance(exc, OURS):
            status = STATUSES.get(type(exc), 400)
            self.log.warning("refused request %s of %s: %s", request_id, addr[0] if addr else "a local process", kind)
        else:
            status = 500
            self.log.error("unexpected in request %s: %s", request_id, kind, exc_info=exc)
        with suppress(OSError):
            client.sendall(refusal(status, request_id))


def refusal(status: int, request_id: str) -> bytes:
    """Return the answer to a request that cannot be read."""
    from todo_api.answers import CONTENT_TYPE  # noqa: PLC0415 - what the master loads, a reload would not read anew
    from todo_api.errors import InternalError, Problem  # noqa: PLC0415
    from todo_api.headers import HEADERS  # noqa: PLC0415

    problem = InternalError() if status == HTTPStatus.INTERNAL_SERVER_ERROR else Problem()
    body = json.dumps(problem.members(status)).encode()
    own = {"Content-Type": CONTENT_TYPE, "Content-Length": len(body), "X-Request-Id": request_id}
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
