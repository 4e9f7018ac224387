"""The routes of API keys: create, list, get, update and delete, and the codes of Better Auth's plugin."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import shift_session
from tests.support.actors import Actor
from tests.support.api_keys import API_KEY, READ, create_key, list_keys, send, with_key
from tests.support.credentials import bearer, sign_in
from tests.support.databases import application, execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock
from tests.support.mail import read_mbox
from tests.support.problems import status_and_code
from todo_api.auth.api_keys.scopes import SCOPES, permissions_of
from todo_api.auth.models import APIKey
from todo_api.auth.schemas.api_keys import SERVER_ONLY, PermissionsSchema
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

DAY = 24 * 3600
FULL = {"tasks": ["read", "write"]}


def without_text(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name != "key"}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_new_key_has_the_properties_of_better_auth(alice: Actor) -> None:
    key = create_key(alice, name="backup", expiresIn=2 * DAY)
    assert key["key"].startswith(key["start"])
    assert len(key["key"]) == 87
    assert (key["name"], key["prefix"], key["enabled"], key["permissions"]) == ("backup", "todo_", True, FULL)
    assert (key["referenceId"], key["configId"], key["lastRequest"]) == (alice.id, "default", None)
    assert instant(key["expiresAt"]) - instant(key["createdAt"]) == timedelta(days=2)
    unused = ("metadata", "remaining", "refillAmount", "refillInterval", "lastRefillAt", "rateLimitMax")
    assert {key[name] for name in unused} == {None}


@pytest.mark.shows("API keys at rest")
def test_the_text_of_a_key_is_shown_once_and_stored_as_a_hash(database: str, alice: Actor) -> None:
    key = create_key(alice)
    shown = alice.client.get(f"{API_KEY}/get?id={key['id']}", headers=bearer(alice.token))
    assert shown.get_json() == without_text(key)
    assert list_keys(alice)["apiKeys"] == [without_text(key)]
    updated = send(alice, "update", keyId=key["id"], name="x").get_json()
    assert "key" not in updated
    ((row,),) = execute(database, "SELECT api_keys::text FROM api_keys WHERE user_id = %s", alice.id)
    assert isinstance(row, str)
    assert key["key"] not in row
    assert key["key"][38:81] not in row


def test_a_key_without_a_name_or_an_expiry_has_none(alice: Actor) -> None:
    key = create_key(alice, expiresIn=None, remaining=None)
    assert (key["name"], key["expiresAt"]) == (None, None)


@pytest.mark.parametrize("permissions", [READ, {"tasks": ["write"]}, {"tasks": ["write", "read"]}])
def test_the_client_chooses_the_permissions(alice: Actor, permissions: dict[str, list[str]]) -> None:
    key = create_key(alice, permissions=permissions)
    assert key["permissions"] == {"tasks": sorted(permissions["tasks"])}


def test_every_scope_can_be_chosen() -> None:
    assert set(PermissionsSchema().fields) == set(permissions_of(SCOPES))


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"permissions": {"tasks": ["read", "read"]}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"tasks": ["manage"]}}, "VALIDATION_ERROR", "#/permissions/tasks/0"),
        ({"permissions": {"tasks": ["read", 7]}}, "VALIDATION_ERROR", "#/permissions/tasks/1"),
        ({"permissions": {"tasks": []}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"tasks": "read"}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"tasks": ["read"] * 3}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"users": ["read"]}}, "VALIDATION_ERROR", "#/permissions/users"),
        ({"permissions": {}}, "VALIDATION_ERROR", "#/permissions"),
        ({"permissions": ["tasks:read"]}, "VALIDATION_ERROR", "#/permissions"),
        ({"permissions": None}, "VALIDATION_ERROR", "#/permissions"),
        ({"name": 7}, "VALIDATION_ERROR", "#/name"),
        ({"name": None}, "VALIDATION_ERROR", "#/name"),
        ({"name": "nul\0"}, "VALIDATION_ERROR", "#/name"),
        ({"expiresIn": "86400"}, "VALIDATION_ERROR", "#/expiresIn"),
        ({"expiresIn": True}, "VALIDATION_ERROR", "#/expiresIn"),
        ({"name": "x" * 65}, "INVALID_NAME_LENGTH", None),
        ({"expiresIn": DAY - 1}, "EXPIRES_IN_IS_TOO_SMALL", None),
        ({"expiresIn": -1e300}, "EXPIRES_IN_IS_TOO_SMALL", None),
        ({"expiresIn": 365 * DAY + 1}, "EXPIRES_IN_IS_TOO_LARGE", None),
        ({"expiresIn": 1e300}, "EXPIRES_IN_IS_TOO_LARGE", None),
        ({"metadata": {"a": 1}}, "METADATA_DISABLED", None),
        *(({name: 1}, "SERVER_ONLY_PROPERTY", None) for name in SERVER_ONLY),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("route", ["create", "update"])
def test_an_invalid_value_has_a_code(alice: Actor, route: str, body: dict[str, Any], code: str, pointer: str) -> None:
    key = create_key(alice)
    named = {"keyId": key["id"]} if route == "update" else {}
    response = send(alice, route, **body, **named)
    assert status_and_code(response) == (400, code)
    assert [error["pointer"] for error in response.get_json().get("errors", [])] == ([pointer] if pointer else [])
    assert list_keys(alice)["apiKeys"] == [without_text(key)]


def test_the_longest_values_are_accepted(alice: Actor) -> None:
    key = create_key(alice, name="\U0001f511" * APIKey.NAME_MAX, expiresIn=365 * DAY)
    assert key["name"] == "\U0001f511" * 64
    assert create_key(alice, name="", expiresIn=DAY + 0.5)["name"] == ""


def test_an_update_changes_what_it_names(alice: Actor) -> None:
    key = create_key(alice, name="backup", permissions=READ, expiresIn=DAY)

    def update(**changes: Any) -> dict[str, Any]:
        response = send(alice, "update", keyId=key["id"], **changes)
        assert response.status_code == 200, response.text
        updated: dict[str, Any] = response.get_json()
        return updated

    expected = without_text(key)
    for changes in ({"name": "new"}, {"enabled": False}, {"permissions": FULL}, {"enabled": True}):
        updated = update(**changes)
        expected |= {**changes, "updatedAt": updated["updatedAt"]}
        assert updated == expected
    assert update(expiresIn=None)["expiresAt"] is None
    longer = update(expiresIn=10 * DAY)
    assert instant(longer["expiresAt"]) - instant(longer["updatedAt"]) == timedelta(days=10)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "NO_VALUES_TO_UPDATE"),
        ({"unknown": 1}, "NO_VALUES_TO_UPDATE"),
        ({"name": ""}, "INVALID_NAME_LENGTH"),
        ({"enabled": "yes"}, "VALIDATION_ERROR"),
        ({"enabled": None}, "VALIDATION_ERROR"),
    ],
)
def test_an_invalid_update_has_a_code(alice: Actor, body: dict[str, Any], code: str) -> None:
    key = create_key(alice)
    assert status_and_code(send(alice, "update", keyId=key["id"], **body)) == (400, code)


@pytest.mark.parametrize("key_id", ["nothing", "", "x" * 1000, "\u00e9"])
def test_an_unknown_key_is_404(alice: Actor, key_id: str) -> None:
    assert status_and_code(send(alice, "update", keyId=key_id, name="x")) == (404, "KEY_NOT_FOUND")
    assert status_and_code(send(alice, "delete", keyId=key_id)) == (404, "KEY_NOT_FOUND")
    shown = alice.client.get(f"{API_KEY}/get", query_string={"id": key_id or "x"}, headers=bearer(alice.token))
    assert status_and_code(shown) == (404, "KEY_NOT_FOUND")


@pytest.mark.parametrize("route", ["update", "delete"])
@pytest.mark.parametrize("key_id", [None, 7, ["x"], "nul\0"])
def test_a_mistyped_id_is_400(alice: Actor, route: str, key_id: Any) -> None:
    assert status_and_code(send(alice, route, keyId=key_id, name="x")) == (400, "VALIDATION_ERROR")
    assert status_and_code(send(alice, route)) == (400, "VALIDATION_ERROR")


@pytest.mark.shows("ASVS 8.2.2", "API keys own")
def test_another_users_key_is_404(alice: Actor, bob: Actor) -> None:
    key = create_key(bob)
    for route in ("update", "delete"):
        assert status_and_code(send(alice, route, keyId=key["id"], name="x")) == (404, "KEY_NOT_FOUND")
    shown = alice.client.get(f"{API_KEY}/get?id={key['id']}", headers=bearer(alice.token))
    assert status_and_code(shown) == (404, "KEY_NOT_FOUND")
    assert list_keys(alice) == {"apiKeys": [], "total": 0}
    assert list_keys(bob)["apiKeys"] == [without_text(key)]


def test_a_list_is_sorted_and_paged(alice: Actor) -> None:
    names = ["b", "c", "a"]
    for name in names:
        create_key(alice, name=name)

    def listed(query: str) -> list[str]:
        return [key["name"] for key in list_keys(alice, query)["apiKeys"]]

    assert listed("") == listed("sortBy=createdAt&sortDirection=asc") == names
    assert listed("sortBy=name") == ["a", "b", "c"]
    assert listed("sortBy=name&sortDirection=desc") == ["c", "b", "a"]
    assert listed("limit=2") == ["b", "c"]
    assert listed("limit=2&offset=2") == ["a"]
    assert listed("limit=0") == listed("offset=9") == []
    page = list_keys(alice, "limit=1&offset=1&configId=default")
    assert {name: page[name] for name in ("total", "limit", "offset")} == {"total": 3, "limit": 1, "offset": 1}


@pytest.mark.parametrize("query", ["limit=-1", "limit=01", "limit=x", "offset=1_0", "sortBy=hash", "sortDirection=up"])
def test_an_invalid_parameter_of_a_list_is_400(alice: Actor, query: str) -> None:
    response = alice.client.get(f"{API_KEY}/list?{query}", headers=bearer(alice.token))
    assert status_and_code(response) == (400, "VALIDATION_ERROR")
    response = alice.client.get(f"{API_KEY}/get", headers=bearer(alice.token))
    assert status_and_code(response) == (400, "VALIDATION_ERROR")


@pytest.mark.shows("API keys fresh")
def test_an_old_session_neither_creates_a_key_nor_gives_it_more(database: str, alice: Actor) -> None:
    key = create_key(alice)
    shift_session(database, session := sign_in(alice), created_at="-25 hours")
    old = Actor(alice.client, alice.id, alice.email, session.access, session.refresh)
    for route, body in (
        ("create", {}),
        ("update", {"keyId": key["id"], "permissions": READ}),
        ("update", {"keyId": key["id"], "expiresIn": None}),
        ("update", {"keyId": key["id"], "enabled": True}),
    ):
        assert status_and_code(send(old, route, **body)) == (403, "SESSION_NOT_FRESH")
    assert send(old, "update", keyId=key["id"], enabled=False, name="off").status_code == 200
    assert send(old, "delete", keyId=key["id"]).status_code == 200


def test_a_session_that_ends_meanwhile_creates_no_key(database: str, alice: Actor) -> None:
    with locking(database, LOCK_USER, alice.id) as commit, ThreadPoolExecutor(1) as thread:
        created = thread.submit(send, alice, "create")
        wait_for_lock(database)
        execute(database, "DELETE FROM sessions WHERE user_id = %s", alice.id)
        commit()
        assert status_and_code(created.result()) == (401, "UNAUTHORIZED_SESSION")
    assert execute(database, "SELECT FROM api_keys WHERE user_id = %s", alice.id) == []


def test_the_fifty_first_key_is_403(alice: Actor, database: str) -> None:
    key = create_key(alice)
    insert = "INSERT INTO api_keys (user_id, id, hash, scopes) SELECT %s, i::text, '', '{tasks:read}'"
    execute(database, f"{insert} FROM generate_series(1, 49) i", alice.id)
    assert status_and_code(send(alice, "create")) == (403, "API_KEY_LIMIT_REACHED")
    assert send(alice, "delete", keyId=key["id"]).status_code == 200
    assert send(alice, "create").status_code == 200


def test_keys_are_limited_per_account(alice: Actor) -> None:
    responses = [send(alice, "create") for _ in range(6)]
    assert [response.status_code for response in responses] == [200] * 5 + [429]
    assert int(responses[-1].headers["Retry-After"]) > 0


@pytest.mark.shows("API keys notice")
def test_a_mail_tells_the_owner_of_a_new_key_and_has_no_secret(fresh_database: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    ada = Actor.sign_up(application(fresh_database, mail_url=mails.as_uri()), "Ada")
    key = create_key(ada, name="see https://evil.example", permissions=READ)
    outbox.queue.join()
    (mail,) = read_mbox(mails)
    text = mail.get_content()
    assert mail["To"] == ada.email
    assert key["id"] in text
    assert "tasks:read" in text
    for secret in (key["key"], key["key"][38:81], key["start"], "evil"):
        assert secret not in mails.read_text()


def test_the_log_names_the_key_by_its_id(alice: Actor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "todo_api.events"):
        key = create_key(alice)
        with_key(alice, key["key"], "GET", "/tasks/0")
        with_key(alice, key["key"][:-1] + "-", "GET", "/tasks")
    events = [record.getMessage() for record in caplog.records]
    assert "create_api_key" in events
    assert key["key"] not in caplog.text


def test_every_route_but_list_and_get_refuses_another_origin(alice: Actor) -> None:
    session = sign_in(alice)
    headers = {**session.cookie, "Origin": "https://evil.example"}
    for route in ("create", "update", "delete"):
        response = alice.client.post(f"{API_KEY}/{route}", json={"keyId": "x"}, headers=headers)
        assert status_and_code(response) == (403, "INVALID_ORIGIN")
    assert alice.client.post(f"{API_KEY}/create", json={}, headers=session.cookie).status_code == 200


def test_times_are_those_of_the_service(alice: Actor) -> None:
    created = instant(create_key(alice)["createdAt"])
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=5)
