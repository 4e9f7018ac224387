"""Changes of an account and its deletion."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import can_sign_in, shift_session, sign_in_during
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, NONE, SignIn, bearer, sign_in
from tests.support.databases import CONFIG, application, execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock
from tests.support.problems import status_and_code
from todo_api.auth.passwords import hashing

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

AUTH = "/api/auth"
NEW = "a new " + PASSWORD
CREDENTIALS = sorted(ALL)


def change(actor: Actor, session: SignIn, current: str = PASSWORD, new: str = NEW, **fields: Any) -> TestResponse:
    body = {"currentPassword": current, "newPassword": new, **fields}
    return actor.client.post(f"{AUTH}/change-password", json=body, headers=session.jwt)


def profile(client: FlaskClient, session: SignIn) -> dict[str, Any]:
    user: dict[str, Any] = client.get(f"{AUTH}/get-session", headers=session.jwt).get_json()["user"]
    return user


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


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"name": "Ada"}, {"name": "Ada"}),
        ({"name": ""}, {"name": ""}),
        ({"name": "\u202eAda \U0001f600" * 20}, {"name": "\u202eAda \U0001f600" * 20}),
        ({"image": "https://example.com/a.png"}, {"image": "https://example.com/a.png"}),
        ({"image": None}, {"image": None}),
        ({"name": "Ada", "image": "x", "role": "admin", "emailVerified": True}, {"name": "Ada", "image": "x"}),
    ],
)
def test_a_user_can_change_name_and_image(
    alice: Actor, credential: str, fields: dict[str, Any], changed: dict[str, Any]
) -> None:
    session = sign_in(alice)
    before = profile(alice.client, session)
    headers = session.credentials[credential]
    response = alice.client.post(f"{AUTH}/update-user", json=fields, headers=headers)
    assert (response.status_code, response.json) == (200, {"status": True})
    after = profile(alice.client, session)
    assert after == {**before, **changed, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    # A cookie or opaque token is sent again.
    assert response.headers.get("set-auth-token") == (None if credential == "jwt" else session.signed)


def test_null_clears_the_image(alice: Actor) -> None:
    session = sign_in(alice)
    for image in ("https://example.com/a.png", None):
        alice.client.post(f"{AUTH}/update-user", json={"image": image}, headers=session.jwt)
        assert profile(alice.client, session)["image"] == image


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "NO_FIELDS_TO_UPDATE"),
        ({"json": {}}, "NO_FIELDS_TO_UPDATE"),
        ({"json": {"role": "admin"}}, "NO_FIELDS_TO_UPDATE"),
        ({"json": {"email": "mallory@example.com"}}, "EMAIL_CAN_NOT_BE_UPDATED"),
        ({"json": {"email": None, "name": "x"}}, "EMAIL_CAN_NOT_BE_UPDATED"),
        ({"json": {"name": None}}, "VALIDATION_ERROR"),
        ({"json": {"name": 7}}, "VALIDATION_ERROR"),
        ({"json": {"name": "x" * 256}}, "VALIDATION_ERROR"),
        ({"json": {"name": "a\0b"}}, "VALIDATION_ERROR"),
        ({"json": {"image": "x" * 2049}}, "VALIDATION_ERROR"),
    ],
)
def test_a_rejected_update_changes_nothing(alice: Actor, options: Any, expected: str) -> None:
    session = sign_in(alice)
    before = profile(alice.client, session)
    assert status_and_code(alice.client.post(f"{AUTH}/update-user", headers=session.jwt, **options)) == (400, expected)
    assert profile(alice.client, session) == before


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


COMMON = ["password123", "12345678", "qwertyuiop", "iloveyou", "PASSWORD", "trustno1"]
UNCOMMON = [PASSWORD, "tr0mb0ne-giraffe", "\u13e3\u13b3\u13a9\u13a6\u13ec\u13c2\u13af\u13cd", "x9$kQ2!vLp"]


@pytest.fixture
def strict(database: str) -> FlaskClient:
    """Return a client of the application that rejects common passwords, as production does."""
    return application(database, refuse_common_passwords=True).test_client(use_cookies=False)


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_rejected_if_configured(strict: FlaskClient, alice: Actor, password: str) -> None:
    account = {"email": f"c-{alice.email}", "password": password}
    for encoding, status in (("data", 422), ("json", 400)):
        options: dict[str, Any] = {encoding: account}
        response = strict.post(f"{AUTH}/sign-up/email", **options)
        assert status_and_code(response) == (status, "PASSWORD_COMPROMISED")
        assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/password"]
    body = {"currentPassword": PASSWORD, "newPassword": password}
    response = strict.post(f"{AUTH}/change-password", json=body, headers=sign_in(alice).jwt)
    assert status_and_code(response) == (400, "PASSWORD_COMPROMISED")
    response = strict.post(f"{AUTH}/reset-password", json={"newPassword": password, "token": "x"})
    assert status_and_code(response) == (400, "PASSWORD_COMPROMISED")
    assert alice.client.post(f"{AUTH}/sign-up/email", json=account).status_code == 200
    # An account that has a common password can still sign in.
    assert strict.post(f"{AUTH}/sign-in/email", json=account).status_code == 200


@pytest.mark.parametrize("password", UNCOMMON)
def test_an_uncommon_password_is_accepted(strict: FlaskClient, alice: Actor, password: str) -> None:
    account = {"email": f"u-{alice.email}", "password": password}
    assert strict.post(f"{AUTH}/sign-up/email", json=account).status_code == 200


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
