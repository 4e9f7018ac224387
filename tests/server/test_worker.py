"""The gunicorn worker: its cost per request, the order of what it sends, and its timeouts."""

from __future__ import annotations

import errno
import gc
import os
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from types import CodeType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.workers.gthread import TConn

from devtools.processes import free_port
from server.socket_timeouts import COALESCE_MAX, LINGER_TIMEOUT, MIN_RATE, DeadlineSocket
from server.worker import HEARTBEAT_INTERVAL, Logger, Worker
from tests.support.processes import ON_GUNICORN, ROOT, clean_environ, wait_until_ready
from tests.support.raw_http import connect, final_statuses, receive_all
from tests.test_costs import GROWTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from tests.support.processes import Service

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
EXPECT_CONTINUE = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
LARGE = bytes(range(256)) * 20_000
CHUNKS_OF_AB = b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
RECORDED = 281
"""Function calls of GET. Three of them are the application's."""
DATA_SEGMENTS_IN = 152
"""The offset of `tcpi_data_segs_in` in Linux's `tcp_info`: the number of received packets that have data."""


class Exchange:
    """A client and a worker, connected by a socket pair."""

    def __init__(self) -> None:
        self.client, accepted = socket.socketpair()
        self.client.settimeout(20)
        config = Config()
        loader = SimpleNamespace(wsgi=lambda: responding(b"ab", length=2))
        self.worker = Worker(1, os.getppid(), [], loader, 30, config, Logger(config))
        self.worker.load_wsgi()
        self.connection = TConn(config, accepted, ("127.0.0.1", 1), ("127.0.0.1", 8000))
        self.connection.sock = DeadlineSocket(accepted)
        self.connection.data_ready = True  # as after the first bytes

    def serve(self, application: WSGIApplication, request: bytes = GET) -> bool:
        """Send the request and serve it in this thread. Return whether the connection stays open."""
        self.client.sendall(request)
        self.worker.wsgi = application
        return bool(self.worker.handle(self.connection))

    def close(self) -> bytes:
        """Close the connection. Return what the client has received."""
        self.connection.close()
        return receive_all(self.client)


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setattr(wsgi, "Response", wsgi.Response)  # restores the class that the worker replaces
    exchange = Exchange()
    with exchange.client, closing(exchange.worker.tmp), closing(exchange.connection):
        yield exchange
    exchange.connection.close()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, DeadlineSocket]]:
    """Yield an idle client and its server, whose send buffer is as small as possible."""
    client, accepted = socket.socketpair()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with client, DeadlineSocket(accepted) as server:
        yield client, server


def responding(*parts: bytes, status: str = "200 OK", length: int | None = None) -> WSGIApplication:
    """Return an application with this body, which is chunked if there is no length."""

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response(status, [] if length is None else [("Content-Length", str(length))])
        return list(parts)

    return application


def calls_of(action: Callable[[], Any]) -> list[Any]:
    """Return the called functions in order: the code of a Python function, or a C function."""
    calls = []

    def profile(frame: Any, event: str, function: Any) -> None:
        if event in {"call", "c_call"}:
            calls.append(function if event == "c_call" else frame.f_code)

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def system_calls_of(action: Callable[[], Any]) -> list[str]:
    """Return the calls in order that use the socket, poll or write a heartbeat."""
    functions = [call for call in calls_of(action) if not isinstance(call, CodeType)]
    return [
        function.__name__
        for function in functions
        if (isinstance(function.__self__, DeadlineSocket) and function.__name__ not in {"__init__", "fileno"})
        or function.__name__ in {"poll", "utime"}
    ]


def packets(connection: socket.socket) -> int:
    """Return the number of received packets that have data."""
    tcp_info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int.from_bytes(tcp_info[DATA_SEGMENTS_IN : DATA_SEGMENTS_IN + 4], sys.byteorder)


@ON_GUNICORN
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the received packets")
@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nowhere", 404), ("/ä", 400)])
def test_a_response_is_one_packet(edge: Service, path: str, status: int) -> None:
    with connect(edge) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert final_statuses(receive_all(connection)) == [status]
        assert packets(connection) == 1


