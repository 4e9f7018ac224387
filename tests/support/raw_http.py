"""HTTP requests as bytes, for those that no client library would send."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.processes import GUNICORN

if TYPE_CHECKING:
    import ssl

    from tests.support.processes import Service

STATUS_LINE = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)


def connect(service: Service, context: ssl.SSLContext | None = None) -> socket.socket:
    """Open a connection, by TLS if there is a context."""
    url = urlsplit(service.url)
    assert url.hostname
    connection = socket.create_connection((url.hostname, url.port or 443), timeout=60)
    return context.wrap_socket(connection, server_hostname=url.hostname) if context else connection


def exchange(
    service: Service, data: bytes, context: ssl.SSLContext | None = None, *, is_incomplete: bool = False
) -> bytes:
    """Send the bytes on a new connection, and return what the server sends until it closes the connection."""
    with connect(service, context) as connection:
        connection.sendall(data)
        # A client that has closed its side receives no response from granian, except to an incomplete request.
        if not context and (is_incomplete or service.server == GUNICORN):
            connection.shutdown(socket.SHUT_WR)
        return receive_all(connection)


def receive_all(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes or resets the connection."""
    received = b""
    try:
        while data := connection.recv(65_536):
            received += data
    except ConnectionResetError:
        pass
    return received


def final_statuses(received: bytes) -> list[int]:
    """Return the status codes of the final responses: those that are not 1xx."""
    return [status for status in map(int, STATUS_LINE.findall(received)) if status >= 200]
