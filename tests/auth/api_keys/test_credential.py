"""An API key as a credential: what it opens, what refuses it, and what ends it."""

from __future__ import annotations

import logging
import re
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from server.setting_parsers.rates import Rate
from tests.support.actors import PASSWORD, Actor
from tests.support.api_keys import API_KEY, READ, WRITE, create_key, list_keys, send, with_key
from tests.support.credentials import bearer, sign_in, sign_up_at
from tests.support.databases import application, execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock
from tests.support.log_lines import LogLines
from tests.support.problems import status_and_code
from tests.support.processes import running_service
from tests.support.routes import RULES, USER_RULES, operations
from tests.support.service_client import count_statuses, in_parallel
from tests.support.statements import record_statements
from todo_api.auth.api_keys import credential
from todo_api.auth.api_keys.credential import check_key, presented_key
from todo_api.auth.api_keys.encoding import new_key
from todo_api.auth.api_keys.scopes import SCOPES
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from tests.support.processes import Service

INVALID = 'Bearer error="invalid_token"'
DISABLE = "UPDATE api_keys SET enabled = false WHERE user_id = %s"
EXPIRE = "UPDATE api_keys SET expires_at = now() WHERE user_id = %s"
DELETE = "DELETE FROM api_keys WHERE user_id = %s"
OPERATIONS = operations(USER_RULES)


def required_scope(app: Flask, method: str, path: str) -> str:
    """Return the scope that the OpenAPI document states for an operation."""
    path = path.replace("{user}", "{user_id}").replace("{task}", "{task_id}")
    documented = re.sub(r"<\w+:(\w+)>", r"{\1}", path)
    operation = app.test_client().get("/openapi.json").get_json()["paths"][documented][method.lower()]
    (scope,) = next(requirement["apiKey"] for requirement in operation["security"] if "apiKey" in requirement)
    return str(scope)


@pytest.mark.shows("API keys scopes", "ASVS 8.2.2")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_route_of_a_user_declares_its_scope(app: Flask, method: str, path: str) -> None:
    scope = required_scope(app, method, path)
    assert scope in SCOPES
    assert scope == "feeds:manage" or scope.endswith(":read") == (method == "GET")


@pytest.mark.shows("API keys scopes")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("permissions", [READ, WRITE, {"tasks": ["read", "write"]}, {"feeds": ["manage"]}], ids=str)
def test_a_key_opens_the_routes_of_its_scopes_only(
    app: Flask, alice: Actor, method: str, path: str, permissions: dict[str, list[str]]
) -> None:
    task = alice.create_task()
    if path.endswith("/restore"):
        alice.delete(f"/tasks/{task['id']}")
    key = create_key(alice, permissions=permissions)["key"]
    scope = required_scope(app, method, path)
    body: dict[str, Any] = {"title": "x", "tasks": [], "operations": [{"op": "create", "task": {"title": "x"}}]}
    body |= {"format": "todo-export", "version": 1}
    query = "?all=true" if (method, path) == ("DELETE", "/api/{user}/tasks") else ""
    before = alice.get("/tasks").get_json()
    feed = alice.post("/feeds", json={}).get_json()
    path = path.replace("<id:feed_id>", str(feed["id"]))
    url = f"{path.format(user='me', task=task['id'])}{query}".removeprefix("/api/me")
    response = with_key(alice, key, method, url, json=body if method != "GET" else None)
    resource, _, action = scope.partition(":")
    if action in permissions.get(resource, ()):
        assert response.status_code < 300, response.text
        return
    assert status_and_code(response) == (403, "INSUFFICIENT_SCOPE")
    assert response.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}"'
    assert alice.get("/tasks").get_json() == before


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_is_a_bearer_token_or_a_header_of_its_own(alice: Actor, header: str) -> None:
    key = create_key(alice)["key"]
    task = alice.create_task()
    value = key if header == "X-API-Key" else f"Bearer {key}"
    for user in ("me", alice.id):
        response = alice.client.get(f"/api/{user}/tasks", headers={header: value})
        assert (response.status_code, response.get_json()) == (200, [task])


