"""One promise for each of the OWASP API Security Top 10 that other modules here do not show already."""

from __future__ import annotations

import gzip
import re
import socket
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.security.attacked import AUTH, PASSWORD
from tests.support.callers import at_once, statuses
from tests.support.routes import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.attacked import Attacked, Person

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}


def in_chunks(size: int) -> Iterator[bytes]:
    yield b'{"title": "'
    for _ in range(size // 65_536):
        yield b"x" * 65_536
    yield b'"}'


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("size", [20 * MIB, 2**40, 2**63, 10**30])
def test_api4_a_body_is_refused_by_the_length_that_it_says(attacked: Attacked, victim: Person, size: int) -> None:
    """Without waiting for it."""
    head = (
        f"POST /api/me/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n"
        f"Authorization: {victim.session.jwt['Authorization']}\r\nConnection: close\r\n\r\n"
    )
    (answer,) = attacked.send(head.encode())
    assert int(answer.split()[1]) in {400, 413}
    assert victim.is_untouched()


@pytest.mark.shows("API4:2023")
def test_api4_a_body_in_chunks_is_refused_beyond_1_mib(victim: Person) -> None:
    assert victim.ask("POST", "/tasks", JSON, data=in_chunks(3 * MIB)).status_code == 413
    assert victim.is_untouched()


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "identity"])
def test_api4_a_compressed_body_is_not_unpacked(victim: Person, encoding: str) -> None:
    bomb = gzip.compress(b'{"title": "' + b"x" * 50 * MIB + b'"}')
    answer = victim.ask("POST", "/tasks", {**JSON, "Content-Encoding": encoding}, data=bomb)
    assert answer.status_code == 415
    assert victim.is_untouched()


NESTED = {
    "lists": "[" * 100_000 + "]" * 100_000,
    "lists without an end": "[" * 100_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a member": '{"title": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "what is ignored": '{"title": "x", "other": ' + "[" * 100_000 + "]" * 100_000 + "}",
}


@pytest.mark.shows("API4:2023", "ASVS 1.5.3")
@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("route", ["tasks", "batch", "import", "sign-in"])
def test_api4_bottomless_nesting_is_refused(attacked: Attacked, victim: Person, name: str, route: str) -> None:
    body = NESTED[name]
    if route == "sign-in":
        answer = attacked.ask("POST", f"{AUTH}/sign-in/email", headers=JSON, data=body)
    else:
        path = {"tasks": "/tasks", "batch": "/tasks/batch", "import": "/import"}[route]
        answer = victim.ask("POST", path, JSON, data=body)
    assert answer.status_code in {400, 422}
    assert victim.is_untouched()


MANY = {
    "operations": ("POST", "/tasks/batch", {"operations": [{"op": "create", "task": {"title": "x"}}] * 101}),
    "a million operations": ("POST", "/tasks/batch", {"operations": [1] * 300_000}),
    "tags": ("POST", "/tasks", {"title": "x", "tags": [str(number) for number in range(100_000)]}),
    "members": ("POST", "/tasks", {f"m{number}": number for number in range(50_000)}),
    "faults": ("POST", "/import", {"format": "todo-export", "version": 1, "tasks": [7] * 100_000}),
}


@pytest.mark.shows("API4:2023", "ASVS 2.2.1")
@pytest.mark.parametrize("name", MANY)
def test_api4_a_list_has_a_length(victim: Person, name: str) -> None:
    method, path, body = MANY[name]
    answer = victim.ask(method, path, json=body)
    assert answer.status_code == 422
    assert len(answer.content) < 50_000
    assert victim.is_untouched()


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("limit", ["201", "1000", "999999999", "-1", "0", "all"])
def test_api4_a_page_has_a_size(victim: Person, limit: str) -> None:
    assert victim.ask("GET", f"/tasks?limit={limit}").status_code == 422


LONG = {
    "a path": "/api/me/tasks/" + "9" * 7000,
    "a path beyond the line": "/" + "x" * 100_000,
    "a query": "/api/me/tasks?q=" + "x" * 7000,
    "parameters": "/api/me/tasks?" + "&".join(f"a{number}=1" for number in range(900)),
    "the same parameter": "/api/me/tasks?" + "tag=x&" * 1000 + "tag=x",
    "keys to sort by": "/api/me/tasks?sort=" + "id," * 2000 + "id",
    "a cursor": "/api/me/tasks?limit=1&cursor=" + "A" * 7000,
    "a sync token": "/api/me/tasks/changes?sync_token=" + "A" * 7000,
}


@pytest.mark.shows("API4:2023", "ASVS 1.4.2")
@pytest.mark.parametrize("name", LONG)
def test_api4_a_long_line_gets_a_clear_answer(victim: Person, name: str) -> None:
    assert 400 <= victim.at("GET", LONG[name]).status_code < 500
    assert victim.is_untouched()


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
def test_api4_headers_have_bounds(victim: Person, headers: dict[str, str]) -> None:
    answer = victim.ask("PATCH", f"/tasks/{victim.task['id']}", headers, json={})
    assert answer.status_code in {200, 400, 412, 431}
    assert victim.is_untouched()


