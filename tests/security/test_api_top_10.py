"""Attacks of the OWASP API Security Top 10 that the other modules do not cover."""

from __future__ import annotations

import gzip
import re
import socket
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.security.target import AUTH, PASSWORD
from tests.support.routes import ALWAYS_REFUSED, RULES, UNDOCUMENTED
from tests.support.service_client import count_statuses, in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.target import Target, User

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}


def chunked_json(size: int) -> Iterator[bytes]:
    yield b'{"title": "'
    for _ in range(size // 65_536):
        yield b"x" * 65_536
    yield b'"}'


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("size", [20 * MIB, 2**40, 2**63, 10**30])
def test_api4_a_body_is_rejected_by_its_content_length(target: Target, victim: User, size: int) -> None:
    """The response does not wait for the body."""
    head = (
        f"POST /api/me/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n"
        f"Authorization: {victim.session.jwt['Authorization']}\r\nConnection: close\r\n\r\n"
    )
    (response,) = target.send_raw(head.encode())
    assert int(response.split()[1]) in {400, 413}
    assert victim.is_unchanged()


@pytest.mark.shows("API4:2023")
def test_api4_a_chunked_body_over_1_mib_is_rejected(victim: User) -> None:
    assert victim.request("POST", "/tasks", JSON, data=chunked_json(3 * MIB)).status_code == 413
    assert victim.is_unchanged()


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "identity"])
def test_api4_a_compressed_body_is_not_decompressed(victim: User, encoding: str) -> None:
    bomb = gzip.compress(b'{"title": "' + b"x" * 50 * MIB + b'"}')
    response = victim.request("POST", "/tasks", {**JSON, "Content-Encoding": encoding}, data=bomb)
    assert response.status_code == 415
    assert victim.is_unchanged()


NESTED = {
    "lists": "[" * 100_000 + "]" * 100_000,
    "lists that are not closed": "[" * 100_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a field": '{"title": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "an unknown field": '{"title": "x", "other": ' + "[" * 100_000 + "]" * 100_000 + "}",
}


@pytest.mark.shows("API4:2023", "ASVS 1.5.3")
@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("route", ["tasks", "batch", "import", "sign-in"])
def test_api4_deep_nesting_is_rejected(target: Target, victim: User, name: str, route: str) -> None:
    body = NESTED[name]
    if route == "sign-in":
        response = target.request("POST", f"{AUTH}/sign-in/email", headers=JSON, data=body)
    else:
        path = {"tasks": "/tasks", "batch": "/tasks/batch", "import": "/import"}[route]
        response = victim.request("POST", path, JSON, data=body)
    assert response.status_code in {400, 422}
    assert victim.is_unchanged()


MANY = {
    "operations": ("POST", "/tasks/batch", {"operations": [{"op": "create", "task": {"title": "x"}}] * 101}),
    "a million operations": ("POST", "/tasks/batch", {"operations": [1] * 300_000}),
    "tags": ("POST", "/tasks", {"title": "x", "tags": [str(number) for number in range(100_000)]}),
    "fields": ("POST", "/tasks", {f"m{number}": number for number in range(50_000)}),
    "errors": ("POST", "/import", {"format": "todo-export", "version": 1, "tasks": [7] * 100_000}),
}


@pytest.mark.shows("API4:2023", "ASVS 2.2.1")
@pytest.mark.parametrize("name", MANY)
def test_api4_a_list_has_a_maximum_length(victim: User, name: str) -> None:
    method, path, body = MANY[name]
    response = victim.request(method, path, json=body)
    assert response.status_code == 422
    assert len(response.content) < 50_000
    assert victim.is_unchanged()


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("limit", ["201", "1000", "999999999", "-1", "0", "all"])
def test_api4_a_page_has_a_maximum_size(victim: User, limit: str) -> None:
    assert victim.request("GET", f"/tasks?limit={limit}").status_code == 422


LONG = {
    "a path": "/api/me/tasks/" + "9" * 7000,
    "a path over the limit of the request line": "/" + "x" * 100_000,
    "a query": "/api/me/tasks?q=" + "x" * 7000,
    "parameters": "/api/me/tasks?" + "&".join(f"a{number}=1" for number in range(900)),
    "the same parameter": "/api/me/tasks?" + "tag=x&" * 1000 + "tag=x",
    "sort keys": "/api/me/tasks?sort=" + "id," * 2000 + "id",
    "a cursor": "/api/me/tasks?limit=1&cursor=" + "A" * 7000,
    "a sync token": "/api/me/tasks/changes?sync_token=" + "A" * 7000,
}


@pytest.mark.shows("API4:2023", "ASVS 1.4.2")
@pytest.mark.parametrize("name", LONG)
def test_api4_a_long_request_line_is_a_4xx(victim: User, name: str) -> None:
    assert 400 <= victim.request_path("GET", LONG[name]).status_code < 500
    assert victim.is_unchanged()


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Long": "x" * 100_000},
        {f"X-{number}": "x" for number in range(200)},
        {"Cookie": "a=b; " * 1500},
        {"If-Match": '"1", ' * 1500},
    ],
    ids=["long", "many", "cookies", "tags"],
)
def test_api4_headers_are_limited(victim: User, headers: dict[str, str]) -> None:
    response = victim.request("PATCH", f"/tasks/{victim.task['id']}", headers, json={})
    assert response.status_code in {200, 400, 412, 431}
    assert victim.is_unchanged()