def test_two_credentials_are_400(alice: Actor) -> None:
    key = create_key(alice)["key"]
    for token in (alice.token, key, "nonsense"):
        response = with_key(alice, key, "GET", "/tasks", headers=bearer(token))
        assert status_and_code(response) == (400, "INVALID_REQUEST")
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_request"'


def test_an_empty_header_is_no_credential(alice: Actor) -> None:
    assert with_key(alice, "", "GET", "/tasks").get_json()["detail"] == "Not authenticated"
    assert with_key(alice, "", "GET", "/tasks", headers=bearer(alice.token)).status_code == 200


@pytest.mark.shows("API2:2023", "API keys refused")
@pytest.mark.parametrize("malform", [lambda _: "x", lambda key: key[:-1], lambda key: f"{key[:-1]}-", str.upper])
def test_a_malformed_key_is_401_without_the_database(app: Flask, alice: Actor, malform: Any) -> None:
    key = create_key(alice)["key"]
    with record_statements() as statements:
        response = with_key(alice, malform(key), "GET", "/tasks")
    assert status_and_code(response) == (401, "INVALID_TOKEN")
    assert response.headers["WWW-Authenticate"] == INVALID
    assert statements == []


@pytest.mark.parametrize("token", ["jwt", "opaque", "refresh"])
def test_another_credential_is_no_key(alice: Actor, token: str) -> None:
    session = sign_in(alice)
    value = {"jwt": session.access, "opaque": session.signed, "refresh": session.refresh}[token]
    assert status_and_code(with_key(alice, value, "GET", "/tasks")) == (401, "INVALID_TOKEN")


@pytest.mark.shows("API2:2023", "API keys refused")
@pytest.mark.parametrize(("method", "path"), [("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/export")])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (DISABLE, "INVALID_TOKEN"),
        (DELETE, "INVALID_TOKEN"),
        (EXPIRE, "TOKEN_EXPIRED"),
        ("UPDATE api_keys SET hash = 'x' WHERE user_id = %s", "INVALID_TOKEN"),
        ("DELETE FROM users WHERE id = %s", "INVALID_TOKEN"),
    ],
)
def test_a_key_that_is_not_valid_any_more_is_401(
    database: str, alice: Actor, method: str, path: str, change: str, code: str
) -> None:
    key = create_key(alice)["key"]
    assert with_key(alice, key, method, path, json={"title": "x"}).status_code < 300
    execute(database, change, alice.id)
    response = with_key(alice, key, method, path, json={"title": "x"})
    assert status_and_code(response) == (401, code)
    assert response.headers["WWW-Authenticate"] == INVALID


def test_a_disabled_key_is_enabled_again(alice: Actor) -> None:
    key = create_key(alice)
    for enabled, status in ((False, 401), (True, 200)):
        assert send(alice, "update", keyId=key["id"], enabled=enabled).status_code == 200
        assert with_key(alice, key["key"], "GET", "/tasks").status_code == status


def test_an_expired_key_is_extended(database: str, alice: Actor) -> None:
    key = create_key(alice)
    execute(database, EXPIRE, alice.id)
    assert with_key(alice, key["key"], "GET", "/tasks").status_code == 401
    assert send(alice, "update", keyId=key["id"], expiresIn=None).status_code == 200
    assert with_key(alice, key["key"], "GET", "/tasks").status_code == 200


def test_a_forged_key_is_401(alice: Actor) -> None:
    forged, _ = new_key(alice.id)
    assert status_and_code(with_key(alice, forged, "GET", "/tasks")) == (401, "INVALID_TOKEN")


@pytest.mark.shows("ASVS 8.2.2", "API keys own")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_key_opens_no_path_of_another_user(alice: Actor, bob: Actor, method: str, path: str) -> None:
    key = create_key(alice)["key"]
    task = bob.create_task()
    url = path.format(user=bob.id, task=task["id"])
    response = alice.client.open(url, method=method, headers={"X-API-Key": key}, json={"title": "x"})
    assert status_and_code(response) == (403, "FORBIDDEN")
    own = with_key(alice, key, "GET", f"/tasks/{task['id']}")
    assert own.status_code == 404


