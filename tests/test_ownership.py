"""Authentication and ownership of every route. The routes come from the url_map, so that new ones are covered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.routes import RULES, USER_RULES, operations
from todo_api.http.converters import RESERVED

if TYPE_CHECKING:
    from tests.support.actors import Actor

PUBLIC = {
    "system.get_welcome",
    "system.check_liveness",
    "system.check_readiness",
    "openapi_json",
    "docs_page",
    "docs_script",
    "docs_asset",
    "auth.sign_up",
    "auth.sign_in",
    "auth.sign_out",
    "auth.refresh_tokens",
    "auth.check_auth",
    "auth.get_session",
    "auth.post_session",
    "auth.get_jwks",
    "auth.request_password_reset",
    "auth.follow_reset_link",
    "auth.send_verification_email",
    "auth.verify_email",
    "auth.follow_deletion_link",
    "auth.show_error",
    "auth.sign_in_social",
    "auth.follow_provider_redirect",
    "auth.post_provider_redirect",
    "auth.reset_password",
    "calendar_feeds.read_feed",
}
"""The routes without authentication."""

UNAUTHORIZED_SESSION = {"/api/auth/api-key/create", "/api/auth/api-key/update"}
"""The routes for which Better Auth has another code."""

GUARDED = [rule for rule in RULES if rule.endpoint not in PUBLIC]
SESSION_OPERATIONS = operations(rule for rule in GUARDED if rule not in USER_RULES)
OPERATIONS = operations(USER_RULES)
BODY = {"title": "taken over"}


def test_every_route_is_public_or_needs_a_user_or_a_session() -> None:
    assert len(OPERATIONS) >= 6
    assert len(SESSION_OPERATIONS) >= 8
    assert all(rule in GUARDED for rule in USER_RULES)
    assert all(rule.rule.startswith(("/api/<user_id>/", "/api/auth/")) for rule in GUARDED)


@pytest.mark.parametrize(("method", "path"), SESSION_OPERATIONS)
def test_a_request_without_a_session_is_401(alice: Actor, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": f"Bearer {alice.refresh_token}"}):
        response = alice.client.open(path, method=method, headers=headers)
        code = "UNAUTHORIZED_SESSION" if path in UNAUTHORIZED_SESSION else "UNAUTHORIZED"
        assert (response.status_code, response.get_json()["code"]) == (401, code)
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert alice.get("/tasks").status_code == 200


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_request_without_a_token_is_401(alice: Actor, method: str, path: str) -> None:
    task = alice.create_task()
    response = alice.client.open(path.format(user=alice.id, task=task["id"]), method=method, json=BODY)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert alice.get("/tasks").json == [task]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_another_users_path_is_403(alice: Actor, bob: Actor, method: str, path: str) -> None:
    task = bob.create_task()
    headers = {"Authorization": f"Bearer {alice.token}"}
    url = path.format(user=bob.id, task=task["id"])
    for body in (BODY, {"title": 7}):  # before 422, so that the schema stays private
        response = alice.client.open(url, method=method, json=body, headers=headers)
        assert (response.status_code, response.get_json()["detail"]) == (403, "Access forbidden")
        assert bob.id not in response.text
    assert bob.get("/tasks").json == [task]


@pytest.mark.parametrize(("method", "path"), [operation for operation in OPERATIONS if "{task}" in operation[1]])
def test_another_users_task_under_the_own_path_is_404(alice: Actor, bob: Actor, method: str, path: str) -> None:
    task = bob.create_task()
    own = path.format(user=alice.id, task=task["id"]).removeprefix(f"/api/{alice.id}")
    response = alice.request(method, own, json=BODY)
    assert (response.status_code, response.get_json()["detail"]) == (404, "Task not found")
    assert bob.get("/tasks").json == [task]


def test_fixed_names_in_place_of_an_id_are_reserved() -> None:
    """A wrong method on them is 405, not 404 for an unknown task."""
    fixed_names = {
        rule.rule.removeprefix("/api/<user_id>/tasks/")
        for rule in RULES
        if re.fullmatch("/api/<user_id>/tasks/[a-z]+", rule.rule)
    }
    assert fixed_names == set(RESERVED)
