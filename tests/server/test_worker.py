"""What lies between a connection and the application: how little it costs, and what goes out when."""

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

from devtools.embedded_postgres import free_port
from server.socket_timeouts import COALESCE_MAX, LINGER_TIMEOUT, MIN_RATE, DeadlineSocket
from server.worker import HEARTBEAT_INTERVAL, Logger, Worker
from tests.support.processes import ROOT, environment, wait_until_answering
from tests.support.raw_http import answered, connect, everything
from tests.test_costs import GROWTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from tests.support.processes import Service

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
ASKING = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
LARGE = bytes(range(256)) * 20_000
CHUNKS_OF_AB = b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
RECORDED = 281
"""Calls that were counted for GET, of which the application has three."""
DATA_SEGMENTS_IN = 152
"""Where Linux keeps in its `tcp_info` how many packets with data have come."""


class Exchange:
    """A client, and the worker's end of its connection."""

    def __init__(self) -> None:
        self.client, accepted = socket.socketpair()
        self.client.settimeout(20)
        config = Config()
        loaded = SimpleNamespace(wsgi=lambda: saying(b"ab", length=2))
        self.worker = Worker(1, os.getppid(), [], loaded, 30, config, Logger(config))
        self.worker.load_wsgi()
        self.connection = TConn(config, accepted, ("127.0.0.1", 1), ("127.0.0.1", 8000))
        self.connection.sock = DeadlineSocket(accepted)
        self.connection.data_ready = True  # so that the loop gives it to a thread

    def serve(self, application: WSGIApplication, sent: bytes = GET) -> bool:
        """Have the worker serve what the client sends, in this thread; tell whether the connection is kept."""
        self.client.sendall(sent)
        self.worker.wsgi = application
        return bool(self.worker.handle(self.connection))

    def end(self) -> bytes:
        """Return what has come, all of it."""
        self.connection.close()
        return everything(self.client)


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setattr(wsgi, "Response", wsgi.Response)  # which the worker changes, in a process of its own
    running = Exchange()
    with running.client, closing(running.worker.tmp), closing(running.connection):
        yield running
    running.connection.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, DeadlineSocket]]:
    """Yield a client that does nothing, and the other end, whose buffer has room for little."""
    client, accepted = socket.socketpair()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with client, DeadlineSocket(accepted) as patient:
        yield client, patient


def saying(*pieces: bytes, status: str = "200 OK", length: int | None = None) -> WSGIApplication:
    """Return an application that answers with these pieces, in chunks unless it says how long they are."""

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response(status, [] if length is None else [("Content-Length", str(length))])
        return list(pieces)

    return application


def calls(action: Callable[[], Any]) -> list[Any]:
    """Return the functions that are called, in their order: those in Python by their code, and those in C."""
    called = []

    def note(frame: Any, event: str, function: Any) -> None:
        if event in {"call", "c_call"}:
            called.append(function if event == "c_call" else frame.f_code)

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return called


def asked_of_the_kernel(action: Callable[[], Any]) -> list[str]:
    """Return the functions in C that are called of a connection, wait, or give a sign of life, in their order."""
    functions = [each for each in calls(action) if not isinstance(each, CodeType)]
    ours = [
        each for each in functions if isinstance(each.__self__, DeadlineSocket) or each.__name__ in {"poll", "utime"}
    ]
    return [each.__name__ for each in ours if each.__name__ not in {"__init__", "fileno"}]


def packets(connection: socket.socket) -> int:
    """Return how many packets with data have come."""
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int.from_bytes(told[DATA_SEGMENTS_IN : DATA_SEGMENTS_IN + 4], sys.byteorder)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many packets came")
@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nowhere", 404), ("/ä", 400)])
def test_an_answer_comes_as_one_packet(service: Service, path: str, status: int) -> None:
    with connect(service) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answered(everything(connection)) == [status]
        assert packets(connection) == 1


