"""Accounts and sessions in states that no request puts them into."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tests.support.databases import execute

if TYPE_CHECKING:
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