AUTH_OPERATIONS = [
    operation
    for operation in operations(rule for rule in RULES if rule.rule.startswith("/api/auth/"))
    if "<" not in operation[1]
]


@pytest.mark.shows("API keys no auth", "API5:2023")
@pytest.mark.parametrize(("method", "path"), AUTH_OPERATIONS)
def test_a_key_opens_no_auth_route(alice: Actor, method: str, path: str) -> None:
    key = create_key(alice)["key"]
    for headers in ({"X-API-Key": key}, bearer(key)):
        without = bearer("nothing") if "Authorization" in headers else {}
        responses = [alice.client.open(path, method=method, headers=sent) for sent in (headers, without)]
        first, second = ((response.status_code, response.data) for response in responses)
        assert first == second
    assert alice.get("/tasks").status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/tasks"), ("POST", "/tasks"), ("DELETE", "/tasks?all=true")])
def test_a_request_is_one_statement_and_the_first_of_a_day_one_more(alice: Actor, method: str, path: str) -> None:
    key = create_key(alice)["key"]
    alice.create_task()
    for number in (2, 1, 1):
        with record_statements() as statements:
            assert with_key(alice, key, method, path, json={"title": "x"}).status_code < 300
        assert len(statements) == number, statements
    assert "api_keys" in statements[0]
    assert "sessions" not in statements[0]


def test_a_key_that_has_become_valid_meanwhile_is_not_refused_for_a_reason(app: Flask, alice: Actor) -> None:
    key = create_key(alice)["key"]
    with app.app_context():
        check_key(presented_key(key, "tasks:read"))


def test_the_statement_of_a_session_looks_for_a_session_only(alice: Actor) -> None:
    with record_statements() as statements:
        alice.get("/tasks")
    (statement,) = statements
    assert "sessions" in statement
    assert "api_keys" not in statement
    assert "users" not in statement


def test_an_idempotent_batch_works_with_a_key(alice: Actor) -> None:
    key = create_key(alice, permissions=WRITE)["key"]
    body = {"operations": [{"op": "create", "task": {"title": title}} for title in ("a", "b")]}
    retry = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (with_key(alice, key, "POST", "/tasks/batch", json=body, headers=retry) for _ in range(2))
    assert (first.status_code, second.headers["Idempotency-Replayed"]) == (200, "true")
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["a", "b"]
    assert send(alice, "update", keyId=list_keys(alice)["apiKeys"][0]["id"], enabled=False).status_code == 200
    refused = with_key(alice, key, "POST", "/tasks/batch", json=body, headers=retry)
    assert status_and_code(refused) == (401, "INVALID_TOKEN")


def test_writes_by_a_key_count_for_its_user(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, rate_limit_writes=Rate(3, timedelta(minutes=1))), "Ada")
    key = create_key(ada)["key"]
    statuses = [with_key(ada, key, "POST", "/tasks", json={"title": "x"}).status_code for _ in range(4)]
    assert statuses == [201] * 3 + [429]
    assert ada.post("/tasks", json={"title": "x"}).status_code == 429
    assert with_key(ada, key, "GET", "/tasks").status_code == 200


# The day of use


@pytest.fixture
def first_use() -> None:
    """Forget which keys this process has stored a day for."""
    credential.store_last_use.cache_clear()


def last_request(actor: Actor) -> Any:
    return list_keys(actor)["apiKeys"][0]["lastRequest"]


@pytest.mark.usefixtures("first_use")
def test_the_day_of_the_last_use_is_shown(database: str, alice: Actor) -> None:
    key = create_key(alice)["key"]
    assert with_key(alice, key[:-1] + "-", "GET", "/tasks").status_code == 401
    assert last_request(alice) is None
    assert with_key(alice, key, "GET", "/tasks/0").status_code == 404
    today = f"{datetime.now(UTC).date()}T00:00:00.000Z"
    assert last_request(alice) == today
    execute(database, "UPDATE api_keys SET last_used_on = '2026-01-01' WHERE user_id = %s", alice.id)
    with_key(alice, key, "GET", "/tasks")
    assert last_request(alice) == "2026-01-01T00:00:00.000Z"  # this process has stored the day
    credential.store_last_use.cache_clear()
    with_key(alice, key, "GET", "/tasks")
    assert last_request(alice) == today