@pytest.mark.parametrize(
    ("application", "sent"),
    [
        (saying(b"ab", length=2), GET),
        (saying(b"ab", length=2), HEAD),
        (saying(status="204 No Content"), GET),
        (saying(status="304 Not Modified"), GET),
        (saying(length=0), GET),
    ],
)
def test_who_is_quick_costs_one_call_to_read_and_one_to_write(
    exchange: Exchange, application: WSGIApplication, sent: bytes
) -> None:
    for _ in range(2):
        assert asked_of_the_kernel(lambda: exchange.serve(application, sent)) == ["recv", "send"]


def test_a_request_costs_no_more_than_it_did(exchange: Exchange) -> None:
    application = saying(b"ab", length=2)
    number = min(len(calls(lambda: exchange.serve(application))) for _ in range(3))
    assert number <= RECORDED * GROWTH, f"{number} calls"


TELLING = """
import gc

def app(environ, start_response):
    start_response("200 OK", [])
    return [f"{gc.get_freeze_count()} {gc.get_threshold()[0]}".encode()]
"""


def test_what_lives_as_long_as_a_worker_is_never_collected(tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(TELLING)
    port = str(free_port())
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--pythonpath", str(tmp_path)]
    settings = {"PORT": port, "WEB_CONCURRENCY": "1", "BETTER_AUTH_SECRET": "x" * 32, "DATABASE_URL": "postgresql:///"}
    with subprocess.Popen([*command, "telling:app"], cwd=ROOT, env=environment(**settings)) as process:
        try:
            wait_until_answering(f"http://127.0.0.1:{port}/")
            frozen, threshold = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text.split()
        finally:
            process.terminate()
    assert int(frozen) > 10_000
    assert int(threshold) > gc.get_threshold()[0]


def test_settings_are_at_hand(exchange: Exchange) -> None:
    assert Config.__getattr__.__code__ not in calls(lambda: exchange.serve(saying(b"ab", length=2)))


def test_a_sign_of_life_is_given_once_in_a_while(exchange: Exchange) -> None:
    worker = exchange.worker
    for number in (1, 0, 0, 1):
        assert asked_of_the_kernel(worker.notify) == ["utime"] * number
        worker.notified_at -= HEARTBEAT_INTERVAL / 3


def test_each_piece_goes_out_before_the_next_is_asked_for(exchange: Exchange) -> None:
    got = []

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        for piece in (b"a", b"b"):
            yield piece
            got.append(exchange.client.recv(1000))

    assert exchange.serve(application)
    head, _, first = got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (first, got[1], exchange.end()) == (b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n")


@pytest.mark.parametrize("pieces", [(b"a", b"b"), (b"", b"a", b"b"), (b"a", b"", b"b")])
def test_an_answer_in_pieces_is_whole_and_in_order(exchange: Exchange, pieces: tuple[bytes, ...]) -> None:
    assert exchange.serve(saying(*pieces))
    assert exchange.end().partition(b"\r\n\r\n")[2] == CHUNKS_OF_AB


@pytest.mark.parametrize("pieces", [(LARGE,), (b"a" * COALESCE_MAX, LARGE), (b"a" * (COALESCE_MAX + 1), b"a")])
def test_a_large_answer_to_a_slow_reader_is_whole(exchange: Exchange, pieces: tuple[bytes, ...]) -> None:
    body = b"".join(pieces)
    kept = []
    serving = threading.Thread(target=lambda: kept.append(exchange.serve(saying(*pieces, length=len(body)))))
    serving.start()
    got = b""
    while len(got) < len(body):
        time.sleep(0.001)
        got += exchange.client.recv(MIN_RATE)
    serving.join()
    assert kept == [True]
    assert (got + exchange.end()).partition(b"\r\n\r\n")[2] == body


def test_what_was_sent_before_the_application_failed_is_not_lost(exchange: Exchange) -> None:
    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        yield b"a"
        raise ValueError

    assert not exchange.serve(application)
    got = exchange.end()
    assert (answered(got), got.partition(b"\r\n\r\n")[2]) == ([200], b"a")


def test_a_piece_that_is_none_ends_the_answer_after_its_head(exchange: Exchange) -> None:
    assert not exchange.serve(saying("a", length=1))  # type: ignore[arg-type]
    assert answered(exchange.end()) == [200]


def test_an_application_that_fails_before_it_answers_is_500(exchange: Exchange) -> None:
    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        raise ValueError
        yield b""

    assert not exchange.serve(application)
    assert answered(exchange.end()) == [500]


def test_who_asks_whether_to_go_on_is_told_at_once(exchange: Exchange) -> None:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        assert exchange.client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        exchange.client.sendall(b"{}")
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", "2")])
        return [body]

    assert exchange.serve(application, ASKING)
    assert exchange.end().endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("bounded_by", ["the request's time", "gunicorn"])
def test_reading_ends(ends: tuple[socket.socket, DeadlineSocket], bounded_by: str) -> None:
    _client, patient = ends
    patient.start_request()
    if bounded_by == "gunicorn":
        patient.settimeout(0.1)
    else:
        patient.receive_deadline = time.monotonic() + 0.1
    started = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        patient.recv(1)
    assert caught.value.errno == errno.ECONNRESET
    assert 0.09 < time.monotonic() - started < 5


def test_what_comes_too_late_is_not_read(ends: tuple[socket.socket, DeadlineSocket]) -> None:
    client, patient = ends
    client.sendall(b"a")
    patient.receive_deadline = time.monotonic()
    with pytest.raises(TimeoutError):
        patient.recv(1)


def test_what_is_said_too_late_is_not_sent(ends: tuple[socket.socket, DeadlineSocket]) -> None:
    _client, patient = ends
    patient.send_deadline = time.monotonic() - 1
    with pytest.raises(TimeoutError):
        patient.sendall(b"a")


def test_nobody_waits_for_what_is_past(ends: tuple[socket.socket, DeadlineSocket]) -> None:
    _client, patient = ends
    with pytest.raises(TimeoutError):
        patient.wait_for(select.POLLIN, time.monotonic() - 1)


def test_the_client_is_let_hang_up_first(exchange: Exchange) -> None:
    hanging_up = threading.Timer(0.3, exchange.client.close)
    hanging_up.start()
    started = time.monotonic()
    assert not exchange.serve(saying(b"ab", length=2), GET.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert 0.3 <= time.monotonic() - started < LINGER_TIMEOUT
    hanging_up.join()


def test_what_comes_earns_time_but_never_more_than_there_was(ends: tuple[socket.socket, DeadlineSocket]) -> None:
    client, patient = ends
    client.sendall(b"a" * MIN_RATE)
    patient.start_request()
    patient.receive_deadline -= 5
    before = patient.receive_deadline
    assert len(patient.recv(MIN_RATE // 2)) == MIN_RATE // 2
    assert patient.receive_deadline == before + 0.5
    patient.start_request()
    before = patient.receive_deadline
    assert len(patient.recv(MIN_RATE)) == MIN_RATE // 2
    assert before <= patient.receive_deadline < before + 0.4


@pytest.mark.parametrize("way", ["send", "sendall"])
def test_writing_ends_also_where_it_only_says_to_go_on(ends: tuple[socket.socket, DeadlineSocket], way: str) -> None:
    _client, patient = ends
    patient.receive_deadline = patient.send_deadline = time.monotonic() + 0.1
    with pytest.raises(TimeoutError) as caught:
        getattr(patient, way)(bytes(MIN_RATE))
    assert caught.value.errno == errno.ECONNRESET


def test_an_answer_has_its_time_after_a_body_that_was_asked_for(ends: tuple[socket.socket, DeadlineSocket]) -> None:
    _client, patient = ends
    patient.start_request()
    patient.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert patient.send_deadline == 0
    patient.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    assert patient.send_deadline > time.monotonic() + 9