@pytest.mark.parametrize(
    ("application", "request_bytes"),
    [
        (responding(b"ab", length=2), GET),
        (responding(b"ab", length=2), HEAD),
        (responding(status="204 No Content"), GET),
        (responding(status="304 Not Modified"), GET),
        (responding(length=0), GET),
    ],
)
def test_a_request_without_waiting_is_one_recv_and_one_send(
    exchange: Exchange, application: WSGIApplication, request_bytes: bytes
) -> None:
    for _ in range(2):
        assert system_calls_of(lambda: exchange.serve(application, request_bytes)) == ["recv", "send"]


def test_a_request_has_no_more_function_calls_than_recorded(exchange: Exchange) -> None:
    application = responding(b"ab", length=2)
    count = min(len(calls_of(lambda: exchange.serve(application))) for _ in range(3))
    assert count <= RECORDED * GROWTH, f"{count} calls"


GC_APPLICATION = """
import gc

def app(environ, start_response):
    start_response("200 OK", [])
    return [f"{gc.get_freeze_count()} {gc.get_threshold()[0]}".encode()]
"""


def test_the_garbage_collector_skips_the_loaded_application(tmp_path: Path) -> None:
    (tmp_path / "gc_application.py").write_text(GC_APPLICATION)
    port = str(free_port())
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--pythonpath", str(tmp_path)]
    settings = {"PORT": port, "WEB_CONCURRENCY": "1", "BETTER_AUTH_SECRET": "x" * 32, "DATABASE_URL": "postgresql:///"}
    with subprocess.Popen([*command, "gc_application:app"], cwd=ROOT, env=clean_environ(**settings)) as process:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/")
            frozen, threshold = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text.split()
        finally:
            process.terminate()
    assert int(frozen) > 10_000
    assert int(threshold) > gc.get_threshold()[0]


def test_settings_are_instance_attributes(exchange: Exchange) -> None:
    assert Config.__getattr__.__code__ not in calls_of(lambda: exchange.serve(responding(b"ab", length=2)))


def test_a_heartbeat_is_sent_once_per_interval(exchange: Exchange) -> None:
    worker = exchange.worker
    for count in (1, 0, 0, 1):
        assert system_calls_of(worker.notify) == ["utime"] * count
        worker.notified_at -= HEARTBEAT_INTERVAL / 3