SLOW_TO_MATCH = {
    "an address": ("email", "a@" + "a." * 100_000 + "!"),
    "a local part": ("email", "a." * 100_000 + "@example.com"),
    "blanks": ("email", " " * 500_000 + "a@example.com" + " " * 300_000),
    "a name of international labels": ("email", "a@" + "ß" * 100_000 + ".de"),
    "accents": ("password", "e" + "\u0301" * 127),
    "accents beyond": ("password", "e" + "\u0301" * 100_000),
}


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("name", SLOW_TO_MATCH)
def test_api4_no_text_takes_long_to_be_judged(attacked: Attacked, name: str) -> None:
    """Within the minute that `ask` waits at the most, on any machine; a bad pattern would take hours."""
    member, text = SLOW_TO_MATCH[name]
    account = {"email": f"n-{uuid.uuid4().hex}@example.com", "password": PASSWORD, member: text}
    assert attacked.ask("POST", f"{AUTH}/sign-up/email", json=account).status_code in {200, 400}
    assert attacked.ask("POST", f"{AUTH}/sign-in/email", json=account).status_code in {200, 400, 401}


@pytest.mark.shows("API4:2023")
def test_api4_slow_clients_leave_room_for_others(attacked: Attacked, victim: Person) -> None:
    """A dozen who do not finish what they say, of the two dozen that two workers serve at a time."""
    target = urlsplit(attacked.url)
    slow = [socket.create_connection((target.hostname, target.port), timeout=10) for _ in range(12)]
    try:
        for connection in slow:
            connection.sendall(b"POST /api/me/tasks HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        answers = at_once(8, lambda _: victim.ask("GET", "/tasks"))
        assert statuses(answers) == {200: 8}
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.shows("API7:2023")
@pytest.mark.parametrize("scheme", ["http://", "https://", "file://", "gopher://", "ftp://", "//"])
def test_api7_no_address_that_a_user_gives_is_called(victim: Person, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"{scheme}127.0.0.1:{listener.getsockname()[1]}/x"
        victim.auth("POST", "update-user", json={"image": url, "name": url})
        victim.ask("POST", "/tasks", json={"title": url, "description": url})
        victim.ask("POST", "/import", json={"format": "todo-export", "version": 1, "tasks": [{"title": url}]})
        victim.auth("POST", "request-password-reset", json={"email": victim.email, "redirectTo": url})
        victim.ask("GET", "/tasks", {"X-Forwarded-Host": url, "Referer": url, "Origin": url})
        for path in ("/export", "/tasks", "/tasks/changes"):
            victim.ask("GET", path)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.shows("API9:2023", "ASVS 13.4.5")
def test_api9_the_document_lists_the_routes_that_are_served_and_no_other(attacked: Attacked) -> None:
    listed = attacked.ask("GET", "/openapi.json").json()["paths"]
    served: dict[str, set[str]] = {}
    for rule in RULES:
        if not rule.endpoint.startswith("docs."):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            served.setdefault(path, set()).update((rule.methods or set()) - {"HEAD", "OPTIONS"})
    assert {path: {name.upper() for name in item if name != "parameters"} for path, item in listed.items()} == served


@pytest.mark.shows("API8:2023", "ASVS 15.3.1")
def test_api8_a_spreadsheet_computes_nothing_of_a_task(victim: Person) -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "=HYPERLINK(0)"]
    for formula in formulas:
        victim.ask("POST", "/tasks", json={"title": formula})
    table = victim.ask("GET", "/export?format=csv").text
    assert not re.search(r'(?m)(?:^|,)"?[=@\t+]', table)


@pytest.mark.shows("API8:2023", "ASVS 1.5.3")
def test_api8_a_calendar_takes_no_line_of_a_task(victim: Person) -> None:
    title = "x\r\nEND:VTODO\r\nBEGIN:VALARM\r\nACTION:PROCEDURE"
    victim.ask("POST", "/tasks", json={"title": title, "due": "2026-10-01"})
    lines = victim.ask("GET", "/export?format=ics").text.split("\r\n")
    assert lines.count("BEGIN:VALARM") == 0
    assert lines.count("END:VTODO") == len(victim.ask("GET", "/tasks").json())


@pytest.mark.shows("API3:2023", "ASVS 8.2.3")
@pytest.mark.parametrize("member", ["user_id", "id", "version", "password_hash", "issuer"])
def test_api3_an_import_sets_what_its_schema_has_and_no_more(victim: Person, attacker: Person, member: str) -> None:
    value: Any = victim.id if member == "user_id" else 1
    document = {"format": "todo-export", "version": 1, "tasks": [{"title": "x", member: value}]}
    assert attacker.ask("POST", "/import", json=document).status_code in {200, 422}
    assert {task["user_id"] for task in attacker.ask("GET", "/tasks").json()} == {attacker.id}
    assert victim.is_untouched()
