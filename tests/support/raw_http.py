"""Requests as bytes, for those that no client library would send."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

    from tests.support.processes import Service

STATUS_LINE = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)


def connect(service: Service, trusting: ssl.SSLContext | None = None) -> socket.socket:
    """Open a connection, by TLS where there is a context that says whom to trust."""
    target = urlsplit(service.url)
    assert target.hostname
    connection = socket.create_connection((target.hostname, target.port or 443), timeout=60)
    return trusting.wrap_socket(connection, server_hostname=target.hostname) if trusting else connection


def exchange(service: Service, sent: bytes, trusting: ssl.SSLContext | None = None) -> bytes:
    """Send the bytes on a connection of their own, and return everything that comes until the other side hangs up."""
    with connect(service, trusting) as connection:
        connection.sendall(sent)
        if not trusting:
            connection.shutdown(socket.SHUT_WR)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the other side hangs up, which it may do by force."""
    got = b""
    try:
        while data := connection.recv(65_536):
            got += data
    except ConnectionResetError:
        pass
    return got


def answered(got: bytes) -> list[int]:
    """Return the status of each final answer in what came."""
    return [status for status in map(int, STATUS_LINE.findall(got)) if status >= 200]
