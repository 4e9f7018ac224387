"""What a hostile client writes on the wire, to a real gunicorn: a message has one answer, and nothing is slipped in."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.processes import Service, serving
from tests.support.raw_http import answered, connect, everything, exchange
from todo_api.http.headers import HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGN_UP = "/api/auth/sign-up/email"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def edge(database: str) -> Iterator[Service]:
    """Yield a service that all of these tests attack; of one process, so that the next one misses what one blocks."""
    with serving(database, WEB_CONCURRENCY="1") as running_service:
        yield running_service


def post(*headers: str, body: bytes = b"") -> bytes:
    head = [f"POST {SIGN_UP} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def get(*headers: str, line: str = "GET / HTTP/1.1") -> bytes:
    return "\r\n".join([line, "Host: x", *headers, "", ""]).encode("latin-1")


CHUNKS = b"5\r\nabcde\r\n0\r\n\r\n"
BROKEN = {
    "length and chunks": post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and length": post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
    "another coding": post("Transfer-Encoding: xchunked", body=CHUNKS),
    "a coding in quotes": post('Transfer-Encoding: "chunked"', body=CHUNKS),
    "chunked not last": post("Transfer-Encoding: chunked, identity", body=CHUNKS),
    "chunked twice": post("Transfer-Encoding: chunked, chunked", body=CHUNKS),
    "two codings": post("Transfer-Encoding: chunked", "Transfer-Encoding: x", body=CHUNKS),
    "two chunked": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKS),
    "a vertical tab before the coding": post("Transfer-Encoding: \x0bchunked", body=CHUNKS),
    "a space before the colon": post("Transfer-Encoding : chunked", body=CHUNKS),
    "a line break in the name": post("Transfer\n-Encoding: chunked", body=CHUNKS),
    "identity alone": post("Transfer-Encoding: identity", "Content-Length: 5", body=b"abcde"),
    "chunks in HTTP/1.0": post("Transfer-Encoding: chunked", body=CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "two lengths": post("Content-Length: 5", "Content-Length: 6", body=b"abcdef"),
    "one length twice": post("Content-Length: 5", "Content-Length: 5", body=b"abcde"),
    "a list of lengths": post("Content-Length: 5, 5", body=b"abcde"),
    "a length with a sign": post("Content-Length: +5", body=b"abcde"),
    "a negative length": post("Content-Length: -5", body=b"abcde"),
    "a hexadecimal length": post("Content-Length: 0x5", body=b"abcde"),
    "a length with an underscore": post("Content-Length: 1_0", body=b"abcdeabcde"),
    "a length in other digits": post("Content-Length: \xb2", body=b"ab"),
    "no length at all": post("Content-Length:", body=b"abcde"),
    "a folded header": get("X-A: b", " c"),
    "a folded first header": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n",
    "a bare carriage return": get("X-A: b\rX-B: c"),
    "a NUL in a header": get("X-A: b\0c"),
    "a NUL in a name": get("X\0A: b"),
    "a NUL in the path": get(line="GET /\0 HTTP/1.1"),
    "a header without a name": get(": b"),
    "a header without a colon": get("nothing"),
    "two hosts": get("Host: y"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 without a preface": get(line="GET / HTTP/2.0"),
    "another version": get(line="GET / HTTP/1.10"),
    "another protocol": get(line="GET / ICY/1.1"),
    "no path": get(line="GET  HTTP/1.1"),
    "a space in the path": get(line="GET /a b HTTP/1.1"),
    "bytes in the path": get(line="GET /\xff HTTP/1.1"),
    "a method in small letters": get(line="get / HTTP/1.1"),
    "an authority": get(line="GET x:80 HTTP/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "the PROXY protocol": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + get(),
    "another expectation": get("Expect: 200-ok"),
    "a long line": get(line=f"GET /{'a' * 9000} HTTP/1.1"),
    "a long header": get(f"X-A: {'a' * 9000}"),
    "101 headers": get(*(f"X-{number}: b" for number in range(101))),
    "10,000 headers": get(*(f"X-{number}: b" for number in range(10_000))),
    "a hexadecimal chunk": post("Transfer-Encoding: chunked", body=b"0x5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk with a sign": post("Transfer-Encoding: chunked", body=b"+5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk with an underscore": post("Transfer-Encoding: chunked", body=b"0_5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk after a space": post("Transfer-Encoding: chunked", body=b" 5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk with a line feed": post("Transfer-Encoding: chunked", body=b"5\nabcde\r\n0\r\n\r\n"),
    "a chunk longer than it says": post("Transfer-Encoding: chunked", body=b"5\r\nabcdefg\r\n0\r\n\r\n"),
    "a chunk of 16 hexadecimal digits": post("Transfer-Encoding: chunked", body=b"f" * 16 + b"\r\nabcde\r\n0\r\n\r\n"),
    "a carriage return in an extension": post("Transfer-Encoding: chunked", body=b"5;a\rb\r\nabcde\r\n0\r\n\r\n"),
    "a line feed in an extension": post("Transfer-Encoding: chunked", body=b"5;a\nb\r\nabcde\r\n0\r\n\r\n"),
    "a length in the trailer": post("Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n0\r\nContent-Length: 9\r\n\r\n"),
    "a trailer that is none": post("Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n0\r\nnothing\r\n\r\n"),
}
"""Messages that two servers could read in two ways, or nobody in any."""


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
@pytest.mark.shows("ASVS 4.2.1")
def test_a_broken_message_is_refused_and_what_follows_is_not_read(edge: Service, sent: bytes) -> None:
    got = exchange(edge, sent + SMUGGLED)
    (status,) = answered(got)
    assert 400 <= status < 500, got
    assert b"/smuggled" not in got


@pytest.mark.parametrize("name", ["two hosts", "a long line", "101 headers", "another coding"])
def test_what_gunicorn_refuses_is_a_problem_like_any_other(edge: Service, name: str) -> None:
    head, _, body = exchange(edge, BROKEN[name]).partition(b"\r\n\r\n")
    lines = head.decode().splitlines()
    assert {f"{header}: {value}" for header, value in HEADERS.items()} <= set(lines)
    assert {"Content-Type: application/problem+json", "Connection: close"} <= set(lines)
    assert any(re.fullmatch("X-Request-Id: [0-9a-f]{32}", line) for line in lines)
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (answered(head)[0], "BAD_REQUEST")


@pytest.mark.parametrize("line", ["GET http://evil.example/ HTTP/1.1", "GET //evil.example/ HTTP/1.1"])
def test_a_whole_address_leads_nowhere_else(edge: Service, line: str) -> None:
    got = exchange(edge, get("Connection: close", line=line))
    assert answered(got) in ([200], [404])
    assert b"evil.example" not in got


def test_a_chunk_extension_is_passed_over(edge: Service) -> None:
    body = b'2;name=value;other="quo\\"ted"\r\n{}\r\n0\r\n\r\n'
    assert answered(exchange(edge, post("Transfer-Encoding: chunked", "Connection: close", body=body))) == [400]


@pytest.mark.shows("ASVS 4.2.1")
def test_a_body_refused_unread_is_no_next_request(edge: Service) -> None:
    inside = SMUGGLED * (2 * MIB // len(SMUGGLED))
    for framing, body in (
        (f"Content-Length: {len(inside)}", inside),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(inside), inside)),
    ):
        assert answered(exchange(edge, post(framing, body=body))) == [413]


def test_a_length_that_is_too_large_is_refused_before_the_body_comes(edge: Service) -> None:
    with connect(edge) as connection:
        connection.sendall(post(f"Content-Length: {2 * MIB}", "Connection: close"))
        assert answered(everything(connection)) == [413]


def test_an_import_that_is_too_large_is_refused_before_the_body_comes(edge: Service) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    token = requests.post(f"{edge.url}{SIGN_UP}", data=account, timeout=30).json()["token"]
    sent = post(f"Authorization: Bearer {token}", "Content-Length: 9000000000000", "Connection: close")
    with connect(edge) as connection:
        connection.sendall(sent.replace(SIGN_UP.encode(), b"/api/me/import"))
        assert answered(everything(connection)) == [413]


def test_a_small_body_that_no_route_reads_leaves_the_connection_usable(edge: Service) -> None:
    nowhere = post("Content-Length: 5", body=b"GET /").replace(SIGN_UP.encode(), b"/nowhere")
    assert answered(exchange(edge, nowhere + get("Connection: close"))) == [404, 200]


def test_who_asks_whether_to_go_on_gets_one_answer(edge: Service) -> None:
    with connect(edge) as connection:
        connection.sendall(post("Content-Length: 2", "Expect: 100-continue", "Connection: close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b"{}")
        assert answered(everything(connection)) == [400]


@pytest.mark.shows("ASVS 4.1.3")
@pytest.mark.parametrize(
    "forged",
    [
        "SCRIPT_NAME: /api",
        "PATH_INFO: /api/me/tasks",
        "X_Forwarded_For: 10.0.0.1",
        "Content_Length: 50",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Protocol: ssl",
        "X-Forwarded-Ssl: on",
        "X-Forwarded-Prefix: /evil",
        "X-Original-URL: /api/me/tasks",
        "X-HTTP-Method-Override: DELETE",
        "REMOTE_USER: admin",
    ],
)
def test_a_forged_header_moves_neither_path_nor_scheme(edge: Service, forged: str) -> None:
    def lasting(got: bytes) -> list[bytes]:
        return [line for line in got.splitlines() if not line.startswith((b"Date: ", b"X-Request-Id: "))]

    plain, changed = (exchange(edge, get("Connection: close", *headers)) for headers in ([], [forged]))
    assert lasting(plain) == lasting(changed)
    assert answered(plain) == [200]


def test_a_scheme_that_the_client_claims_makes_no_origin_trusted(edge: Service) -> None:
    page = ["Origin: https://x", "Cookie: a=b", "Content-Length: 2", "Connection: close"]
    got = exchange(edge, post(*page, "X-Forwarded-Proto: https", body=b"{}"))
    assert answered(got) == [403]


def test_two_authorizations_are_none(edge: Service) -> None:
    got = exchange(
        edge,
        get(
            "Authorization: Bearer a", "Authorization: Bearer b", "Connection: close", line="GET /api/me/tasks HTTP/1.1"
        ),
    )
    assert answered(got) == [401]
