"""The two walls, for every route that names a user, found in the url_map so that a new route is covered unasked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.routes import RULES, USER_RULES, calls
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
    "auth.reset_password",
}
"""Routes that anybody may call. Whoever adds one says so here."""

GUARDED = [rule for rule in RULES if rule.endpoint not in PUBLIC]
SESSION_CALLS = calls(rule for rule in GUARDED if rule not in USER_RULES)
CALLS = calls(USER_RULES)
BODY = {"title": "taken over"}


def test_every_rule_is_public_by_name_or_a_users_or_a_sessions() -> None:
    assert len(CALLS) >= 6
    assert len(SESSION_CALLS) >= 8
    assert all(rule in GUARDED for rule in USER_RULES)
    assert all(rule.rule.startswith(("/api/<user_id>/", "/api/auth/")) for rule in GUARDED)


@pytest.mark.parametrize(("method", "path"), SESSION_CALLS)
def test_without_a_session_it_is_401(alice: Actor, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": f"Bearer {alice.refresh_token}"}):
        response = alice.client.open(path, method=method, headers=headers)
        assert (response.status_code, response.get_json()["code"]) == (401, "UNAUTHORIZED")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert alice.get("/tasks").status_code == 200


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_without_a_token_it_is_401(alice: Actor, method: str, path: str) -> None:
    task = alice.task()
    response = alice.client.open(path.format(user=alice.id, task=task["id"]), method=method, json=BODY)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert alice.get("/tasks").json == [task]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_another_users_path_is_403(alice: Actor, bob: Actor, method: str, path: str) -> None:
    task = bob.task()
    headers = {"Authorization": f"Bearer {alice.token}"}
    url = path.format(user=bob.id, task=task["id"])
    for body in (BODY, {"title": 7}):  # before 422, or strangers learn the schema
        response = alice.client.open(url, method=method, json=body, headers=headers)
        assert (response.status_code, response.get_json()["detail"]) == (403, "Access forbidden")
        assert bob.id not in response.text
    assert bob.get("/tasks").json == [task]


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if "{task}" in call[1]])
def test_another_users_task_under_the_own_path_is_404(alice: Actor, bob: Actor, method: str, path: str) -> None:
    task = bob.task()
    own = path.format(user=alice.id, task=task["id"]).removeprefix(f"/api/{alice.id}")
    response = alice.request(method, own, json=BODY)
    assert (response.status_code, response.get_json()["detail"]) == (404, "Task not found")
    assert bob.get("/tasks").json == [task]


def test_names_that_stand_where_an_id_can_are_no_ids() -> None:
    """Else a wrong method there would be answered as a task that is not there."""
    beside = {
        rule.rule.removeprefix("/api/<user_id>/tasks/")
        for rule in RULES
        if re.fullmatch("/api/<user_id>/tasks/[a-z]+", rule.rule)
    }
    assert beside == set(RESERVED)
