"""The directory of e-mail addresses: written with the account, and filled while the previous release serves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import insert_external_user, new_email
from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application, execute, migrate, new_database
from tests.support.email_directory import DISABLE_TRIGGER, differences, directory
from tests.support.locks import locking, wait_for_lock
from todo_api.auth import accounts
from todo_api.auth.verification.change_email import change_email
from todo_api.auth.verification.link_tokens import LinkClaims

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

SIGN_UP = "/api/auth/sign-up/email"
INSERT_USER = "INSERT INTO users (id, email, password_hash, name) VALUES (%s, %s, '', '')"


@pytest.fixture
def app(fresh_database: str) -> Flask:
    """Return an application on a database without the trigger."""
    execute(fresh_database, DISABLE_TRIGGER)
    return application(fresh_database)


@pytest.fixture
def old_database(server: str) -> Iterator[str]:
    """Yield a database of the previous release."""
    with new_database(server) as url:
        migrate(url, "upgrade", "0009")
        yield url


def session_of(actor: Actor) -> str:
    headers = {"Authorization": f"Bearer {actor.token}"}
    session_id: str = actor.client.get("/api/auth/get-session", headers=headers).get_json()["session"]["id"]
    return session_id


def test_an_account_is_created_changed_and_deleted_with_its_address(app: Flask, fresh_database: str) -> None:
    alice, bob = Actor.sign_up(app, "Alice"), Actor.sign_up(app, "Bob")
    new = new_email()
    with app.test_request_context():
        operator_made = accounts.create_account({"email": "Eve@Example.com", "password": PASSWORD})
        change_email(LinkClaims(alice.id, 0, new.upper(), session_of(alice)))
        accounts.delete_user(bob.id)
    assert directory(fresh_database) == {new: alice.id, "eve@example.com": operator_made}
    assert differences(fresh_database) == []


def test_a_sign_up_that_requires_verification_writes_the_address(fresh_database: str) -> None:
    execute(fresh_database, DISABLE_TRIGGER)
    client = application(fresh_database, require_email_verification=True).test_client(use_cookies=False)
    for email in ("ada@example.com", "ADA@example.com", "eve@example.com"):
        assert client.post(SIGN_UP, json={"email": email, "password": PASSWORD}).status_code == 200
    assert len(directory(fresh_database)) == 2
    assert differences(fresh_database) == []


def test_a_sign_up_waits_for_one_that_requires_verification_too(fresh_database: str) -> None:
    strict = application(fresh_database, require_email_verification=True).test_client(use_cookies=False)
    with locking(fresh_database, INSERT_USER, "first", "ada@example.com") as commit, ThreadPoolExecutor(1) as pool:
        posted = pool.submit(strict.post, SIGN_UP, json={"email": "ada@example.com", "password": PASSWORD})
        wait_for_lock(fresh_database)
        commit()
        assert posted.result().status_code == 200
    assert directory(fresh_database) == {"ada@example.com": "first"}


def test_an_address_that_the_directory_has_is_taken(app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(app, "Alice")
    execute(fresh_database, "DROP INDEX uq_users_local_email")
    response = alice.client.post(SIGN_UP, json={"email": alice.email.upper(), "password": PASSWORD})
    assert response.status_code == 422
    assert differences(fresh_database) == []


def test_the_migration_takes_over_the_accounts(old_database: str) -> None:
    execute(old_database, INSERT_USER, "u", "Ada@Example.com")
    insert_external_user(old_database, "ada@example.com")
    migrate(old_database)
    assert directory(old_database) == {"ada@example.com": "u"}


def test_the_migration_takes_over_more_accounts_than_a_slice(old_database: str) -> None:
    accounts = "INSERT INTO users (id, email, password_hash, name) SELECT n, n || '@example.com', '', ''"
    execute(old_database, f"{accounts} FROM generate_series(1, 2500) AS n")
    migrate(old_database)
    assert len(directory(old_database)) == 2500


def test_an_interrupted_migration_can_be_run_again(old_database: str) -> None:
    migrate(old_database, "upgrade", "0010")
    execute(old_database, "UPDATE alembic_version SET version_num = '0009'")
    execute(old_database, DISABLE_TRIGGER)
    execute(old_database, INSERT_USER, "u", "ada@example.com")
    migrate(old_database)
    assert directory(old_database) == {"ada@example.com": "u"}


def test_the_previous_release_fills_the_directory(old_database: str) -> None:
    """It writes to `users` alone."""
    migrate(old_database)
    execute(old_database, INSERT_USER, "u", "Ada@Example.com")
    execute(old_database, INSERT_USER, "v", "bob@example.com")
    insert_external_user(old_database, "eve@example.com")
    execute(old_database, "UPDATE users SET email = 'ADA@example.org' WHERE id = 'u'")
    execute(old_database, "DELETE FROM users WHERE id = 'v'")
    assert directory(old_database) == {"ada@example.org": "u"}
