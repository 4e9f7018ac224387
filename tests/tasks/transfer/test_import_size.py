"""The size limits of an import, and bodies of another length than declared."""

from __future__ import annotations

import io
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.actors import Actor
from tests.support.credentials import sign_up_at
from tests.support.databases import application, execute
from tests.support.imports import JSON, export_document, import_counts, post_import
from tests.support.problems import status_and_code
from todo_api.tasks.transfer.document_reader import export_size_max

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Service

MIB = 1024 * 1024
DOCUMENT = json.dumps(export_document({"title": "x"})).encode()


def chunks(size: int) -> Iterator[bytes]:
    """Yield the document in chunks, with so many bytes of whitespace before its end."""
    yield DOCUMENT[:-1]
    for _ in range(size // 65_536):
        yield b" " * 65_536
    yield b"}"


@pytest.fixture
def ada(fresh_database: str) -> Actor:
    """Return a user who may have one task."""
    return Actor.sign_up(application(fresh_database, max_tasks_per_user=1), "Ada")


def test_a_content_length_over_the_limit_is_413(ada: Actor) -> None:
    limit = export_size_max(1)
    assert MIB < limit < 2 * MIB
    stream = io.BytesIO(DOCUMENT + b" " * (limit - len(DOCUMENT) + 1))
    response = ada.post("/import", input_stream=stream, content_type=JSON)
    assert stream.tell() == 0, "nothing was read"
    assert status_and_code(response) == (413, "CONTENT_TOO_LARGE")
    assert str(limit) in response.get_json()["detail"]
    assert post_import(ada, b" " * (limit - len(DOCUMENT) - MIB // 2) + DOCUMENT).status_code == 200


def test_a_chunked_body_over_the_limit_is_413(ada: Actor) -> None:
    body = b"".join(chunks(2 * MIB))
    stream = io.BytesIO(body)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    response = ada.post("/import", input_stream=stream, content_type=JSON, environ_overrides=chunked)
    assert response.status_code == 413, response.text
    assert str(export_size_max(1)) in response.get_json()["detail"], response.text
    assert stream.tell() < len(body)


def test_a_chunked_body_over_the_limit_is_413_behind_gunicorn(service: Service, fresh_database: str) -> None:
    headers = {"Content-Type": JSON, **sign_up_at(service.url, "ada@example.com").jwt}
    for size, status in ((2 * MIB, 413), (MIB // 2, 200)):
        url = f"{service.url}/api/me/import"
        response = requests.post(url, data=chunks(size), headers=headers, timeout=30)
        assert response.status_code == status, response.text
    assert len(execute(fresh_database, "SELECT 1 FROM tasks")) == 1


def test_a_truncated_body_is_400_though_its_json_is_complete(service: Service, fresh_database: str) -> None:
    token = sign_up_at(service.url, "ada@example.com").access
    target = urlsplit(service.url)
    for missing, status in ((1, b"400"), (100_000, b"400"), (0, b"200")):
        head = f"POST /api/me/import HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nAuthorization: Bearer {token}\r\n"
        length = f"Content-Length: {len(DOCUMENT) + missing}\r\n\r\n"
        with socket.create_connection((target.hostname, target.port), timeout=10) as connection:
            connection.sendall((head + length).encode() + DOCUMENT)
            connection.shutdown(socket.SHUT_WR)
            status_line = connection.makefile("rb").readline()
        assert status_line.startswith(b"HTTP/1.1 %s " % status), status_line
    assert len(execute(fresh_database, "SELECT 1 FROM tasks")) == 1


def test_a_truncated_body_is_400_on_a_server_that_terminates_the_input(alice: Actor) -> None:
    for missing, status in ((1, 400), (0, 200)):
        environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(DOCUMENT) + missing)}
        assert post_import(alice, DOCUMENT, environ_overrides=environ).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b'{"tasks":[{"title":"x","junk":"' + b"y" * 2 * MIB + b'"}]}',
        b'{"tasks":[{"title":"x","junk":[' + b"1," * MIB + b"1]}]}",
        b'{"junk":"' + b"y" * 2 * MIB + b'"}',
        DOCUMENT + b" " * 2 * MIB,
    ],
    ids=["a long text", "a long list", "outside the tasks", "after the document"],
)
def test_a_task_or_the_rest_over_1_mib_is_413(alice: Actor, body: bytes) -> None:
    assert status_and_code(post_import(alice, body)) == (413, "CONTENT_TOO_LARGE")


def test_the_largest_possible_tasks_are_accepted(alice: Actor) -> None:
    largest = {"title": "\x01" * 255, "description": "\x01" * 10_000, "tags": [chr(n + 1) * 50 for n in range(20)]}
    assert import_counts(post_import(alice, export_document(*[largest] * 40))) == (40, 0)
    assert 40 * 66_000 < len(alice.get("/export").data) < export_size_max(40) - MIB
