"""Changing and deleting one's account."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.auth.passwords.test_reset import wait_for_a_lock
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, NONE, SignIn, bearer, sign_in
from tests.support.databases import CONFIG, execute
from todo_api import create_app
from todo_api.auth.passwords import hashing

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

AUTH = "/api/auth"
NEW = "a new " + PASSWORD
CREDENTIALS = sorted(ALL)


def change(actor: Actor, session: SignIn, current: str = PASSWORD, new: str = NEW, **members: Any) -> TestResponse:
    body = {"currentPassword": current, "newPassword": new, **members}
    return actor.client.post(f"{AUTH}/change-password", json=body, headers=session.jwt)


def signs_in(actor: Actor, password: str) -> bool:
    account = {"email": actor.email, "password": password}
    response = actor.client.post(f"{AUTH}/sign-in/email", json=account)
    assert response.status_code in {200, 401}
    return response.status_code == 200


def code(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


def user_of(client: FlaskClient, session: SignIn) -> dict[str, Any]:
    user: dict[str, Any] = client.get(f"{AUTH}/get-session", headers=session.jwt).get_json()["user"]
    return user


def test_a_changed_password_is_the_only_one(alice: Actor, bob: Actor) -> None:
    session = sign_in(alice)
    before = user_of(alice.client, session)
    response = change(alice, session)
    body = response.get_json()
    assert (response.status_code, list(body), body["token"]) == (200, ["token", "user"], None)
    assert body["user"] == {**before, "updatedAt": body["user"]["updatedAt"]}
    assert body["user"]["updatedAt"] >= before["updatedAt"]
    assert (signs_in(alice, NEW), signs_in(alice, PASSWORD), signs_in(bob, PASSWORD)) == (True, False, True)


def test_by_default_a_change_ends_the_other_sessions_only(alice: Actor, bob: Actor) -> None:
    session, other, foreign = sign_in(alice), sign_in(alice), sign_in(bob)
    response = change(alice, session)
    assert "set-auth-token" not in response.headers
    assert session.opens(alice.client) == ALL
    assert other.opens(alice.client) == NONE
    assert alice.get("/tasks").status_code == 401
    assert foreign.opens(bob.client) == ALL


def test_a_change_that_revokes_opens_a_new_session_instead_of_all(alice: Actor, bob: Actor) -> None:
    session, other, foreign = sign_in(alice), sign_in(alice), sign_in(bob)
    response = change(alice, session, revokeOtherSessions=True)
    token = response.get_json()["token"]
    assert response.headers["set-auth-token"].rpartition(".")[0] == token
    assert response.headers["Set-Cookie"].startswith(f"{COOKIE}={token}.")
    assert "Max-Age=604800" in response.headers["Set-Cookie"]
    assert session.opens(alice.client) == other.opens(alice.client) == NONE
    assert foreign.opens(bob.client) == ALL
    opened = replace(session, signed=response.headers["set-auth-token"])
    assert opened.opens(alice.client) == {"opaque", "cookie"}
    listed = alice.client.get(f"{AUTH}/list-sessions", headers=bearer(token)).get_json()
    assert [shown["id"] for shown in listed] == [opened.session_id]


def test_the_session_that_a_change_opens_is_remembered_as_the_one_before(alice: Actor) -> None:
    response = change(alice, sign_in(alice, rememberMe=False), revokeOtherSessions=True)
    found = [header.partition("=")[0] for header in response.headers.getlist("Set-Cookie")]
    assert found == [COOKIE, "better-auth.dont_remember"]
    assert "Max-Age" not in response.headers["Set-Cookie"]


def test_a_change_that_is_told_so_ends_no_session(alice: Actor) -> None:
    session, other = sign_in(alice), sign_in(alice)
    response = change(alice, session, revokeOtherSessions=False)
    assert (response.status_code, response.get_json()["token"]) == (200, None)
    assert session.opens(alice.client) == other.opens(alice.client) == ALL
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
def test_a_refused_change_changes_nothing(
    alice: Actor, current: Any, new: Any, expected: str, pointer: str | None
) -> None:
    session, other = sign_in(alice), sign_in(alice)
    response = change(alice, session, current, new, revokeOtherSessions=True)
    assert code(response) == (400, expected)
    assert [fault["pointer"] for fault in response.get_json().get("errors", [])] == ([pointer] if pointer else [])
    assert session.opens(alice.client) == other.opens(alice.client) == ALL
    assert signs_in(alice, PASSWORD)


@pytest.mark.parametrize("flag", ["true", 1, None])
def test_whether_to_revoke_is_a_boolean(alice: Actor, flag: object) -> None:
    assert code(change(alice, sign_in(alice), revokeOtherSessions=flag)) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("members", [{}, {"revokeOtherSessions": True}, {"revokeOtherSessions": False}])
def test_of_two_changes_at_once_one_is_made_and_the_other_refused(
    database: str, alice: Actor, members: dict[str, Any]
) -> None:
    session = sign_in(alice)
    holder = psycopg2.connect(database)
    try:
        holder.cursor().execute("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", (alice.id,))
        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(change, alice, session, PASSWORD, f"{NEW} {number}", **members) for number in "12"]
            wait_for_a_lock(database, 2)
            holder.commit()
            responses = [answer.result() for answer in answers]
    finally:
        holder.close()
    made, refused = sorted(responses, key=lambda response: response.status_code)
    assert made.status_code == 200
    assert code(refused) == (400, "INVALID_PASSWORD")
    assert "set-auth-token" not in refused.headers
    assert [signs_in(alice, f"{NEW} {number}") for number in "12"] == [answer is made for answer in responses]


@pytest.mark.parametrize("members", [{}, {"revokeOtherSessions": True}])
def test_a_sign_in_during_a_change_opens_no_session_with_the_old_password(
    database: str, alice: Actor, members: dict[str, Any]
) -> None:
    session = sign_in(alice)
    holder = psycopg2.connect(database)
    try:
        holder.cursor().execute("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", (alice.id,))
        with ThreadPoolExecutor(2) as pool:
            answer = pool.submit(change, alice, session, **members)
            wait_for_a_lock(database)
            account = {"email": alice.email, "password": PASSWORD}
            entry = pool.submit(alice.client.post, f"{AUTH}/sign-in/email", json=account)
            time.sleep(0.3)
            holder.commit()
            assert answer.result().status_code == 200
            assert entry.result().status_code in {200, 401}
    finally:
        holder.close()
    rows = execute(database, "SELECT id FROM sessions WHERE user_id = %s", alice.id)
    token = answer.result().get_json()["token"]
    assert rows == [(token.split("_")[1] if token else session.session_id,)]


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize(
    ("members", "changed"),
    [
        ({"name": "Ada"}, {"name": "Ada"}),
        ({"name": ""}, {"name": ""}),
        ({"name": "\u202eAda \U0001f600" * 20}, {"name": "\u202eAda \U0001f600" * 20}),
        ({"image": "https://example.com/a.png"}, {"image": "https://example.com/a.png"}),
        ({"image": None}, {"image": None}),
        ({"name": "Ada", "image": "x", "role": "admin", "emailVerified": True}, {"name": "Ada", "image": "x"}),
    ],
)
def test_a_user_changes_name_and_image(
    alice: Actor, credential: str, members: dict[str, Any], changed: dict[str, Any]
) -> None:
    session = sign_in(alice)
    before = user_of(alice.client, session)
    headers = session.credentials[credential]
    response = alice.client.post(f"{AUTH}/update-user", json=members, headers=headers)
    assert (response.status_code, response.json) == (200, {"status": True})
    after = user_of(alice.client, session)
    assert after == {**before, **changed, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    # The cookie is given once more to whom it belongs.
    assert response.headers.get("set-auth-token") == (None if credential == "jwt" else session.signed)


def test_an_image_is_cleared_by_null(alice: Actor) -> None:
    session = sign_in(alice)
    for image in ("https://example.com/a.png", None):
        alice.client.post(f"{AUTH}/update-user", json={"image": image}, headers=session.jwt)
        assert user_of(alice.client, session)["image"] == image


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
def test_a_refused_update_changes_nothing(alice: Actor, options: Any, expected: str) -> None:
    session = sign_in(alice)
    before = user_of(alice.client, session)
    assert code(alice.client.post(f"{AUTH}/update-user", headers=session.jwt, **options)) == (400, expected)
    assert user_of(alice.client, session) == before


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("options", [{}, {"json": {}}, {"json": {"password": PASSWORD}}])
def test_a_deleted_account_leaves_nothing(
    database: str, alice: Actor, bob: Actor, credential: str, options: Any
) -> None:
    session, other, foreign = sign_in(alice), sign_in(alice), sign_in(bob)
    alice.task()
    task = bob.task()
    reset = "INSERT INTO password_resets (user_id, token_hash, expires_at) VALUES (%s, 'x', now())"
    execute(database, reset, alice.id)
    response = alice.client.post(f"{AUTH}/delete-user", headers=session.credentials[credential], **options)
    assert (response.status_code, response.json) == (200, {"success": True, "message": "User deleted"})
    assert len(response.headers.getlist("Set-Cookie")) == 3
    assert session.opens(alice.client) == other.opens(alice.client) == NONE
    assert execute(database, "SELECT count(*) FROM users WHERE id = %s", alice.id) == [(0,)]
    for table in ("sessions", "tasks", "password_resets"):
        assert execute(database, f"SELECT count(*) FROM {table} WHERE user_id = %s", alice.id) == [(0,)]
    assert alice.get("/tasks").status_code == alice.post("/tasks", json={"title": "x"}).status_code == 401
    assert alice.client.post(f"{AUTH}/refresh", data={"refresh_token": session.refresh}).status_code == 401
    assert not signs_in(alice, PASSWORD)
    assert foreign.opens(bob.client) == ALL
    assert bob.get(f"/tasks/{task['id']}").status_code == 200
    again = alice.client.post(f"{AUTH}/sign-up/email", json={"email": alice.email, "password": PASSWORD})
    assert again.status_code == 200
    assert again.get_json()["user"]["id"] != alice.id


def test_a_wrong_password_deletes_nothing(alice: Actor) -> None:
    session = sign_in(alice)
    body = {"password": "not the password"}
    response = alice.client.post(f"{AUTH}/delete-user", json=body, headers=session.jwt)
    assert code(response) == (400, "INVALID_PASSWORD")
    assert session.opens(alice.client) == ALL


def test_a_session_older_than_a_day_deletes_with_the_password_only(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    age = "UPDATE sessions SET created_at = created_at - interval '25 hours' WHERE id = %s"
    execute(database, age, session.session_id)
    response = alice.client.post(f"{AUTH}/delete-user", json={}, headers=session.jwt)
    assert code(response) == (400, "SESSION_EXPIRED")
    body = {"password": PASSWORD}
    assert alice.client.post(f"{AUTH}/delete-user", json=body, headers=session.jwt).status_code == 200


COMMON = ["password123", "12345678", "qwertyuiop", "iloveyou", "PASSWORD", "trustno1"]
UNCOMMON = [PASSWORD, "tr0mb0ne-giraffe", "\u13e3\u13b3\u13a9\u13a6\u13ec\u13c2\u13af\u13cd", "x9$kQ2!vLp"]


@pytest.fixture
def strict(app: Flask) -> FlaskClient:
    """Return the service with the list of common passwords, as production has it."""
    config = replace(CONFIG, database_url=app.config["SQLALCHEMY_DATABASE_URI"], refuse_common_passwords=True)
    return create_app(config).test_client(use_cookies=False)


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_refused_where_configured(strict: FlaskClient, alice: Actor, password: str) -> None:
    account = {"email": f"c-{alice.email}", "password": password}
    for encoding, status in (("data", 422), ("json", 400)):
        options: dict[str, Any] = {encoding: account}
        response = strict.post(f"{AUTH}/sign-up/email", **options)
        assert code(response) == (status, "PASSWORD_COMPROMISED")
        assert [fault["pointer"] for fault in response.get_json()["errors"]] == ["#/password"]
    body = {"currentPassword": PASSWORD, "newPassword": password}
    response = strict.post(f"{AUTH}/change-password", json=body, headers=sign_in(alice).jwt)
    assert code(response) == (400, "PASSWORD_COMPROMISED")
    response = strict.post(f"{AUTH}/reset-password", json={"newPassword": password, "token": "x"})
    assert code(response) == (400, "PASSWORD_COMPROMISED")
    assert alice.client.post(f"{AUTH}/sign-up/email", json=account).status_code == 200
    # Who has one already still signs in.
    assert strict.post(f"{AUTH}/sign-in/email", json=account).status_code == 200


@pytest.mark.parametrize("password", UNCOMMON)
def test_any_other_password_is_taken(strict: FlaskClient, alice: Actor, password: str) -> None:
    account = {"email": f"u-{alice.email}", "password": password}
    assert strict.post(f"{AUTH}/sign-up/email", json=account).status_code == 200


def test_every_character_of_a_password_counts(alice: Actor) -> None:
    session, long = sign_in(alice), "x" * 100 + "\u00e9" * 28
    assert change(alice, session, new=long).status_code == 200
    twins = [long[:-1], long[:72], long[:-1] + "e", long.upper(), f" {long[1:]}"]
    assert [signs_in(alice, twin) for twin in twins] == [False] * len(twins)
    assert not signs_in(alice, long[:-1] + " ")
    assert signs_in(alice, long)


def test_the_composed_and_the_decomposed_form_are_one_password(alice: Actor) -> None:
    assert change(alice, sign_in(alice), new="caf\u00e9 au lait").status_code == 200
    assert signs_in(alice, "cafe\u0301 au lait")
    assert not signs_in(alice, "cafe au lait")


def test_a_password_is_stored_as_a_hash_of_today(database: str, alice: Actor) -> None:
    assert change(alice, sign_in(alice)).status_code == 200
    ((stored,),) = execute(database, "SELECT password_hash FROM users WHERE id = %s", alice.id)
    assert re.fullmatch(r"hmac-sha256\$\$2b\$04\$.{53}", str(stored))
    assert hashing.is_current(str(stored), CONFIG.bcrypt_cost)
