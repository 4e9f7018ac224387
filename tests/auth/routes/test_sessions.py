"""The current session and the list of sessions."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.support.accounts import shift_session
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, SignIn, bearer, sign_in
from tests.support.problems import status_and_code
from tests.support.timestamps import is_in

AUTH = "/api/auth"
GET_SESSION = f"{AUTH}/get-session"
FIELDS = ["id", "token", "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent"]
CREDENTIALS = sorted(ALL)


def sign_in_with(actor: Actor, user_agent: str) -> SignIn:
    account = {"email": actor.email, "password": PASSWORD}
    response = actor.client.post(f"{AUTH}/sign-in/email", json=account, headers={"User-Agent": user_agent})
    return SignIn.from_response(response.get_json(), response.headers)


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_get_session_returns_the_session_and_its_user(alice: Actor, credential: str) -> None:
    session = sign_in(alice)
    headers = {**session.credentials[credential], "User-Agent": "Ada's phone"}
    response = alice.client.get(GET_SESSION, headers=headers)
    body = response.get_json()
    assert list(body) == ["session", "user"]
    assert list(body["session"]) == FIELDS
    assert body["session"]["id"] == body["session"]["token"] == session.session_id
    assert body["session"]["userId"] == body["user"]["id"] == alice.id
    assert is_in(body["session"]["expiresAt"], timedelta(days=7))
    assert is_in(body["session"]["createdAt"], timedelta(0))
    assert body["session"]["ipAddress"] == "127.0.0.1"
    assert list(body["user"]) == ["id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"]
    assert (response.headers["Cache-Control"], response.headers["Pragma"]) == ("no-store", "no-cache")
    assert response.headers["set-auth-jwt"].count(".") == 2
    assert "set-auth-jwt" in ",".join(response.headers.getlist("Access-Control-Expose-Headers"))
    assert "set-auth-token" not in response.headers
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("user_agent", ["M\u00f6zilla \u00a9 " + "x" * 600, ""], ids=["long", "empty"])
def test_a_session_has_the_user_agent_of_its_sign_in(alice: Actor, user_agent: str) -> None:
    session = sign_in_with(alice, user_agent)
    body = alice.client.get(GET_SESSION, headers=session.jwt).get_json()
    assert body["session"]["userAgent"] == user_agent[:512]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YTpi"}])
def test_without_a_session_get_session_returns_null(alice: Actor, headers: dict[str, str]) -> None:
    response = alice.client.get(GET_SESSION, headers=headers)
    assert (response.status_code, response.text.strip(), response.content_type) == (200, "null", "application/json")
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers
    assert "set-auth-jwt" not in response.headers


def test_the_cookie_of_an_ended_session_is_deleted(alice: Actor) -> None:
    session = sign_in(alice)
    alice.client.post(f"{AUTH}/sign-out", headers=session.jwt)
    response = alice.client.get(GET_SESSION, headers=session.cookie)
    assert response.json is None
    names = ["session_token", "session_data", "dont_remember"]
    deleted = [f"better-auth.{name}=; Max-Age=0; HttpOnly; Path=/; SameSite=Lax" for name in names]
    assert [re.sub("Expires=[^;]*; ", "", header) for header in response.headers.getlist("Set-Cookie")] == deleted


def test_get_session_by_post_is_405(alice: Actor) -> None:
    response = alice.client.post(GET_SESSION, headers=sign_in(alice).jwt)
    assert status_and_code(response) == (405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED")
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_list_sessions_returns_the_live_ones_oldest_first(database: str, alice: Actor, bob: Actor) -> None:
    sign_in(bob)
    sessions = [sign_in(alice) for _ in range(4)]
    idle, ended = sign_in(alice), sign_in(alice)
    shift_session(database, sessions[3], expires_at="-8 days")  # its refresh token is still valid
    shift_session(database, idle, expires_at="-8 days", rotated_at="-31 days")
    shift_session(database, ended, ends_at="-91 days")
    shift_session(database, sessions[2], created_at="-3 hours")
    listed = alice.client.get(f"{AUTH}/list-sessions", headers=sessions[0].cookie).get_json()
    ids = [session["id"] for session in listed]
    assert ids[0] == sessions[2].session_id
    assert ids[2:] == [sessions[number].session_id for number in (0, 1, 3)]
    for session in listed:
        assert list(session) == FIELDS
        assert session["token"] == session["id"]
        assert session["userId"] == alice.id


def test_the_tokens_of_list_sessions_are_no_credentials(alice: Actor) -> None:
    listed = alice.client.get(f"{AUTH}/list-sessions", headers=sign_in(alice).jwt)
    for session in listed.get_json():
        assert alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(session["token"])).status_code == 401
        assert alice.client.get(GET_SESSION, headers=bearer(session["token"])).json is None


def test_list_sessions_requires_a_session_of_at_most_a_day(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    shift_session(database, session, created_at="-23:59")
    assert alice.client.get(f"{AUTH}/list-sessions", headers=session.jwt).status_code == 200
    shift_session(database, session, created_at="-2 minutes")
    response = alice.client.get(f"{AUTH}/list-sessions", headers=session.jwt)
    assert status_and_code(response) == (403, "SESSION_NOT_FRESH")
