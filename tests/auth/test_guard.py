"""The guard of a user's routes: its status codes, with the details of the seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.actors import Actor
from tests.support.databases import CONFIG, application, execute
from todo_api.auth.tokens.session_tokens import Claims, issue

INVALID = 'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    ("header", "detail", "challenge"),
    [
        (None, "Not authenticated", "Bearer"),
        ("", "Not authenticated", "Bearer"),
        ("Basic YTpi", "Invalid authentication scheme", "Bearer"),
        ("{token}", "Invalid authentication scheme", "Bearer"),
        ("Bearer", "Invalid token", INVALID),
        ("Bearer ", "Invalid token", INVALID),
        ("Bearer  {token}", "Invalid token", INVALID),
        ("Bearer x", "Invalid token", INVALID),
        ("Bearer {token},Bearer {token}", "Invalid token", INVALID),
        ("Bearer {refresh}", "Invalid token payload", INVALID),
        ("Bearer {expired}", "Token expired", INVALID),
    ],
)
def test_an_invalid_credential_is_401_with_its_reason(
    alice: Actor, header: str | None, detail: str, challenge: str
) -> None:
    secret, hour = CONFIG.better_auth_secret, timedelta(hours=1)
    claims = Claims(alice.id, alice.email, "session")
    expired = issue(claims, "access", secret=secret, now=datetime.now(UTC) - 2 * hour, ttl=hour)
    headers = {}
    if header is not None:
        headers["Authorization"] = header.format(token=alice.token, refresh=alice.refresh_token, expired=expired)
    response = alice.client.get(f"/api/{alice.id}/tasks", headers=headers)
    assert (response.status_code, response.get_json()["detail"]) == (401, detail)
    assert response.headers["WWW-Authenticate"] == challenge


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_case_insensitive(alice: Actor, scheme: str) -> None:
    response = alice.client.get(f"/api/{alice.id}/tasks", headers={"Authorization": f"{scheme} {alice.token}"})
    assert response.status_code == 200


def test_a_token_in_the_query_is_no_credential(alice: Actor) -> None:
    response = alice.client.get(f"/api/{alice.id}/tasks?access_token={alice.token}&token={alice.token}")
    assert response.status_code == 401


def test_a_session_without_its_user_creates_no_task(fresh_database: str) -> None:
    alice = Actor.sign_up(application(fresh_database), "Alice")
    execute(fresh_database, "ALTER TABLE sessions DROP CONSTRAINT fk_sessions_user_id_users")  # keeps the session
    execute(fresh_database, "DELETE FROM users WHERE id = %s", alice.id)
    response = alice.post("/tasks", json={"title": "x"})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, INVALID)


def test_the_token_of_a_deleted_user_creates_no_task(database: str, alice: Actor) -> None:
    alice.create_task()
    execute(database, "DELETE FROM users WHERE id = %s", alice.id)
    response = alice.post("/tasks", json={"title": "x"})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, INVALID)
    assert execute(database, "SELECT count(*) FROM tasks WHERE user_id = %s", alice.id) == [(0,)]
