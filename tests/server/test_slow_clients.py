"""Clients that are silent, slow or do not hang up hold the service for seconds, also where no proxy shields it."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests

from config import THREADS
from tests.support.processes import Service, serving
from tests.support.raw_http import answered, connect, everything

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator

SIGN_UP = b"POST /api/auth/sign-up/email HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = SIGN_UP + b"Content-Length: 9999\r\n\r\n{"
CHUNKS = SIGN_UP + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n270f\r\n"
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "


@pytest.fixture(scope="module")
def narrow(database: str) -> Iterator[Service]:
    """Yield a service of one process, which so few clients could hold up."""
    with serving(database, WEB_CONCURRENCY="1") as running_service:
        yield running_service


@contextmanager
def many(
    service: Service, number: int, sent: bytes, trusting: ssl.SSLContext | None = None
) -> Iterator[list[socket.socket]]:
    """Keep so many connections open, on each of which the bytes were sent."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(service, trusting)) for _ in range(number)]
        for connection in connections:
            connection.sendall(sent)
        yield connections


@contextmanager
def trickling(connections: list[socket.socket]) -> Iterator[None]:
    """Send a byte on each of them every half second."""
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.5):
            for connection in connections:
                with suppress(OSError):
                    connection.sendall(b" ")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def assert_served(service: Service, seconds: float) -> None:
    assert requests.get(f"{service.url}/", timeout=seconds).status_code == 200


@pytest.mark.shows("API4:2023")
def test_silent_connections_hold_no_thread(narrow: Service) -> None:
    with many(narrow, 10 * THREADS, b"") as connections:
        assert_served(narrow, 15)
        assert [everything(connection) for connection in connections] == [b""] * len(connections)


def test_clients_that_do_not_hang_up_hold_nothing_for_long(narrow: Service) -> None:
    with many(narrow, 3 * THREADS, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        assert_served(narrow, 20)


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize(("sent", "statuses"), [(HEAD, []), (BODY, [400]), (CHUNKS, [400])])
def test_a_request_that_trickles_is_ended(narrow: Service, sent: bytes, statuses: list[int]) -> None:
    with many(narrow, THREADS, sent) as connections, trickling(connections):
        assert_served(narrow, 50)
        assert [answered(everything(connection)) for connection in connections] == [statuses] * len(connections)


@pytest.mark.shows("API4:2023")
def test_an_answer_that_nobody_takes_is_given_up(narrow: Service) -> None:
    asked = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    with many(narrow, THREADS, asked):
        threading.Event().wait(3)  # until what lies between the two is full
        assert_served(narrow, 50)


def test_what_comes_slowly_and_steadily_is_served(narrow: Service) -> None:
    body = b'{"email": "slow@example.com", "password": "correct horse battery"}'
    with connect(narrow) as connection:
        connection.sendall(SIGN_UP + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 8):
            threading.Event().wait(0.2)
            connection.sendall(body[start : start + 8])
        assert answered(everything(connection)) == [200]
