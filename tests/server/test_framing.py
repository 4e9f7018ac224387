"""The framing of request bodies, to a running service."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.processes import ON_GUNICORN
from tests.support.raw_http import exchange, final_statuses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Service

SIGN_UP = "/api/auth/sign-up/email"
MIB = 1024 * 1024


def padded_chunks(head: bytes, size: int, tail: bytes) -> Iterator[bytes]:
    yield head
    for _ in range(size // 65_536):
        yield b" " * 65_536
    yield tail


@ON_GUNICORN
@pytest.mark.parametrize(
    ("content_type", "head", "tail"),
    [
        ("application/json", b'{"email": "a@example.com", "password": "correct horse"', b"}"),
        ("application/x-www-form-urlencoded", b"email=a@example.com&password=correct+horse&name=", b""),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n',
            b"\r\n--x--",
        ),
    ],
)
def test_a_chunked_body_over_1_mib_is_413(edge: Service, content_type: str, head: bytes, tail: bytes) -> None:
    headers = {"Content-Type": content_type}
    for size, status in ((2 * MIB, 413), (0, {200, 422, 400})):
        response = requests.post(
            f"{edge.url}{SIGN_UP}", data=padded_chunks(head, size, tail), headers=headers, timeout=10
        )
        assert response.status_code in (status if isinstance(status, set) else {status}), response.text


@ON_GUNICORN
@pytest.mark.parametrize("body", [b"ZZ\r\n", b"5\r\nabcdefghij\r\n", b"-1\r\n\r\n", b"5\r\nab"])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
def test_malformed_chunks_are_400(edge: Service, body: bytes, content_type: str) -> None:
    assert status_of(edge, content_type, "Transfer-Encoding: chunked", body) == 400


def status_of(edge: Service, content_type: str, framing: str, body: bytes, *, is_incomplete: bool = True) -> int:
    """Send a sign-up with the body. Return the status of its response."""
    head = (
        f"POST {SIGN_UP} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n"
    )
    (status,) = final_statuses(exchange(edge, head.encode() + body, is_incomplete=is_incomplete))
    return status


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"email": "%s@example.com", "password": "correct horse"}'),
        ("application/x-www-form-urlencoded", b"email=%s@example.com&password=correct+horse"),
        (
            "multipart/form-data; boundary=x",
            (
                b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n%s@example.com\r\n'
                b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\ncorrect horse\r\n--x--\r\n'
            ),
        ),
    ],
)
def test_an_incomplete_body_is_400(edge: Service, content_type: str, body: bytes) -> None:
    body %= uuid.uuid4().hex.encode()
    assert status_of(edge, content_type, f"Content-Length: {len(body) + 6}", body) == 400
    assert status_of(edge, content_type, f"Content-Length: {len(body)}", body, is_incomplete=False) == 200


def test_a_very_long_task_id_is_404(edge: Service) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse"}
    body = requests.post(f"{edge.url}{SIGN_UP}", data=account, timeout=10).json()
    headers = {"Authorization": f"Bearer {body['token']}"}
    url = f"{edge.url}/api/{body['user']['id']}/tasks/{'9' * 5000}"
    response = requests.get(url, headers=headers, timeout=10)
    assert (response.status_code, response.json()["code"]) == (404, "TASK_NOT_FOUND")
