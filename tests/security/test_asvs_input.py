"""Hostile input: injection, numbers, dates, ambiguous encodings, wrong types and limits (ASVS V1, V2, 15.3)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.target import AUTH, COOKIE, PASSWORD

if TYPE_CHECKING:
    from tests.security.target import Target, User

SQL_INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE tasks; --",
    "') UNION ALL SELECT NULL --",
    '" OR ""="',
    "\\' OR 1=1 --",
    "%(owner_id)s %s :owner_id $1 {0}",
    "$$; DROP TABLE users; $$",
    "1; DROP TABLE tasks",
]
INPUTS = {
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
@pytest.mark.parametrize("name", INPUTS)
def test_1_2_4_input_reaches_sql_as_parameters_only(victim: User, attacker: User, name: str) -> None:
    method, path, option, field = INPUTS[name]
    for text in SQL_INJECTIONS:
        options: dict[str, Any] = {option: {field: [text] if field == "tags" else text}}
        if option == "json":
            options["json"].setdefault("title", "x")
        response = attacker.request(method, path.format(task=attacker.task["id"]), **options)
        assert response.status_code in {200, 201, 400, 404, 412, 422}
        # A search matches nothing, and text is stored unchanged.
        if response.status_code == 201:
            assert response.json()[field] in (text, [text])
        if (method, option, response.status_code) == ("GET", "params", 200) and path == "/tasks":
            assert response.json() == []
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 1.2.4", "API2:2023")
@pytest.mark.parametrize("text", SQL_INJECTIONS)
def test_1_2_4_no_sql_signs_in(target: Target, victim: User, text: str) -> None:
    assert target.sign_in(victim.email, text).status_code == 401
    for email in (text, f"{victim.email}{text}", f"{text}@example.com"):
        for encoding in ("json", "data"):
            options: dict[str, Any] = {encoding: {"email": email, "password": PASSWORD}}
            assert target.request("POST", f"{AUTH}/sign-in/email", **options).status_code in {400, 401, 422}
    for headers in ({"Authorization": f"Bearer {text}"}, {"Cookie": f"{COOKIE}={text}"}):
        assert target.request("GET", f"{AUTH}/get-session", headers=headers).json() is None
    reset = target.request("POST", f"{AUTH}/reset-password", json={"token": text, "newPassword": PASSWORD})
    assert reset.status_code == 400
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 1.2.4")
@pytest.mark.parametrize("text", ["%", "_", "%%", "\\", "\\%", ".*", "*", "[a-z]", "' || '"])
def test_1_2_4_a_search_has_no_wildcards(victim: User, text: str) -> None:
    assert victim.request("GET", "/tasks", params={"q": text}).json() == []


NUMBERS = [
    *("-1", "0", "2147483648", "9223372036854775807", "9223372036854775808", "18446744073709551616"),
    *("9" * 400, "1e3", "1.0", "+1", "0x1", "1_0", "\uff11", "-0", "NaN", "Infinity", "1e999"),
]


@pytest.mark.shows("ASVS 1.4.2")
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:24])
def test_1_4_2_a_number_is_taken_exactly_or_rejected(victim: User, number: str) -> None:
    assert victim.request("GET", f"/tasks/{number}").status_code == 404
    assert victim.request("GET", "/tasks", params={"limit": number}).status_code == 422
    assert victim.request("GET", "/tasks/changes", params={"limit": number}).status_code == 422
    for tag, status in ((f'"{number}"', 412), (number, 400)):
        headers = {"If-Match": tag.encode()}
        response = victim.request("PATCH", f"/tasks/{victim.task['id']}", headers, json={"title": "x"})
        assert response.status_code == status
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 1.4.2", "ASVS 15.3.5")
@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400, "1" * 5000, "NaN", "Infinity", "-Infinity"])
def test_1_4_2_a_number_in_a_body_is_finite_or_rejected(victim: User, number: str) -> None:
    json_type = {"Content-Type": "application/json"}
    at = f"/tasks/{victim.task['id']}"
    bodies = {
        ("POST", "/tasks"): f'{{"title": "x", "order": {number}}}',
        ("PATCH", at): f'{{"order": {number}}}',
        ("POST", "/tasks/batch"): f'{{"operations": [{{"op": "delete", "id": {number}}}]}}',
    }
    for (method, path), body in bodies.items():
        assert victim.request(method, path, json_type, data=body).status_code in {400, 404, 422}
    assert victim.is_unchanged()


INVALID_DATES = [
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
@pytest.mark.parametrize("date", INVALID_DATES)
def test_1_4_2_an_invalid_date_is_rejected(victim: User, date: str) -> None:
    assert victim.request("POST", "/tasks", json={"title": "x", "due": date}).status_code == 422
    assert victim.request("GET", "/tasks", params={"due_before": date}).status_code == 422


AMBIGUOUS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a duplicate parameter": ("GET", "/tasks?limit=1&limit=2", {}),
    "a duplicate parameter, one of them encoded": ("GET", "/tasks?limit=1&%6Cimit=2", {}),
    "a duplicate filter": ("GET", "/tasks?completed=true&completed=false", {}),
    "a duplicate parameter of DELETE": ("DELETE", "/tasks?all=true&all=false", {}),
    "a list in brackets": ("GET", "/tasks?limit[]=1", {}),
    "an unknown parameter": ("GET", "/tasks?limits=1", {}),
    "an empty parameter": ("DELETE", "/tasks?completed=", {}),
    "a parameter after a semicolon": ("GET", "/tasks?limit=1;limit=2", {}),
    "a duplicate name": ("POST", "/tasks", {"data": '{"title": "x", "title": "y"}'}),
    "a duplicate name, one of them escaped": ("POST", "/tasks", {"data": '{"title": "x", "\\u0074itle": "y"}'}),
    "a duplicate name in an inner object": (
        "POST",
        "/tasks/batch",
        {"data": '{"operations": [{"op": "delete", "op": "create", "id": 1}]}'},
    ),
    "two JSON texts": ("POST", "/tasks", {"data": '{"title": "x"} {"title": "y"}'}),
    "a comment": ("POST", "/tasks", {"data": '{"title": "x" /* y */}'}),
    "a trailing comma": ("POST", "/tasks", {"data": '{"title": "x",}'}),
    "single quotes": ("POST", "/tasks", {"data": "{'title': 'x'}"}),
    "invalid UTF-8": ("POST", "/tasks", {"data": b'{"title": "\xff"}'}),
    "UTF-16": ("POST", "/tasks", {"data": '{"title": "x"}'.encode("utf-16")}),
    "overlong UTF-8": ("POST", "/tasks", {"data": b'{"title": "\xc0\xae"}'}),
    "an empty body": ("POST", "/tasks", {"data": b""}),
    "a form declared as JSON": ("POST", "/tasks", {"data": b"title=x"}),
}


@pytest.mark.shows("ASVS 15.3.7", "ASVS 1.5.3", "API8:2023")
@pytest.mark.parametrize("name", AMBIGUOUS)
def test_15_3_7_ambiguous_input_is_rejected(victim: User, name: str) -> None:
    method, path, options = AMBIGUOUS[name]
    response = victim.request(method, path, {"Content-Type": "application/json"}, **options)
    assert response.status_code in {400, 422}
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 15.3.7")
@pytest.mark.parametrize("name", ["email", "password"])
def test_15_3_7_a_duplicate_form_field_is_rejected(target: Target, victim: User, name: str) -> None:
    fields = [("email", victim.email), ("password", PASSWORD)]
    duplicate = [*fields, (name, dict(fields)[name])]
    assert target.request("POST", f"{AUTH}/sign-in/email", data=duplicate).status_code == 422
    parts = [(field, (None, value)) for field, value in duplicate]
    assert target.request("POST", f"{AUTH}/sign-in/email", files=parts).status_code == 422


WRONG_TYPES: dict[str, list[Any]] = {
    "title": [7, 0, True, None, [], ["x"], {}, {"$ne": ""}],
    "description": [7, False, [], {}],
    "completed": ["true", "false", 1, 0, "", [], {}, "yes"],
    "due": [7, 20261001, True, [], {}, "", "tomorrow"],
    "priority": [1, True, ["high"], {}, "HIGH", ""],
    "tags": ["home", 7, True, {}, [7], [None], [["x"]], [""]],
    "order": ["1", "", True, [], {}, "NaN"],
}


@pytest.mark.shows("ASVS 15.3.5", "ASVS 2.2.1", "API3:2023")
@pytest.mark.parametrize("name", WRONG_TYPES)
def test_15_3_5_a_value_of_a_wrong_type_is_rejected_and_not_converted(victim: User, name: str) -> None:
    at = f"/tasks/{victim.task['id']}"
    for value in WRONG_TYPES[name]:
        body = {"title": "x", name: value}
        assert victim.request("POST", "/tasks", json=body).status_code == 422
        assert victim.request("PATCH", at, json=body).status_code == 422
        operations = [{"op": "create", "task": body}]
        assert victim.request("POST", "/tasks/batch", json={"operations": operations}).status_code == 422
        document = {"format": "todo-export", "version": 1, "tasks": [body]}
        assert victim.request("POST", "/import", json=document).status_code == 422
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 15.3.5", "API2:2023")
@pytest.mark.parametrize("value", [7, 0, True, None, [], {}, ["x"], {"$gt": ""}, {"$ne": None}], ids=repr)
@pytest.mark.parametrize("name", ["email", "password", "name", "rememberMe", "callbackURL"])
def test_15_3_5_a_value_of_a_wrong_type_does_not_sign_in_or_up(
    target: Target, victim: User, name: str, value: Any
) -> None:
    for route, email in (("sign-in", victim.email), ("sign-up", f"new-{uuid.uuid4().hex[:12]}@example.com")):
        body = {"email": email, "password": PASSWORD, name: value}
        response = target.request("POST", f"{AUTH}/{route}/email", json=body)
        # rememberMe is a boolean, and a sign-in ignores the name.
        is_valid = (name, value) == ("rememberMe", True) or (route, name) == ("sign-in", "name")
        assert response.status_code in ({200} if is_valid else {400, 422})


OUTSIDE_LIMITS: dict[str, list[Any]] = {
    "title": ["", "x" * 256, "😀" * 256],
    "description": ["x" * 10_001],
    "tags": [[str(number) for number in range(21)], ["x" * 51], ["same", "same"]],
    "priority": ["urgent"],
}


@pytest.mark.shows("ASVS 2.2.1")
@pytest.mark.parametrize("name", OUTSIDE_LIMITS)
def test_2_2_1_a_value_outside_its_limits_is_rejected(victim: User, name: str) -> None:
    for value in OUTSIDE_LIMITS[name]:
        body = {"title": "x", name: value}
        assert victim.request("POST", "/tasks", json=body).status_code == 422
        assert victim.request("PUT", f"/tasks/{victim.task['id']}", json=body).status_code == 422
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 2.2.1")
@pytest.mark.parametrize("character", ["x", "ß", "中", "😀"])
def test_2_2_1_lengths_are_counted_in_code_points(victim: User, character: str) -> None:
    response = victim.request("POST", "/tasks", json={"title": character * 255, "tags": [character * 50]})
    assert response.json()["title"] == character * 255


INVALID_EMAILS = [
    *("", "x", "@", "a@", "@b.c", "a@b", "a b@example.com", "a@example.com\nBcc: b@example.com", "a@exa mple.com"),
    *("a@example.com\0", "a@[127.0.0.1]", "<a@example.com>", "a@example.com,b@example.com", "a" * 250 + "@example.com"),
    *("a@" + "b." * 200 + "c", "\ud800@example.com", "a..b@example.com", "a@-example.com", "a@example..com"),
]


@pytest.mark.shows("ASVS 2.2.1", "PostgreSQL text")
@pytest.mark.parametrize("email", INVALID_EMAILS, ids=lambda email: repr(email)[:40])
def test_2_2_1_an_invalid_email_is_rejected(target: Target, email: str) -> None:
    for route, body in {
        "sign-up/email": {"email": email, "password": PASSWORD, "name": "Ada"},
        "sign-in/email": {"email": email, "password": PASSWORD},
        "request-password-reset": {"email": email},
    }.items():
        assert target.request("POST", f"{AUTH}/{route}", json=body).status_code == 400


@pytest.mark.shows("PostgreSQL text", "ASVS 2.2.1")
@pytest.mark.parametrize("text", ["\0", "x\0y", "\ud800", "x\udfffy"], ids=ascii)
def test_text_that_postgresql_cannot_store_is_rejected(target: Target, victim: User, text: str) -> None:
    at = f"/tasks/{victim.task['id']}"
    for body in ({"title": text}, {"title": "x", "description": text}, {"title": "x", "tags": [text]}):
        assert victim.request("POST", "/tasks", json=body).status_code == 422
        assert victim.request("PATCH", at, json=body).status_code == 422
    for name in ("q", "tag", "cursor", "sort", "timezone"):
        path = f"/tasks?{name}={'%00' if text.isascii() else '%ED%A0%80'}"
        assert victim.request("GET", path).status_code == 422
    for field in ("name", "image"):
        assert victim.request_auth("POST", "update-user", json={field: text}).status_code in {400, 422}
    body = {"email": f"new-{uuid.uuid4().hex}@example.com", "password": PASSWORD + text}
    assert target.request("POST", f"{AUTH}/sign-up/email", json=body).status_code in {400, 422}
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 2.3.3")
@pytest.mark.parametrize("position", [0, 50, 99])
def test_2_3_3_a_batch_is_atomic(victim: User, position: int) -> None:
    operations: list[dict[str, Any]] = [{"op": "create", "task": {"title": str(number)}} for number in range(99)]
    operations.insert(position, {"op": "update", "id": 2**62, "task": {"title": "x"}})
    assert victim.request("POST", "/tasks/batch", json={"operations": operations}).status_code == 404
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 2.3.3")
def test_2_3_3_an_import_is_atomic(victim: User) -> None:
    tasks = [*({"title": str(number)} for number in range(300)), {"title": ""}]
    document = {"format": "todo-export", "version": 1, "tasks": tasks}
    assert victim.request("POST", "/import", json=document).status_code == 422
    truncated = json.dumps(document)[:-30]
    assert victim.request("POST", "/import", {"Content-Type": "application/json"}, data=truncated).status_code == 400
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 15.3.1", "API3:2023")
@pytest.mark.parametrize("route", ["sign-up", "sign-in", "get-session", "refresh"])
def test_15_3_1_a_user_has_only_the_documented_fields(target: Target, victim: User, route: str) -> None:
    responses = {
        "sign-up": lambda: target.sign_up(f"new-{uuid.uuid4().hex}@example.com", PASSWORD),
        "sign-in": lambda: target.sign_in(victim.email, PASSWORD),
        "get-session": lambda: victim.request_auth("GET", "get-session"),
        "refresh": lambda: target.refresh(victim.session.refresh),
    }
    user = responses[route]().json()["user"]
    assert set(user) == {"id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"}