SLOW_TO_VALIDATE = {
    "a domain": ("email", "a@" + "a." * 100_000 + "!"),
    "a local part": ("email", "a." * 100_000 + "@example.com"),
    "spaces": ("email", " " * 500_000 + "a@example.com" + " " * 300_000),
    "an internationalized domain name": ("email", "a@" + "ß" * 100_000 + ".de"),
    "accents": ("password", "e" + "\u0301" * 127),
    "accents over the limit": ("password", "e" + "\u0301" * 100_000),
}


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("name", SLOW_TO_VALIDATE)
def test_api4_no_text_takes_long_to_validate(target: Target, name: str) -> None:
    """Each response comes within the timeout of a minute. A regular expression with backtracking would take hours."""
    field, text = SLOW_TO_VALIDATE[name]
    account = {"email": f"n-{uuid.uuid4().hex}@example.com", "password": PASSWORD, field: text}
    assert target.request("POST", f"{AUTH}/sign-up/email", json=account).status_code in {200, 400}
    assert target.request("POST", f"{AUTH}/sign-in/email", json=account).status_code in {200, 400, 401}


@pytest.mark.shows("API4:2023")
def test_api4_slow_clients_do_not_block_others(target: Target, victim: User) -> None:
    """12 connections with incomplete requests leave threads free: two workers have 24."""
    url = urlsplit(target.url)
    slow = [socket.create_connection((url.hostname, url.port), timeout=10) for _ in range(12)]
    try:
        for connection in slow:
            connection.sendall(b"POST /api/me/tasks HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        responses = in_parallel(8, lambda _: victim.request("GET", "/tasks"))
        assert count_statuses(responses) == {200: 8}
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.shows("API7:2023")
@pytest.mark.parametrize("scheme", ["http://", "https://", "file://", "gopher://", "ftp://", "//"])
def test_api7_no_url_of_a_user_is_requested(victim: User, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"{scheme}127.0.0.1:{listener.getsockname()[1]}/x"
        victim.request_auth("POST", "update-user", json={"image": url, "name": url})
        victim.request("POST", "/tasks", json={"title": url, "description": url})
        victim.request("POST", "/import", json={"format": "todo-export", "version": 1, "tasks": [{"title": url}]})
        victim.request_auth("POST", "request-password-reset", json={"email": victim.email, "redirectTo": url})
        victim.request("GET", "/tasks", {"X-Forwarded-Host": url, "Referer": url, "Origin": url})
        for path in ("/export", "/tasks", "/tasks/changes"):
            victim.request("GET", path)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.shows("API9:2023", "ASVS 13.4.5")
def test_api9_the_openapi_document_lists_exactly_the_routes(target: Target) -> None:
    documented = target.request("GET", "/openapi.json").json()["paths"]
    served = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in RULES
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in UNDOCUMENTED and not rule.rule.startswith("/docs")
    }
    operations = {(name, path) for path, item in documented.items() for name in item if name != "parameters"}
    assert operations == served - ALWAYS_REFUSED


@pytest.mark.shows("API8:2023", "ASVS 15.3.1")
def test_api8_a_csv_export_contains_no_formulas(victim: User) -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "=HYPERLINK(0)"]
    for formula in formulas:
        victim.request("POST", "/tasks", json={"title": formula})
    csv = victim.request("GET", "/export?format=csv").text
    assert not re.search(r'(?m)(?:^|,)"?[=@\t+]', csv)


@pytest.mark.shows("API8:2023", "ASVS 1.5.3")
def test_api8_a_task_cannot_inject_calendar_lines(victim: User) -> None:
    title = "x\r\nEND:VTODO\r\nBEGIN:VALARM\r\nACTION:PROCEDURE"
    victim.request("POST", "/tasks", json={"title": title, "due": "2026-10-01"})
    lines = victim.request("GET", "/export?format=ics").text.split("\r\n")
    assert lines.count("BEGIN:VALARM") == 0
    assert lines.count("END:VTODO") == len(victim.request("GET", "/tasks").json())


@pytest.mark.shows("API3:2023", "ASVS 8.2.3")
@pytest.mark.parametrize("name", ["user_id", "id", "version", "password_hash", "issuer"])
def test_api3_an_import_sets_only_the_fields_of_its_schema(victim: User, attacker: User, name: str) -> None:
    value: Any = victim.id if name == "user_id" else 1
    document = {"format": "todo-export", "version": 1, "tasks": [{"title": "x", name: value}]}
    assert attacker.request("POST", "/import", json=document).status_code in {200, 422}
    assert {task["user_id"] for task in attacker.request("GET", "/tasks").json()} == {attacker.id}
    assert victim.is_unchanged()
