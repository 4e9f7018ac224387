"""The change of a password: the sessions that it ends, and the password that is valid afterwards."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import can_sign_in, profile, sign_in_during
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, NONE, SignIn, bearer, sign_in
from tests.support.databases import CONFIG, execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock
from tests.support.problems import status_and_code
from todo_api.auth.passwords import hashing

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

AUTH = "/api/auth"
NEW = "a new " + PASSWORD


def change(actor: Actor, session: SignIn, current: str = PASSWORD, new: str = NEW, **fields: Any) -> TestResponse:
    body = {"currentPassword": current, "newPassword": new, **fields}
    return actor.client.post(f"{AUTH}/change-password", json=body, headers=session.jwt)


def test_after_a_change_only_the_new_password_is_valid(alice: Actor, bob: Actor) -> None:
    session = sign_in(alice)
    before = profile(alice.client, session)
    response = change(alice, session)
    body = response.get_json()
    assert (response.status_code, list(body), body["token"]) == (200, ["token", "user"], None)
    assert body["user"] == {**before, "updatedAt": body["user"]["updatedAt"]}
    assert body["user"]["updatedAt"] >= before["updatedAt"]
    assert (can_sign_in(alice, NEW), can_sign_in(alice, PASSWORD), can_sign_in(bob, PASSWORD)) == (True, False, True)


def test_by_default_a_change_ends_the_other_sessions(alice: Actor, bob: Actor) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    response = change(alice, session)
    assert "set-auth-token" not in response.headers
    assert session.accepted_credentials(alice.client) == ALL
    assert other.accepted_credentials(alice.client) == NONE
    assert alice.get("/tasks").status_code == 401
    assert bobs.accepted_credentials(bob.client) == ALL


def test_a_change_that_revokes_replaces_all_sessions_by_a_new_one(alice: Actor, bob: Actor) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    response = change(alice, session, revokeOtherSessions=True)
    token = response.get_json()["token"]
    assert response.headers["set-auth-token"].rpartition(".")[0] == token
    assert response.headers["Set-Cookie"].startswith(f"{COOKIE}={token}.")
    assert "Max-Age=604800" in response.headers["Set-Cookie"]
    assert session.accepted_credentials(alice.client) == other.accepted_credentials(alice.client) == NONE
    assert bobs.accepted_credentials(bob.client) == ALL
    opened = replace(session, signed=response.headers["set-auth-token"])
    assert opened.accepted_credentials(alice.client) == {"opaque", "cookie"}
    listed = alice.client.get(f"{AUTH}/list-sessions", headers=bearer(token)).get_json()
    assert [each["id"] for each in listed] == [opened.session_id]


def test_the_new_session_of_a_change_is_remembered_like_the_old_one(alice: Actor) -> None:
    response = change(alice, sign_in(alice, rememberMe=False), revokeOtherSessions=True)
    names = [header.partition("=")[0] for header in response.headers.getlist("Set-Cookie")]
    assert names == [COOKIE, "better-auth.dont_remember"]
    assert "Max-Age" not in response.headers["Set-Cookie"]


def test_a_change_without_revocation_ends_no_session(alice: Actor) -> None:
    session, other = sign_in(alice), sign_in(alice)
    response = change(alice, session, revokeOtherSessions=False)
    assert (response.status_code, response.get_json()["token"]) == (200, None)
    assert session.accepted_credentials(alice.client) == other.accepted_credentials(alice.client) == ALL
    assert alice.get("/tasks").status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "expected", "pointer"),
    [
        ("not the password", NEW, "INVALID_PASSWORD", None),
        ("", NEW, "INVALID_PASSWORD", None),
        ("x" * 100_000, NEW, "INVALID_PASSWORD", None),
        ("not the password", "short", "PASSWORD_TOO_SHORT", "#/newPassword"),
        (PASSWORD, "x" * 129, "PASSWORD_TOO_LONG", "#/newPassword"),
        (PASSWORD, "with\0nul, and long enough", "VALIDATION_ERROR", "#/newPassword"),
        (None, NEW, "VALIDATION_ERROR", "#/currentPassword"),
        (PASSWORD, 12_345_678, "VALIDATION_ERROR", "#/newPassword"),
    ],
)
def test_a_rejected_change_changes_nothing(
    alice: Actor, current: Any, new: Any, expected: str, pointer: str | None
) -> None:
    session, other = sign_in(alice), sign_in(alice)
    response = change(alice, session, current, new, revokeOtherSessions=True)
    assert status_and_code(response) == (400, expected)
    assert [error["pointer"] for error in response.get_json().get("errors", [])] == ([pointer] if pointer else [])
    assert session.accepted_credentials(alice.client) == other.accepted_credentials(alice.client) == ALL
    assert can_sign_in(alice, PASSWORD)


@pytest.mark.parametrize("flag", ["true", 1, None])
def test_revoke_other_sessions_is_a_boolean(alice: Actor, flag: object) -> None:
    assert status_and_code(change(alice, sign_in(alice), revokeOtherSessions=flag)) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("fields", [{}, {"revokeOtherSessions": True}, {"revokeOtherSessions": False}])
def test_of_two_concurrent_changes_one_is_rejected(database: str, alice: Actor, fields: dict[str, Any]) -> None:
    session = sign_in(alice)
    with locking(database, LOCK_USER, alice.id) as commit, ThreadPoolExecutor(2) as pool:
        pending = [pool.submit(change, alice, session, PASSWORD, f"{NEW} {number}", **fields) for number in "12"]
        wait_for_lock(database, 2)
        commit()
        responses = [future.result() for future in pending]
    changed, rejected = sorted(responses, key=lambda response: response.status_code)
    assert changed.status_code == 200
    assert status_and_code(rejected) == (400, "INVALID_PASSWORD")
    assert "set-auth-token" not in rejected.headers
    assert [can_sign_in(alice, f"{NEW} {number}") for number in "12"] == [response is changed for response in responses]


@pytest.mark.parametrize("fields", [{}, {"revokeOtherSessions": True}])
def test_a_sign_in_during_a_change_gets_no_session_for_the_old_password(
    database: str, alice: Actor, fields: dict[str, Any]
) -> None:
    session = sign_in(alice)
    response = sign_in_during(database, alice, PASSWORD, lambda: change(alice, session, **fields))
    assert response.status_code == 200
    rows = execute(database, "SELECT id FROM sessions WHERE user_id = %s", alice.id)
    token = response.get_json()["token"]
    assert rows == [(token.split("_")[1] if token else session.session_id,)]


def test_every_character_of_a_password_counts(alice: Actor) -> None:
    session, long = sign_in(alice), "x" * 100 + "\u00e9" * 28
    assert change(alice, session, new=long).status_code == 200
    twins = [long[:-1], long[:72], long[:-1] + "e", long.upper(), f" {long[1:]}"]
    assert [can_sign_in(alice, twin) for twin in twins] == [False] * len(twins)
    assert not can_sign_in(alice, long[:-1] + " ")
    assert can_sign_in(alice, long)


def test_composed_and_decomposed_characters_are_the_same_password(alice: Actor) -> None:
    assert change(alice, sign_in(alice), new="caf\u00e9 au lait").status_code == 200
    assert can_sign_in(alice, "cafe\u0301 au lait")
    assert not can_sign_in(alice, "cafe au lait")


def test_a_new_password_gets_a_current_hash(database: str, alice: Actor) -> None:
    assert change(alice, sign_in(alice)).status_code == 200
    ((stored,),) = execute(database, "SELECT password_hash FROM users WHERE id = %s", alice.id)
    assert re.fullmatch(r"hmac-sha256\$\$2b\$04\$.{53}", str(stored))
    assert not hashing.needs_rehash(str(stored), CONFIG.bcrypt_cost)