def test_each_part_is_sent_before_the_next_is_produced(exchange: Exchange) -> None:
    received = []

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        for part in (b"a", b"b"):
            yield part
            received.append(exchange.client.recv(1000))

    assert exchange.serve(application)
    head, _, first = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (first, received[1], exchange.close()) == (b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n")


@pytest.mark.parametrize("parts", [(b"a", b"b"), (b"", b"a", b"b"), (b"a", b"", b"b")])
def test_a_response_in_parts_is_complete_and_in_order(exchange: Exchange, parts: tuple[bytes, ...]) -> None:
    assert exchange.serve(responding(*parts))
    assert exchange.close().partition(b"\r\n\r\n")[2] == CHUNKS_OF_AB


@pytest.mark.parametrize("parts", [(LARGE,), (b"a" * COALESCE_MAX, LARGE), (b"a" * (COALESCE_MAX + 1), b"a")])
def test_a_large_response_to_a_slow_client_is_complete(exchange: Exchange, parts: tuple[bytes, ...]) -> None:
    body = b"".join(parts)
    keep_alive = []
    thread = threading.Thread(target=lambda: keep_alive.append(exchange.serve(responding(*parts, length=len(body)))))
    thread.start()
    received = b""
    while len(received) < len(body):
        time.sleep(0.001)
        received += exchange.client.recv(MIN_RATE)
    thread.join()
    assert keep_alive == [True]
    assert (received + exchange.close()).partition(b"\r\n\r\n")[2] == body


def test_parts_sent_before_an_error_of_the_application_arrive(exchange: Exchange) -> None:
    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        yield b"a"
        raise ValueError

    assert not exchange.serve(application)
    received = exchange.close()
    assert (final_statuses(received), received.partition(b"\r\n\r\n")[2]) == ([200], b"a")


def test_a_part_of_the_wrong_type_ends_the_response_after_its_head(exchange: Exchange) -> None:
    assert not exchange.serve(responding("a", length=1))  # type: ignore[arg-type]
    assert final_statuses(exchange.close()) == [200]


def test_an_application_that_fails_before_its_first_part_is_500(exchange: Exchange) -> None:
    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        raise ValueError
        yield b""

    assert not exchange.serve(application)
    assert final_statuses(exchange.close()) == [500]


def test_100_continue_is_sent_before_the_body_is_read(exchange: Exchange) -> None:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        assert exchange.client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        exchange.client.sendall(b"{}")
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", "2")])
        return [body]

    assert exchange.serve(application, EXPECT_CONTINUE)
    assert exchange.close().endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("limit", ["the request's deadline", "gunicorn's timeout"])
def test_receiving_times_out(sockets: tuple[socket.socket, DeadlineSocket], limit: str) -> None:
    _client, server = sockets
    server.start_request()
    if limit == "gunicorn's timeout":
        server.settimeout(0.1)
    else:
        server.receive_deadline = time.monotonic() + 0.1
    started = time.monotonic()
    with pytest.raises(TimeoutError) as raised:
        server.recv(1)
    assert raised.value.errno == errno.ECONNRESET
    assert 0.09 < time.monotonic() - started < 5


def test_data_after_the_deadline_is_not_received(sockets: tuple[socket.socket, DeadlineSocket]) -> None:
    client, server = sockets
    client.sendall(b"a")
    server.receive_deadline = time.monotonic()
    with pytest.raises(TimeoutError):
        server.recv(1)


def test_data_after_the_deadline_is_not_sent(sockets: tuple[socket.socket, DeadlineSocket]) -> None:
    _client, server = sockets
    server.send_deadline = time.monotonic() - 1
    with pytest.raises(TimeoutError):
        server.sendall(b"a")


def test_a_wait_with_a_past_deadline_times_out(sockets: tuple[socket.socket, DeadlineSocket]) -> None:
    _client, server = sockets
    with pytest.raises(TimeoutError):
        server.wait_for(select.POLLIN, time.monotonic() - 1)


def test_the_client_may_close_first(exchange: Exchange) -> None:
    started = time.monotonic()
    closing_client = threading.Timer(0.3, exchange.client.close)
    closing_client.start()
    assert not exchange.serve(responding(b"ab", length=2), GET.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert 0.3 <= time.monotonic() - started < LINGER_TIMEOUT
    closing_client.join()


def test_received_bytes_extend_the_deadline_to_at_most_the_full_timeout(
    sockets: tuple[socket.socket, DeadlineSocket],
) -> None:
    client, server = sockets
    client.sendall(b"a" * MIN_RATE)
    server.start_request()
    server.receive_deadline -= 5
    before = server.receive_deadline
    assert len(server.recv(MIN_RATE // 2)) == MIN_RATE // 2
    assert server.receive_deadline == before + 0.5
    server.start_request()
    before = server.receive_deadline
    assert len(server.recv(MIN_RATE)) == MIN_RATE // 2
    assert before <= server.receive_deadline < before + 0.4


@pytest.mark.parametrize("method", ["send", "sendall"])
def test_sending_times_out(sockets: tuple[socket.socket, DeadlineSocket], method: str) -> None:
    _client, server = sockets
    server.receive_deadline = server.send_deadline = time.monotonic() + 0.1
    with pytest.raises(TimeoutError) as raised:
        getattr(server, method)(bytes(MIN_RATE))
    assert raised.value.errno == errno.ECONNRESET


def test_the_deadline_of_a_response_starts_after_100_continue(
    sockets: tuple[socket.socket, DeadlineSocket],
) -> None:
    _client, server = sockets
    server.start_request()
    server.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert server.send_deadline == 0
    server.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    assert server.send_deadline > time.monotonic() + 9
