"""Hostile messages to a running service: each has one response, and no request can be smuggled."""

from __future__ import annotations

import json
import re
import uuid

import pytest
import requests

from tests.support.malformed_messages import (
    CLOSED_BY_GRANIAN,
    MALFORMED,
    SERVED_BY_GRANIAN,
    SIGN_UP,
    SMUGGLED,
    get,
    post,
)
from tests.support.processes import GRANIAN, ON_GRANIAN, ON_GUNICORN, Service
from tests.support.raw_http import connect, exchange, final_statuses, receive_all
from todo_api.http.headers import DEFAULT_HEADERS

MIB = 1024 * 1024


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.shows("ASVS 4.2.1")
def test_a_malformed_message_is_rejected_and_the_rest_is_not_read(edge: Service, name: str) -> None:
    received = exchange(edge, MALFORMED[name] + SMUGGLED)
    statuses = final_statuses(received)
    if edge.server == GRANIAN and name in SERVED_BY_GRANIAN:
        assert (len(statuses), statuses[-1]) == (2, 404)  # the end of the first request is clear
    elif edge.server == GRANIAN and name in CLOSED_BY_GRANIAN:
        assert received == b""
    else:
        (status,) = statuses
        assert 400 <= status < 500, received
        assert b"/smuggled" not in received


@ON_GRANIAN
@pytest.mark.parametrize("name", ["another coding", "101 headers"])
def test_an_error_of_granian_has_no_body_and_no_request_id(edge: Service, name: str) -> None:
    head, _, body = exchange(edge, MALFORMED[name]).lower().partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"x-request-id" not in head
    assert body == b""


@ON_GRANIAN
def test_granian_refuses_a_body_in_chunks(edge: Service) -> None:
    """It passes on the chunks before an error as if they were the whole body."""
    body = b'{"email": "chunks@example.com", "password": "correct horse battery"}'
    for end in (b"ZZ\r\n", b"0\r\n\r\n"):
        chunks = b"%x\r\n%b\r\n%b" % (len(body), body, end)
        head, _, content = exchange(edge, post("Transfer-Encoding: chunked", body=chunks)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 411 Length Required\r\n")
        assert {b"x-content-type-options: nosniff", b"connection: close"} <= set(head.lower().splitlines())
        assert json.loads(content)["status"] == 411
    assert final_statuses(exchange(edge, post(f"Content-Length: {len(body)}", "Connection: close", body=body))) == [200]


@ON_GUNICORN
@pytest.mark.parametrize("name", ["two hosts", "a long line", "101 headers", "another coding"])
def test_an_error_of_gunicorn_is_a_problem(edge: Service, name: str) -> None:
    head, _, body = exchange(edge, MALFORMED[name]).partition(b"\r\n\r\n")
    lines = head.decode().splitlines()
    assert {f"{header}: {value}" for header, value in DEFAULT_HEADERS.items()} <= set(lines)
    assert {"Content-Type: application/problem+json", "Connection: close"} <= set(lines)
    assert any(re.fullmatch("X-Request-Id: [0-9a-f]{32}", line) for line in lines)
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (final_statuses(head)[0], "BAD_REQUEST")


@pytest.mark.parametrize("line", ["GET http://evil.example/ HTTP/1.1", "GET //evil.example/ HTTP/1.1"])
def test_an_absolute_url_is_not_forwarded(edge: Service, line: str) -> None:
    received = exchange(edge, get("Connection: close", line=line))
    assert final_statuses(received) in ([200], [404])
    assert b"evil.example" not in received


@ON_GUNICORN
def test_a_chunk_extension_is_ignored(edge: Service) -> None:
    body = b'2;name=value;other="quo\\"ted"\r\n{}\r\n0\r\n\r\n'
    assert final_statuses(exchange(edge, post("Transfer-Encoding: chunked", "Connection: close", body=body))) == [400]


@pytest.mark.shows("ASVS 4.2.1")
def test_a_rejected_body_is_not_read_as_a_request(edge: Service) -> None:
    content = SMUGGLED * (2 * MIB // len(SMUGGLED))
    for framing, body, status in (
        (f"Content-Length: {len(content)}", content, 413),
        (
            "Transfer-Encoding: chunked",
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content),
            411 if edge.server == GRANIAN else 413,
        ),
    ):
        assert final_statuses(exchange(edge, post(framing, body=body))) == [status]


def test_a_body_that_is_too_long_is_rejected_before_it_arrives(edge: Service) -> None:
    with connect(edge) as connection:
        connection.sendall(post(f"Content-Length: {2 * MIB}", "Connection: close"))
        assert final_statuses(receive_all(connection)) == [413]


def test_an_import_that_is_too_long_is_rejected_before_it_arrives(edge: Service) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    token = requests.post(f"{edge.url}{SIGN_UP}", data=account, timeout=30).json()["token"]
    request = post(f"Authorization: Bearer {token}", "Content-Length: 9000000000000", "Connection: close")
    with connect(edge) as connection:
        connection.sendall(request.replace(SIGN_UP.encode(), b"/api/me/import"))
        assert final_statuses(receive_all(connection)) == [413]


def test_a_small_unread_body_keeps_the_connection_usable(edge: Service) -> None:
    unread = post("Content-Length: 5", body=b"GET /").replace(SIGN_UP.encode(), b"/nowhere")
    assert final_statuses(exchange(edge, unread + get("Connection: close"))) == [404, 200]


def test_a_request_with_expect_100_continue_has_one_final_response(edge: Service) -> None:
    with connect(edge) as connection:
        connection.sendall(post("Content-Length: 2", "Expect: 100-continue", "Connection: close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b"{}")
        assert final_statuses(receive_all(connection)) == [400]


@pytest.mark.shows("ASVS 4.1.3")
@pytest.mark.parametrize(
    "header",
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
def test_a_forged_header_changes_neither_path_nor_scheme(edge: Service, header: str) -> None:
    def constant_lines(response: bytes) -> list[bytes]:
        return [line for line in response.splitlines() if not line.lower().startswith((b"date: ", b"x-request-id: "))]

    plain, forged = (exchange(edge, get("Connection: close", *headers)) for headers in ([], [header]))
    assert constant_lines(plain) == constant_lines(forged)
    assert final_statuses(plain) == [200]


def test_a_forged_scheme_makes_no_origin_trusted(edge: Service) -> None:
    headers = ["Origin: https://x", "Cookie: a=b", "Content-Length: 2", "Connection: close"]
    assert final_statuses(exchange(edge, post(*headers, "X-Forwarded-Proto: https", body=b"{}"))) == [403]


def test_two_authorization_headers_are_401(edge: Service) -> None:
    headers = ["Authorization: Bearer a", "Authorization: Bearer b", "Connection: close"]
    assert final_statuses(exchange(edge, get(*headers, line="GET /api/me/tasks HTTP/1.1"))) == [401]
