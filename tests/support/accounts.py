"""Accounts and sessions in states that no request puts them into."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.support.databases import execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor
    from tests.support.credentials import SignIn

SEED_HASH = "$2b$04$TbQ6tc1lq5HTixZ2jrERPuyplhlAkHRF2S1WgBFdnrN29vHRAUHoG"
SEED_PASSWORD = "password123"


def new_email() -> str:
    """Return an e-mail address without an account."""
    return f"{uuid.uuid4().hex}@example.com"


def can_sign_in(actor: Actor, password: str) -> bool:
    """Return whether a sign-in with the password succeeds."""
    account = {"email": actor.email, "password": password}
    response = actor.client.post("/api/auth/sign-in/email", json=account)
    assert response.status_code in {200, 401}
    return response.status_code == 200


def profile(client: FlaskClient, session: SignIn) -> dict[str, Any]:
    """Return the user of a session."""
    user: dict[str, Any] = client.get("/api/auth/get-session", headers=session.jwt).get_json()["user"]
    return user


def sign_in_during(database: str, actor: Actor, password: str, request: Callable[[], TestResponse]) -> TestResponse:
    """Sign in with the password while the request waits for the user's row, and return the response to the request."""
    account = {"email": actor.email, "password": password}
    with locking(database, LOCK_USER, actor.id) as commit, ThreadPoolExecutor(2) as pool:
        response = pool.submit(request)
        wait_for_lock(database)
        signed_in = pool.submit(actor.client.post, "/api/auth/sign-in/email", json=account)
        time.sleep(0.3)  # the sign-in hashes first, and need not wait for the row
        commit()
        assert signed_in.result().status_code in {200, 401}
        return response.result()


def insert_seed_account(database: str) -> str:
    """Insert an account with a plain bcrypt hash, as the seed stored it, and return its e-mail."""
    email = new_email()
    statement = "INSERT INTO users (id, email, password_hash, name) VALUES (%s, %s, %s, '')"
    execute(database, statement, uuid.uuid4().hex, email, SEED_HASH)
    return email


def insert_external_user(database: str, email: str) -> None:
    """Insert a user of an external issuer."""
    statement = "INSERT INTO users (id, issuer, email, name) VALUES (%s, 'https://issuer.example', %s, '')"
    execute(database, statement, uuid.uuid4().hex, email)


def shift_session(database: str, session: SignIn, **columns: str) -> None:
    """Add an interval such as '-11 seconds' to columns of the session."""
    for column, interval in columns.items():
        statement = f"UPDATE sessions SET {column} = {column} + %s::interval WHERE user_id = %s AND id = %s"
        execute(database, statement, interval, session.user_id, session.session_id)