@pytest.mark.usefixtures("first_use")
def test_a_refused_key_has_no_day_of_use(database: str, alice: Actor) -> None:
    key = create_key(alice, permissions=READ)["key"]
    assert with_key(alice, key, "POST", "/tasks", json={"title": "x"}).status_code == 403
    execute(database, DISABLE, alice.id)
    assert with_key(alice, key, "GET", "/tasks").status_code == 401
    assert last_request(alice) is None


@pytest.mark.usefixtures("first_use")
def test_a_day_that_cannot_be_stored_fails_no_request(database: str, alice: Actor) -> None:
    key = create_key(alice)["key"]
    lock = "SELECT FROM api_keys WHERE user_id = %s FOR UPDATE"
    with locking(database, lock, alice.id):
        assert with_key(alice, key, "POST", "/tasks", json={"title": "x"}).status_code == 201
    assert last_request(alice) is None
    assert with_key(alice, key, "GET", "/tasks").status_code == 200
    assert last_request(alice)


# What ends keys


def test_a_sign_out_does_not_end_a_key(alice: Actor) -> None:
    key = create_key(alice)["key"]
    alice.sign_out()
    assert with_key(alice, key, "GET", "/tasks").status_code == 200


def test_a_change_of_the_password_does_not_end_a_key(alice: Actor) -> None:
    key = create_key(alice)["key"]
    body = {"currentPassword": PASSWORD, "newPassword": "another horse", "revokeOtherSessions": True}
    changed = alice.client.post("/api/auth/change-password", json=body, headers=bearer(alice.token))
    assert changed.status_code == 200
    assert with_key(alice, key, "GET", "/tasks").status_code == 200


def reset_token(actor: Actor, mails: Path) -> str:
    actor.client.post("/api/auth/request-password-reset", json={"email": actor.email})
    outbox.queue.join()
    return mails.read_text().rpartition("/reset-password/")[2].partition("?")[0]


@pytest.fixture
def ada(database: str, tmp_path: Path) -> Actor:
    """Return a user of an application with a file for its mails."""
    return Actor.sign_up(application(database, mail_url=(tmp_path / "mails").as_uri()), "Ada")


@pytest.mark.shows("API keys reset")
def test_a_password_reset_disables_all_keys_of_the_user(ada: Actor, bob: Actor, tmp_path: Path) -> None:
    key, bobs = create_key(ada), create_key(bob)["key"]
    body = {"token": reset_token(ada, tmp_path / "mails"), "newPassword": "another horse"}
    assert ada.client.post("/api/auth/reset-password", json=body).status_code == 200
    assert status_and_code(with_key(ada, key["key"], "GET", "/tasks")) == (401, "INVALID_TOKEN")
    assert with_key(bob, bobs, "GET", "/tasks").status_code == 200
    ada.token = sign_in(ada, "another horse").access
    assert send(ada, "update", keyId=key["id"], enabled=True).status_code == 200
    assert with_key(ada, key["key"], "GET", "/tasks").status_code == 200


@pytest.mark.shows("API keys reset")
@pytest.mark.parametrize(
    ("first", "second", "status"),
    [("reset", "create", 401), ("create", "reset", 200), ("reset", "enable", 404), ("enable", "reset", 200)],
)
def test_no_key_is_enabled_while_the_password_is_reset(
    database: str, ada: Actor, tmp_path: Path, first: str, second: str, status: int
) -> None:
    """Both wait for the user's row. A key that comes first is disabled; a request that comes second has no session."""
    key = create_key(ada)
    execute(database, DISABLE, ada.id)
    body = {"token": reset_token(ada, tmp_path / "mails"), "newPassword": "another horse"}
    actions = {
        "reset": lambda: ada.client.post("/api/auth/reset-password", json=body),
        "create": lambda: send(ada, "create"),
        "enable": lambda: send(ada, "update", keyId=key["id"], enabled=True),
    }
    with locking(database, LOCK_USER, ada.id) as commit, ThreadPoolExecutor(2) as threads:
        responses = {first: threads.submit(actions[first])}
        wait_for_lock(database)
        responses[second] = threads.submit(actions[second])
        wait_for_lock(database, 2)
        commit()
        assert responses.pop("reset").result().status_code == 200
        (other,) = responses.values()
        assert other.result().status_code == status
    enabled = execute(database, "SELECT id FROM api_keys WHERE user_id = %s AND enabled", ada.id)
    assert enabled == []


