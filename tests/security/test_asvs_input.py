"""Hostile input: read by one strict reader, within bounds, as its type, and never as code (ASVS V1, V2, 15.3)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.attacked import AUTH, COOKIE, PASSWORD

if TYPE_CHECKING:
    from tests.security.attacked import Attacked, Person

SQL = [
    "' OR '1'='1",
    "'; DROP TABLE tasks; --",
    "') UNION ALL SELECT NULL --",
    '" OR ""="',
    "\\' OR 1=1 --",
    "%(owner_id)s %s :owner_id $1 {0}",
    "$$; DROP TABLE users; $$",
    "1; DROP TABLE tasks",
]
PLACES = {
    "title": ("POST", "/tasks", "json", "title"),
    "description": ("POST", "/tasks", "json", "description"),
    "tag": ("POST", "/tasks", "json", "tags"),
    "priority": ("POST", "/tasks", "json", "priority"),
    "due": ("POST", "/tasks", "json", "due"),
    "order": ("POST", "/tasks", "json", "order"),
    "search": ("GET", "/tasks", "params", "q"),
    "filter": ("GET", "/tasks", "params", "tag"),
    "sort": ("GET", "/tasks", "params", "sort"),
    "limit": ("GET", "/tasks", "params", "limit"),
    "cursor": ("GET", "/tasks", "params", "cursor"),
    "timezone": ("GET", "/tasks", "params", "timezone"),
    "due_before": ("GET", "/tasks", "params", "due_before"),
    "sync_token": ("GET", "/tasks/changes", "params", "sync_token"),
    "format": ("GET", "/export", "params", "format"),
    "If-Match": ("PATCH", "/tasks/{task}/complete", "headers", "If-Match"),
    "If-None-Match": ("GET", "/tasks", "headers", "If-None-Match"),
    "Idempotency-Key": ("POST", "/tasks/{task}/restore", "headers", "Idempotency-Key"),
    "User-Agent": ("GET", "/tasks", "headers", "User-Agent"),
}


@pytest.mark.shows("ASVS 1.2.4", "API8:2023")
@pytest.mark.parametrize("place", PLACES)
def test_1_2_4_input_reaches_sql_as_parameters_only(victim: Person, attacker: Person, place: str) -> None:
    method, path, where, name = PLACES[place]
    for text in SQL:
        options: dict[str, Any] = {where: {name: [text] if name == "tags" else text}}
        if where == "json":
            options["json"].setdefault("title", "x")
        answer = attacker.ask(method, path.format(task=attacker.task["id"]), **options)
        assert answer.status_code in {200, 201, 400, 404, 412, 422}
        # Nothing is found that was not asked for, and text is kept as it is.
        if answer.status_code == 201:
            assert answer.json()[name] in (text, [text])
        if (method, where, answer.status_code) == ("GET", "params", 200) and path == "/tasks":
            assert answer.json() == []
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 1.2.4", "API2:2023")
@pytest.mark.parametrize("text", SQL)
def test_1_2_4_no_sql_signs_anybody_in(attacked: Attacked, victim: Person, text: str) -> None:
    assert attacked.sign_in(victim.email, text).status_code == 401
    for email in (text, f"{victim.email}{text}", f"{text}@example.com"):
        for encoding in ("json", "data"):
            options: dict[str, Any] = {encoding: {"email": email, "password": PASSWORD}}
            assert attacked.ask("POST", f"{AUTH}/sign-in/email", **options).status_code in {400, 401, 422}
    for headers in ({"Authorization": f"Bearer {text}"}, {"Cookie": f"{COOKIE}={text}"}):
        assert attacked.ask("GET", f"{AUTH}/get-session", headers=headers).json() is None
    reset = attacked.ask("POST", f"{AUTH}/reset-password", json={"token": text, "newPassword": PASSWORD})
    assert reset.status_code == 400
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 1.2.4")
@pytest.mark.parametrize("text", ["%", "_", "%%", "\\", "\\%", ".*", "*", "[a-z]", "' || '"])
def test_1_2_4_no_character_of_a_search_stands_for_others(victim: Person, text: str) -> None:
    assert victim.ask("GET", "/tasks", params={"q": text}).json() == []


NUMBERS = [
    *("-1", "0", "2147483648", "9223372036854775807", "9223372036854775808", "18446744073709551616"),
    *("9" * 400, "1e3", "1.0", "+1", "0x1", "1_0", "\uff11", "-0", "NaN", "Infinity", "1e999"),
]


@pytest.mark.shows("ASVS 1.4.2")
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:24])
def test_1_4_2_a_number_of_any_size_is_taken_exactly_or_refused(victim: Person, number: str) -> None:
    assert victim.ask("GET", f"/tasks/{number}").status_code == 404
    assert victim.ask("GET", "/tasks", params={"limit": number}).status_code == 422
    assert victim.ask("GET", "/tasks/changes", params={"limit": number}).status_code == 422
    for headers in ({"If-Match": f'"{number}"'.encode()}, {"If-Match": number.encode()}):
        answer = victim.ask("PATCH", f"/tasks/{victim.task['id']}", headers, json={"title": "x"})
        assert answer.status_code == 412
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 1.4.2", "ASVS 15.3.5")
@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400, "1" * 5000, "NaN", "Infinity", "-Infinity"])
def test_1_4_2_a_number_in_a_body_is_finite_or_refused(victim: Person, number: str) -> None:
    json_type = {"Content-Type": "application/json"}
    at = f"/tasks/{victim.task['id']}"
    bodies = {
        ("POST", "/tasks"): f'{{"title": "x", "order": {number}}}',
        ("PATCH", at): f'{{"order": {number}}}',
        ("POST", "/tasks/batch"): f'{{"operations": [{{"op": "delete", "id": {number}}}]}}',
    }
    for (method, path), body in bodies.items():
        assert victim.ask(method, path, json_type, data=body).status_code in {400, 404, 422}
    assert victim.is_untouched()


DATES = [
    *("0000-01-01", "10000-01-01", "2026-02-30", "-001-01-01", "2026-10-01T24:00:01Z", "2026-10-01T10:00:00+99:99"),
    *(
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-10-01T10:00:00",
        "infinity",
        "now",
        "\uff12026-01-01",
    ),
]


@pytest.mark.shows("ASVS 1.4.2", "ASVS 2.2.1")
@pytest.mark.parametrize("date", DATES)
def test_1_4_2_a_date_that_is_none_is_refused(victim: Person, date: str) -> None:
    assert victim.ask("POST", "/tasks", json={"title": "x", "due": date}).status_code == 422
    assert victim.ask("GET", "/tasks", params={"due_before": date}).status_code == 422


TWICE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a parameter": ("GET", "/tasks?limit=1&limit=2", {}),
    "a parameter, once encoded": ("GET", "/tasks?limit=1&%6Cimit=2", {}),
    "a filter": ("GET", "/tasks?completed=true&completed=false", {}),
    "what deletes": ("DELETE", "/tasks?all=true&all=false", {}),
    "a list in brackets": ("GET", "/tasks?limit[]=1", {}),
    "an unknown one": ("GET", "/tasks?limits=1", {}),
    "an empty one": ("DELETE", "/tasks?completed=", {}),
    "one behind a semicolon": ("GET", "/tasks?limit=1;limit=2", {}),
    "a member": ("POST", "/tasks", {"data": '{"title": "x", "title": "y"}'}),
    "a member, once escaped": ("POST", "/tasks", {"data": '{"title": "x", "\\u0074itle": "y"}'}),
    "a member inside": (
        "POST",
        "/tasks/batch",
        {"data": '{"operations": [{"op": "delete", "op": "create", "id": 1}]}'},
    ),
    "two texts": ("POST", "/tasks", {"data": '{"title": "x"} {"title": "y"}'}),
    "a comment": ("POST", "/tasks", {"data": '{"title": "x" /* y */}'}),
    "a comma too many": ("POST", "/tasks", {"data": '{"title": "x",}'}),
    "single quotes": ("POST", "/tasks", {"data": "{'title': 'x'}"}),
    "no UTF-8": ("POST", "/tasks", {"data": b'{"title": "\xff"}'}),
    "UTF-16": ("POST", "/tasks", {"data": '{"title": "x"}'.encode("utf-16")}),
    "overlong UTF-8": ("POST", "/tasks", {"data": b'{"title": "\xc0\xae"}'}),
    "nothing": ("POST", "/tasks", {"data": b""}),
    "a form in JSON's name": ("POST", "/tasks", {"data": b"title=x"}),
}


@pytest.mark.shows("ASVS 15.3.7", "ASVS 1.5.3", "API8:2023")
@pytest.mark.parametrize("name", TWICE)
def test_15_3_7_what_readers_could_differ_on_is_refused(victim: Person, name: str) -> None:
    method, path, options = TWICE[name]
    answer = victim.ask(method, path, {"Content-Type": "application/json"}, **options)
    assert answer.status_code in {400, 422}
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 15.3.7")
@pytest.mark.parametrize("name", ["email", "password"])
def test_15_3_7_a_field_of_a_form_given_twice_is_refused(attacked: Attacked, victim: Person, name: str) -> None:
    fields = [("email", victim.email), ("password", PASSWORD)]
    twice = [*fields, (name, dict(fields)[name])]
    assert attacked.ask("POST", f"{AUTH}/sign-in/email", data=twice).status_code == 422
    parts = [(field, (None, value)) for field, value in twice]
    assert attacked.ask("POST", f"{AUTH}/sign-in/email", files=parts).status_code == 422


MISTYPED: dict[str, list[Any]] = {
    "title": [7, 0, True, None, [], ["x"], {}, {"$ne": ""}],
    "description": [7, False, [], {}],
    "completed": ["true", "false", 1, 0, "", [], {}, "yes"],
    "due": [7, 20261001, True, [], {}, "", "tomorrow"],
    "priority": [1, True, ["high"], {}, "HIGH", ""],
    "tags": ["home", 7, True, {}, [7], [None], [["x"]], [""]],
    "order": ["1", "", True, [], {}, "NaN"],
}


@pytest.mark.shows("ASVS 15.3.5", "ASVS 2.2.1", "API3:2023")
@pytest.mark.parametrize("member", MISTYPED)
def test_15_3_5_a_value_of_another_type_is_refused_not_converted(victim: Person, member: str) -> None:
    at = f"/tasks/{victim.task['id']}"
    for value in MISTYPED[member]:
        body = {"title": "x", member: value}
        assert victim.ask("POST", "/tasks", json=body).status_code == 422
        assert victim.ask("PATCH", at, json=body).status_code == 422
        operations = [{"op": "create", "task": body}]
        assert victim.ask("POST", "/tasks/batch", json={"operations": operations}).status_code == 422
        document = {"format": "todo-export", "version": 1, "tasks": [body]}
        assert victim.ask("POST", "/import", json=document).status_code == 422
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 15.3.5", "API2:2023")
@pytest.mark.parametrize("value", [7, 0, True, None, [], {}, ["x"], {"$gt": ""}, {"$ne": None}], ids=repr)
@pytest.mark.parametrize("member", ["email", "password", "name", "rememberMe", "callbackURL"])
def test_15_3_5_no_other_type_signs_anybody_in_or_up(
    attacked: Attacked, victim: Person, member: str, value: Any
) -> None:
    for route, email in (("sign-in", victim.email), ("sign-up", f"new-{uuid.uuid4().hex[:12]}@example.com")):
        body = {"email": email, "password": PASSWORD, member: value}
        answer = attacked.ask("POST", f"{AUTH}/{route}/email", json=body)
        # A boolean is what rememberMe is; a sign-in takes no name.
        harmless = (member, value) == ("rememberMe", True) or (route, member) == ("sign-in", "name")
        assert answer.status_code in ({200} if harmless else {400, 422})


BEYOND: dict[str, list[Any]] = {
    "title": ["", "x" * 256, "😀" * 256],
    "description": ["x" * 10_001],
    "tags": [[str(number) for number in range(21)], ["x" * 51], ["same", "same"]],
    "priority": ["urgent"],
}


@pytest.mark.shows("ASVS 2.2.1")
@pytest.mark.parametrize("member", BEYOND)
def test_2_2_1_what_is_beyond_its_bounds_is_refused(victim: Person, member: str) -> None:
    for value in BEYOND[member]:
        body = {"title": "x", member: value}
        assert victim.ask("POST", "/tasks", json=body).status_code == 422
        assert victim.ask("PUT", f"/tasks/{victim.task['id']}", json=body).status_code == 422
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 2.2.1")
@pytest.mark.parametrize("character", ["x", "ß", "中", "😀"])
def test_2_2_1_lengths_are_counted_in_code_points(victim: Person, character: str) -> None:
    answer = victim.ask("POST", "/tasks", json={"title": character * 255, "tags": [character * 50]})
    assert answer.json()["title"] == character * 255


EMAILS = [
    *("", "x", "@", "a@", "@b.c", "a@b", "a b@example.com", "a@example.com\nBcc: b@example.com", "a@exa mple.com"),
    *("a@example.com\0", "a@[127.0.0.1]", "<a@example.com>", "a@example.com,b@example.com", "a" * 250 + "@example.com"),
    *("a@" + "b." * 200 + "c", "\ud800@example.com", "a..b@example.com", "a@-example.com", "a@example..com"),
]


@pytest.mark.shows("ASVS 2.2.1", "PostgreSQL text")
@pytest.mark.parametrize("email", EMAILS, ids=lambda email: repr(email)[:40])
def test_2_2_1_what_is_no_address_is_refused(attacked: Attacked, email: str) -> None:
    for route, body in {
        "sign-up/email": {"email": email, "password": PASSWORD, "name": "Ada"},
        "sign-in/email": {"email": email, "password": PASSWORD},
        "request-password-reset": {"email": email},
    }.items():
        assert attacked.ask("POST", f"{AUTH}/{route}", json=body).status_code == 400


@pytest.mark.shows("PostgreSQL text", "ASVS 2.2.1")
@pytest.mark.parametrize("text", ["\0", "x\0y", "\ud800", "x\udfffy"], ids=ascii)
def test_text_that_postgresql_cannot_store_is_refused(attacked: Attacked, victim: Person, text: str) -> None:
    at = f"/tasks/{victim.task['id']}"
    for body in ({"title": text}, {"title": "x", "description": text}, {"title": "x", "tags": [text]}):
        assert victim.ask("POST", "/tasks", json=body).status_code == 422
        assert victim.ask("PATCH", at, json=body).status_code == 422
    for name in ("q", "tag", "cursor", "sort", "timezone"):
        path = f"/tasks?{name}={'%00' if text.isascii() else '%ED%A0%80'}"
        assert victim.ask("GET", path).status_code == 422
    for member in ("name", "image"):
        assert victim.auth("POST", "update-user", json={member: text}).status_code in {400, 422}
    body = {"email": f"new-{uuid.uuid4().hex}@example.com", "password": PASSWORD + text}
    assert attacked.ask("POST", f"{AUTH}/sign-up/email", json=body).status_code in {400, 422}
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 2.3.3")
@pytest.mark.parametrize("place", [0, 50, 99])
def test_2_3_3_of_a_batch_all_is_done_or_nothing(victim: Person, place: int) -> None:
    operations: list[dict[str, Any]] = [{"op": "create", "task": {"title": str(number)}} for number in range(99)]
    operations.insert(place, {"op": "update", "id": 2**62, "task": {"title": "x"}})
    assert victim.ask("POST", "/tasks/batch", json={"operations": operations}).status_code == 404
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 2.3.3")
def test_2_3_3_of_an_import_all_is_taken_or_nothing(victim: Person) -> None:
    tasks = [*({"title": str(number)} for number in range(300)), {"title": ""}]
    document = {"format": "todo-export", "version": 1, "tasks": tasks}
    assert victim.ask("POST", "/import", json=document).status_code == 422
    broken = json.dumps(document)[:-30]
    assert victim.ask("POST", "/import", {"Content-Type": "application/json"}, data=broken).status_code == 400
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 15.3.1", "API3:2023")
@pytest.mark.parametrize("route", ["sign-up", "sign-in", "get-session", "refresh"])
def test_15_3_1_a_user_is_shown_with_what_is_needed_and_no_more(attacked: Attacked, victim: Person, route: str) -> None:
    answers = {
        "sign-up": lambda: attacked.sign_up(f"new-{uuid.uuid4().hex}@example.com", PASSWORD),
        "sign-in": lambda: attacked.sign_in(victim.email, PASSWORD),
        "get-session": lambda: victim.auth("GET", "get-session"),
        "refresh": lambda: attacked.refresh(victim.session.refresh),
    }
    user = answers[route]().json()["user"]
    assert set(user) == {"id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"}
