"""Clients that send slowly, or nothing."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from tests.support.raw_http import connect

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator

    from tests.support.processes import Service

SIGN_UP = b"POST /api/auth/sign-up/email HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
INCOMPLETE_BODY = SIGN_UP + b"Content-Length: 9999\r\n\r\n{"
REQUESTS_FOR_LARGE_FILE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 20
"""Requests for more than the buffers of a connection hold, from a client that does not read."""


@contextmanager
def open_connections(
    service: Service, count: int, data: bytes, tls: ssl.SSLContext | None = None
) -> Iterator[list[socket.socket]]:
    """Open connections, and send the data on each of them. Close them at the end of the block."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(service, tls)) for _ in range(count)]
        for connection in connections:
            connection.sendall(data)
        yield connections


@contextmanager
def trickling(connections: list[socket.socket]) -> Iterator[None]:
    """Send a byte on each connection every half second during the block."""
    stopped = threading.Event()

    def trickle() -> None:
        while not stopped.wait(0.5):
            for connection in connections:
                with suppress(OSError):
                    connection.sendall(b" ")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
