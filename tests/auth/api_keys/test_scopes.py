"""The routes that an API key opens: those of its scopes and its user, and no auth route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api_keys import READ, WRITE, create_key, with_key
from tests.support.credentials import bearer
from tests.support.problems import status_and_code
from tests.support.routes import RULES, USER_RULES, operations
from todo_api.auth.api_keys.scopes import SCOPES

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor


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
