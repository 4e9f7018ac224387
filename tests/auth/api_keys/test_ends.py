"""What ends API keys, and what does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.api_keys import DISABLE, create_key, send, with_key
from tests.support.credentials import bearer, sign_in
from tests.support.databases import application, execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock
from tests.support.problems import status_and_code
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask


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
