"""Without a proxy in front, clients that are silent, slow or keep connections open delay others for seconds only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import requests

from config import THREADS
from tests.support.processes import Service, running_service
from tests.support.raw_http import connect, final_statuses, receive_all
from tests.support.slow_clients import INCOMPLETE_BODY, SIGN_UP, open_connections, trickling

if TYPE_CHECKING:
    from collections.abc import Iterator

INCOMPLETE_CHUNKS = SIGN_UP + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n270f\r\n"
INCOMPLETE_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "


@pytest.fixture(scope="module")
def small_service(database: str) -> Iterator[Service]:
    """Yield a service with one process, so that few clients can occupy all threads."""
    with running_service(database, WEB_CONCURRENCY="1") as service:
        yield service


def assert_served(service: Service, seconds: float) -> None:
    assert requests.get(f"{service.url}/", timeout=seconds).status_code == 200


@pytest.mark.shows("API4:2023")
def test_silent_connections_occupy_no_thread(small_service: Service) -> None:
    with open_connections(small_service, 10 * THREADS, b"") as connections:
        assert_served(small_service, 15)
        assert [receive_all(connection) for connection in connections] == [b""] * len(connections)


def test_clients_that_keep_closed_connections_open_time_out(small_service: Service) -> None:
    with open_connections(small_service, 3 * THREADS, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        assert_served(small_service, 20)


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize(
    ("data", "statuses"), [(INCOMPLETE_HEAD, []), (INCOMPLETE_BODY, [400]), (INCOMPLETE_CHUNKS, [400])]
)
def test_a_request_that_trickles_in_times_out(small_service: Service, data: bytes, statuses: list[int]) -> None:
    with open_connections(small_service, THREADS, data) as connections, trickling(connections):
        assert_served(small_service, 50)
        assert [final_statuses(receive_all(connection)) for connection in connections] == [statuses] * len(connections)


@pytest.mark.shows("API4:2023")
def test_a_response_that_the_client_does_not_read_times_out(small_service: Service) -> None:
    requests_for_large_file = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    with open_connections(small_service, THREADS, requests_for_large_file):
        threading.Event().wait(3)  # until the socket buffers are full
        assert_served(small_service, 50)


def test_a_slow_but_steady_request_is_served(small_service: Service) -> None:
    body = b'{"email": "slow@example.com", "password": "correct horse battery"}'
    with connect(small_service) as connection:
        connection.sendall(SIGN_UP + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 8):
            threading.Event().wait(0.2)
            connection.sendall(body[start : start + 8])
        assert final_statuses(receive_all(connection)) == [200]
