"""The deletion of an account with all its data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.accounts import can_sign_in, shift_session
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, sign_in
from tests.support.databases import execute
from tests.support.problems import status_and_code

AUTH = "/api/auth"
CREDENTIALS = sorted(ALL)


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("options", [{}, {"json": {}}, {"json": {"password": PASSWORD}}])
def test_deletion_of_an_account_deletes_all_its_data(
    database: str, alice: Actor, bob: Actor, credential: str, options: Any
) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    alice.create_task()
    task = bob.create_task()
    reset = "INSERT INTO password_resets (user_id, token_hash, expires_at) VALUES (%s, 'x', now())"
    execute(database, reset, alice.id)
    response = alice.client.post(f"{AUTH}/delete-user", headers=session.credentials[credential], **options)
    assert (response.status_code, response.json) == (200, {"success": True, "message": "User deleted"})
    assert len(response.headers.getlist("Set-Cookie")) == 3
    assert session.accepted_credentials(alice.client) == other.accepted_credentials(alice.client) == NONE
    assert execute(database, "SELECT count(*) FROM users WHERE id = %s", alice.id) == [(0,)]
    for table in ("sessions", "tasks", "password_resets"):
        assert execute(database, f"SELECT count(*) FROM {table} WHERE user_id = %s", alice.id) == [(0,)]
    assert alice.get("/tasks").status_code == alice.post("/tasks", json={"title": "x"}).status_code == 401
    assert alice.client.post(f"{AUTH}/refresh", data={"refresh_token": session.refresh}).status_code == 401
    assert not can_sign_in(alice, PASSWORD)
    assert bobs.accepted_credentials(bob.client) == ALL
    assert bob.get(f"/tasks/{task['id']}").status_code == 200
    again = alice.client.post(f"{AUTH}/sign-up/email", json={"email": alice.email, "password": PASSWORD})
    assert again.status_code == 200
    assert again.get_json()["user"]["id"] != alice.id


def test_a_wrong_password_deletes_nothing(alice: Actor) -> None:
    session = sign_in(alice)
    body = {"password": "not the password"}
    response = alice.client.post(f"{AUTH}/delete-user", json=body, headers=session.jwt)
    assert status_and_code(response) == (400, "INVALID_PASSWORD")
    assert session.accepted_credentials(alice.client) == ALL


def test_after_a_day_deletion_requires_the_password(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    shift_session(database, session, created_at="-25 hours")
    response = alice.client.post(f"{AUTH}/delete-user", json={}, headers=session.jwt)
    assert status_and_code(response) == (400, "SESSION_EXPIRED")
    body = {"password": PASSWORD}
    assert alice.client.post(f"{AUTH}/delete-user", json=body, headers=session.jwt).status_code == 200
