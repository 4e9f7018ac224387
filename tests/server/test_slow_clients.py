"""Without a proxy in front, clients that are silent, slow or keep connections open delay others for seconds only."""

from __future__ import annotations

import threading
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from config import THREADS
from tests.support.processes import ON_GRANIAN, ON_GUNICORN
from tests.support.raw_http import connect, final_statuses, receive_all
from tests.support.slow_clients import INCOMPLETE_BODY, REQUESTS_FOR_LARGE_FILE, SIGN_UP, open_connections, trickling

if TYPE_CHECKING:
    import socket

    from tests.support.processes import Service

pytestmark = pytest.mark.timed

INCOMPLETE_CHUNKS = SIGN_UP + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n270f\r\n"
INCOMPLETE_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "


def assert_served(service: Service, seconds: float) -> None:
    assert requests.get(f"{service.url}/", timeout=seconds).status_code == 200


@pytest.mark.shows("API4:2023")
def test_silent_connections_occupy_no_thread(edge: Service) -> None:
    with open_connections(edge, 10 * THREADS, b"") as connections:
        assert_served(edge, 15)
        assert [receive_all(connection) for connection in connections] == [b""] * len(connections)


def test_clients_that_keep_closed_connections_open_time_out(edge: Service) -> None:
    with open_connections(edge, 3 * THREADS, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        assert_served(edge, 20)


@ON_GUNICORN
@pytest.mark.shows("API4:2023")
def test_a_request_that_trickles_in_times_out(edge: Service) -> None:
    """Each kind occupies a third of the threads."""
    expected: list[tuple[socket.socket, list[int]]] = []
    with ExitStack() as stack:
        for data, statuses in ((INCOMPLETE_HEAD, []), (INCOMPLETE_BODY, [400]), (INCOMPLETE_CHUNKS, [400])):
            connections = stack.enter_context(open_connections(edge, THREADS // 3, data))
            stack.enter_context(trickling(connections))
            expected.extend((connection, statuses) for connection in connections)
        assert_served(edge, 50)
        for connection, statuses in expected:
            assert final_statuses(receive_all(connection)) == statuses


@ON_GUNICORN
@pytest.mark.shows("API4:2023")
def test_a_response_that_the_client_does_not_read_times_out(edge: Service) -> None:
    with open_connections(edge, THREADS, REQUESTS_FOR_LARGE_FILE):
        threading.Event().wait(3)  # until the socket buffers are full
        assert_served(edge, 50)


@ON_GRANIAN
def test_a_head_that_trickles_in_times_out_on_granian(edge: Service) -> None:
    with open_connections(edge, THREADS, INCOMPLETE_HEAD) as connections, trickling(connections):
        assert_served(edge, 10)
        assert [receive_all(connection) for connection in connections] == [b""] * len(connections)


@ON_GRANIAN
def test_granian_without_a_proxy_waits_for_slow_clients(edge: Service) -> None:
    """docs/deploy.md requires a proxy therefore; tests/server/test_proxy.py shows that it helps."""
    half = THREADS // 2
    with open_connections(edge, half, INCOMPLETE_BODY), open_connections(edge, half, REQUESTS_FOR_LARGE_FILE):
        threading.Event().wait(3)  # until the socket buffers are full
        with pytest.raises(requests.Timeout):
            requests.get(f"{edge.url}/", timeout=8)
    assert_served(edge, 20)


def test_a_slow_but_steady_request_is_served(edge: Service) -> None:
    body = b'{"email": "%b@example.com", "password": "correct horse battery"}' % uuid.uuid4().hex.encode()
    with connect(edge) as connection:
        connection.sendall(SIGN_UP + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 8):
            threading.Event().wait(0.2)
            connection.sendall(body[start : start + 8])
        assert final_statuses(receive_all(connection)) == [200]