@pytest.mark.shows("API keys reset")
def test_a_password_set_by_a_command_disables_all_keys(app: Flask, alice: Actor) -> None:
    key = create_key(alice)["key"]
    command = ["users", "set-password", alice.email, "--password-stdin"]
    assert app.test_cli_runner().invoke(args=command, input="another horse").exit_code == 0
    assert with_key(alice, key, "GET", "/tasks").status_code == 401


def test_the_deletion_of_the_user_deletes_the_keys(database: str, alice: Actor) -> None:
    key = create_key(alice)["key"]
    body = {"password": PASSWORD}
    assert alice.client.post("/api/auth/delete-user", json=body, headers=bearer(alice.token)).status_code == 200
    assert with_key(alice, key, "GET", "/tasks").status_code == 401
    assert execute(database, "SELECT FROM api_keys WHERE user_id = %s", alice.id) == []


# The log


def test_the_log_has_the_id_of_a_valid_key(alice: Actor, app: Flask) -> None:
    key = create_key(alice)
    handler = LogLines()
    logger = logging.getLogger("todo_api")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with_key(alice, key["key"], "GET", "/tasks")
        with_key(alice, new_key(alice.id)[0], "GET", "/tasks")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    valid, forged = handler.of("request")
    assert (valid["user"], valid["api_key"]) == (alice.id, key["id"])
    assert (forged["user"], forged.get("api_key")) == (None, None)
    assert key["key"][38:] not in str(handler.lines)


# Several workers


@pytest.mark.shows("API keys revoked", "ASVS 8.3.2")
@pytest.mark.parametrize("route", ["delete", "update"])
def test_a_revoked_key_is_refused_at_once_on_every_worker(fresh_database: str, route: str) -> None:
    with running_service(fresh_database) as service:
        session = sign_up_at(service.url, "ada@example.com")
        for _ in range(5):
            created = requests.post(f"{service.url}{API_KEY}/create", json={}, headers=session.jwt, timeout=10).json()
            url, headers = f"{service.url}/api/me/tasks", {"X-API-Key": created["key"]}

            def get(_: int, url: str = url, headers: dict[str, str] = headers) -> requests.Response:
                return requests.get(url, headers=headers, timeout=10)

            assert count_statuses(in_parallel(8, get)) == {200: 8}
            body = {"keyId": created["id"], "enabled": False}
            assert requests.post(f"{service.url}{API_KEY}/{route}", json=body, headers=session.jwt, timeout=10).ok
            assert count_statuses(in_parallel(16, get)) == {401: 16}


@pytest.mark.shows("API keys limit", "ASVS 15.4.2")
def test_of_80_concurrent_requests_50_create_a_key(fresh_database: str) -> None:
    with running_service(fresh_database, RATE_LIMIT_USER_SCALE="1000") as service:
        session = sign_up_at(service.url, "ada@example.com")

        def create(_: int) -> requests.Response:
            return requests.post(f"{service.url}{API_KEY}/create", json={}, headers=session.jwt, timeout=30)

        responses = in_parallel(80, create)
    assert count_statuses(responses) == {200: 50, 403: 30}
    assert {response.json()["code"] for response in responses if not response.ok} == {"API_KEY_LIMIT_REACHED"}


def test_curl_sends_a_key(service: Service) -> None:
    session = sign_up_at(service.url, "ada@example.com")
    created = requests.post(f"{service.url}{API_KEY}/create", json={}, headers=session.jwt, timeout=10).json()
    for header in (f"X-API-Key: {created['key']}", f"Authorization: Bearer {created['key']}"):
        command = ["curl", "-s", "--fail-with-body", f"{service.url}/api/me/tasks", "-H", header]
        assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout == "[]\n"
