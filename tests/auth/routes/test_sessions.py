"""Sessions: seen, moved on with use, and ended for every credential on every worker at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, NONE, ORIGIN, SignIn, bearer, sign_in, sign_in_at, sign_up_at
from tests.support.databases import CONFIG, application, execute, new_database
from tests.support.processes import serving
from tests.support.statements import counted
from todo_api.auth.sessions import store
from todo_api.auth.tokens.session_tokens import Claims, issue
from todo_api.extensions import db

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.support.processes import Service

AUTH = "/api/auth"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
MEMBERS = ["id", "token", "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent"]
CREDENTIALS = sorted(ALL)


def moment(text: str) -> datetime:
    assert re.fullmatch(MOMENT, text)
    return datetime.fromisoformat(text)


def near(text: str, expected: timedelta) -> bool:
    return abs(moment(text) - datetime.now(UTC) - expected) < timedelta(seconds=20)


def age(database: str, session: SignIn, **columns: str) -> None:
    """Move times of the session by intervals, as if time had gone by."""
    for column, by in columns.items():
        statement = f"UPDATE sessions SET {column} = {column} + %s::interval WHERE user_id = %s AND id = %s"
        execute(database, statement, by, session.user_id, session.session_id)


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_get_session_shows_the_session_and_its_user(alice: Actor, credential: str) -> None:
    session = sign_in(alice)
    headers = {**session.credentials[credential], "User-Agent": "Ada's phone"}
    response = alice.client.get(f"{AUTH}/get-session", headers=headers)
    body = response.get_json()
    assert list(body) == ["session", "user"]
    assert list(body["session"]) == MEMBERS
    assert body["session"]["id"] == body["session"]["token"] == session.session_id
    assert body["session"]["userId"] == body["user"]["id"] == alice.id
    assert near(body["session"]["expiresAt"], timedelta(days=7))
    assert near(body["session"]["createdAt"], timedelta(0))
    assert body["session"]["ipAddress"] == "127.0.0.1"
    assert list(body["user"]) == ["id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"]
    assert (response.headers["Cache-Control"], response.headers["Pragma"]) == ("no-store", "no-cache")
    assert response.headers["set-auth-jwt"].count(".") == 2
    assert "set-auth-jwt" in ",".join(response.headers.getlist("Access-Control-Expose-Headers"))
    assert "set-auth-token" not in response.headers
    assert "Set-Cookie" not in response.headers


def test_a_session_says_where_it_was_opened(alice: Actor) -> None:
    account = {"email": alice.email, "password": PASSWORD}
    agent = "M\u00f6zilla \u00a9 " + "x" * 600
    response = alice.client.post(f"{AUTH}/sign-in/email", json=account, headers={"User-Agent": agent})
    opened = SignIn.of(response.get_json(), response.headers)
    shown = alice.client.get(f"{AUTH}/get-session", headers=opened.jwt).get_json()["session"]
    assert shown["userAgent"] == agent[:512]


def test_a_session_opened_without_a_user_agent_shows_an_empty_one(alice: Actor) -> None:
    account = {"email": alice.email, "password": PASSWORD}
    response = alice.client.post(f"{AUTH}/sign-in/email", json=account, headers={"User-Agent": ""})
    opened = SignIn.of(response.get_json(), response.headers)
    assert alice.client.get(f"{AUTH}/get-session", headers=opened.jwt).get_json()["session"]["userAgent"] == ""


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YTpi"}])
def test_without_a_session_it_is_null(alice: Actor, headers: dict[str, str]) -> None:
    response = alice.client.get(f"{AUTH}/get-session", headers=headers)
    assert (response.status_code, response.text.strip(), response.content_type) == (200, "null", "application/json")
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers
    assert "set-auth-jwt" not in response.headers


def test_a_dead_cookie_is_taken_back(alice: Actor) -> None:
    session = sign_in(alice)
    alice.client.post(f"{AUTH}/sign-out", headers=session.jwt)
    response = alice.client.get(f"{AUTH}/get-session", headers=session.cookie)
    assert response.json is None
    names = ["session_token", "session_data", "dont_remember"]
    taken = [f"better-auth.{name}=; Max-Age=0; HttpOnly; Path=/; SameSite=Lax" for name in names]
    assert [re.sub("Expires=[^;]*; ", "", header) for header in response.headers.getlist("Set-Cookie")] == taken


def test_a_session_is_not_read_by_post(alice: Actor) -> None:
    response = alice.client.post(f"{AUTH}/get-session", headers=sign_in(alice).jwt)
    assert response.status_code == 405
    assert response.get_json()["code"] == "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("credential", ["opaque", "cookie"])
def test_the_expiry_moves_on_with_use_once_a_day(database: str, alice: Actor, credential: str) -> None:
    session = sign_in(alice)
    headers = session.credentials[credential]
    age(database, session, updated_at="-23 hours", expires_at="-23 hours")
    response = alice.client.get(f"{AUTH}/get-session", headers=headers)
    assert near(response.get_json()["session"]["expiresAt"], timedelta(days=6, hours=1))
    assert "set-auth-token" not in response.headers

    age(database, session, updated_at="-2 hours", expires_at="-2 hours")
    unmoved = alice.client.get(f"{AUTH}/get-session?disableRefresh=true", headers=headers)
    assert near(unmoved.get_json()["session"]["expiresAt"], timedelta(days=5, hours=23))
    assert "set-auth-token" not in unmoved.headers

    moved = alice.client.get(f"{AUTH}/get-session", headers=headers)
    assert near(moved.get_json()["session"]["expiresAt"], timedelta(days=7))
    assert near(moved.get_json()["session"]["updatedAt"], timedelta(0))
    assert moved.headers["set-auth-token"] == session.signed
    assert moved.headers["Set-Cookie"].startswith(f"{COOKIE}={session.opaque}.")
    assert "Max-Age=604800" in moved.headers["Set-Cookie"]
    exposed = ",".join(moved.headers.getlist("Access-Control-Expose-Headers"))
    assert {"set-auth-token", "set-auth-jwt"} <= set(re.split(r"\s*,\s*", exposed))

    again = alice.client.get(f"{AUTH}/get-session", headers=headers)
    assert again.get_json()["session"] == moved.get_json()["session"]
    assert "set-auth-token" not in again.headers


def test_a_jwt_moves_nothing_on(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    age(database, session, updated_at="-2 days", expires_at="-2 days")
    response = alice.client.get(f"{AUTH}/get-session", headers=session.jwt)
    assert near(response.get_json()["session"]["expiresAt"], timedelta(days=5))
    assert "set-auth-token" not in response.headers


def test_a_session_that_is_not_remembered_is_not_moved_on(database: str, alice: Actor) -> None:
    session = sign_in(alice, rememberMe=False)
    age(database, session, updated_at="-25 hours")
    response = alice.client.get(f"{AUTH}/get-session", headers=session.cookie)
    assert near(response.get_json()["session"]["expiresAt"], timedelta(days=1))
    assert "set-auth-token" not in response.headers


def test_a_session_unused_for_a_week_is_over_for_its_opaque_token_and_cookie(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    age(database, session, expires_at="-7 days")
    assert session.opens(alice.client) == {"jwt"}
    response = alice.client.get(f"{AUTH}/get-session", headers=session.cookie)
    assert len(response.headers.getlist("Set-Cookie")) == 3


def test_a_session_is_over_for_all_credentials_at_its_end(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    age(database, session, ends_at="-90 days")
    assert session.opens(alice.client) == NONE


def test_list_sessions_shows_the_live_ones_oldest_first(database: str, alice: Actor, bob: Actor) -> None:
    sign_in(bob)
    opened = [sign_in(alice) for _ in range(4)]
    idle, over = sign_in(alice), sign_in(alice)
    age(database, opened[3], expires_at="-8 days")  # its refresh token still opens it
    age(database, idle, expires_at="-8 days", rotated_at="-31 days")
    age(database, over, ends_at="-91 days")
    age(database, opened[2], created_at="-3 hours")
    listed = alice.client.get(f"{AUTH}/list-sessions", headers=opened[0].cookie).get_json()
    ids = [session["id"] for session in listed]
    assert ids[0] == opened[2].session_id
    assert ids[2:] == [opened[number].session_id for number in (0, 1, 3)]
    for session in listed:
        assert list(session) == MEMBERS
        assert session["token"] == session["id"]
        assert session["userId"] == alice.id


def test_what_list_sessions_shows_opens_nothing(alice: Actor) -> None:
    listed = alice.client.get(f"{AUTH}/list-sessions", headers=sign_in(alice).jwt)
    for session in listed.get_json():
        assert alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(session["token"])).status_code == 401
        assert alice.client.get(f"{AUTH}/get-session", headers=bearer(session["token"])).json is None


def test_only_a_session_of_today_lists_the_others(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    age(database, session, created_at="-23:59")
    assert alice.client.get(f"{AUTH}/list-sessions", headers=session.jwt).status_code == 200
    age(database, session, created_at="-2 minutes")
    response = alice.client.get(f"{AUTH}/list-sessions", headers=session.jwt)
    assert (response.status_code, response.get_json()["code"]) == (403, "SESSION_NOT_FRESH")


NEEDING_A_SESSION = [
    ("GET", "list-sessions", None),
    ("GET", "token", None),
    ("POST", "revoke-session", {"token": "x"}),
    ("POST", "revoke-sessions", {}),
    ("POST", "revoke-other-sessions", {}),
    ("POST", "change-password", {"currentPassword": PASSWORD, "newPassword": PASSWORD}),
    ("POST", "update-user", {"name": "x"}),
    ("POST", "delete-user", {}),
]


@pytest.mark.parametrize(("method", "route", "body"), NEEDING_A_SESSION)
def test_without_a_session_what_is_ones_own_is_401(alice: Actor, method: str, route: str, body: Any) -> None:
    for headers in ({}, bearer("x"), bearer(alice.refresh_token), {"Cookie": f"{COOKIE}=x", "Origin": ORIGIN}):
        response = alice.client.open(f"{AUTH}/{route}", method=method, json=body, headers=headers)
        assert (response.status_code, response.get_json()["code"]) == (401, "UNAUTHORIZED")
        assert response.get_json()["message"] == "Unauthorized"
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_sign_out_ends_its_own_session_only(alice: Actor, credential: str) -> None:
    session, other = sign_in(alice), sign_in(alice)
    response = alice.client.post(f"{AUTH}/sign-out", headers=session.credentials[credential])
    assert response.json == {"success": True, "message": "Signed out successfully"}
    assert len(response.headers.getlist("Set-Cookie")) == 3
    assert session.opens(alice.client) == NONE
    assert alice.client.post(f"{AUTH}/refresh", data={"refresh_token": session.refresh}).status_code == 401
    assert other.opens(alice.client) == ALL
    again = alice.client.post(f"{AUTH}/sign-out", headers=session.credentials[credential])
    assert again.json == response.json


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_revoke_session_ends_the_one_that_is_named(alice: Actor, credential: str) -> None:
    session, other, third = sign_in(alice), sign_in(alice), sign_in(alice)
    body = {"token": other.session_id}
    headers = session.credentials[credential]
    for _ in range(2):
        response = alice.client.post(f"{AUTH}/revoke-session", json=body, headers=headers)
        assert (response.status_code, response.json) == (200, {"status": True})
    assert other.opens(alice.client) == NONE
    assert session.opens(alice.client) == third.opens(alice.client) == ALL


def test_a_session_may_revoke_itself(alice: Actor) -> None:
    session = sign_in(alice)
    body = {"token": session.session_id}
    assert alice.client.post(f"{AUTH}/revoke-session", json=body, headers=session.jwt).json == {"status": True}
    assert session.opens(alice.client) == NONE


@pytest.mark.parametrize("token", ["{}", "", "x", "0" * 32, "9" * 500_000, "' OR 1=1 --", "\ud7ff"])
def test_revoke_session_leaves_others_sessions_as_they_are(alice: Actor, bob: Actor, token: str) -> None:
    session, foreign = sign_in(alice), sign_in(bob)
    body = {"token": token.format(foreign.session_id)}
    response = alice.client.post(f"{AUTH}/revoke-session", json=body, headers=session.jwt)
    assert (response.status_code, response.json) == (200, {"status": True})
    assert session.opens(alice.client) == foreign.opens(bob.client) == ALL


@pytest.mark.parametrize("body", [{}, {"token": None}, {"token": 7}, {"token": "\0"}])
def test_revoke_session_wants_a_token(alice: Actor, body: Any) -> None:
    response = alice.client.post(f"{AUTH}/revoke-session", json=body, headers=sign_in(alice).jwt)
    assert (response.status_code, response.get_json()["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("options", [{}, {"json": {}}])
def test_revoke_sessions_ends_them_all(alice: Actor, bob: Actor, options: Any) -> None:
    session, other, foreign = sign_in(alice), sign_in(alice), sign_in(bob)
    response = alice.client.post(f"{AUTH}/revoke-sessions", headers=session.jwt, **options)
    assert (response.status_code, response.json) == (200, {"status": True})
    assert len(response.headers.getlist("Set-Cookie")) == 3
    assert session.opens(alice.client) == other.opens(alice.client) == NONE
    assert alice.get("/tasks").status_code == 401
    assert foreign.opens(bob.client) == ALL


@pytest.mark.parametrize("options", [{}, {"json": {}}])
def test_revoke_other_sessions_keeps_this_one(alice: Actor, bob: Actor, options: Any) -> None:
    session, other, foreign = sign_in(alice), sign_in(alice), sign_in(bob)
    response = alice.client.post(f"{AUTH}/revoke-other-sessions", headers=session.jwt, **options)
    assert (response.status_code, response.json) == (200, {"status": True})
    assert other.opens(alice.client) == NONE
    assert session.opens(alice.client) == ALL
    assert alice.get("/tasks").status_code == 401
    assert foreign.opens(bob.client) == ALL


def test_every_task_route_is_one_statement_with_a_jwt(app: Flask, alice: Actor) -> None:
    tasks = [alice.task() for _ in range(3)]
    path = f"/tasks/{tasks[0]['id']}"
    calls: list[tuple[str, str, Any, int]] = [
        ("GET", "/tasks", None, 200),
        ("POST", "/tasks", {"title": "x", "description": "y"}, 201),
        ("GET", path, None, 200),
        ("PUT", path, {"title": "z"}, 200),
        ("PUT", path, {}, 200),
        ("PATCH", f"{path}/complete", None, 200),
        ("DELETE", path, None, 204),
        ("GET", path, None, 404),
        ("DELETE", path, None, 404),
    ]
    for method, where, body, status in calls:
        with counted() as statements:
            assert alice.request(method, where, json=body).status_code == status
        assert len(statements) == 1, (method, where, statements)


def test_a_task_route_with_an_ended_session_asks_once_or_for_the_write_limit_too(app: Flask, alice: Actor) -> None:
    alice.client.post(f"{AUTH}/revoke-sessions", headers=bearer(alice.token))
    for method, body, asked in (("GET", None, 1), ("POST", {"title": "x"}, 2)):
        with counted() as statements:
            assert alice.request(method, "/tasks", json=body).status_code == 401
        assert len(statements) == asked


def test_nothing_is_written_for_an_ended_session(database: str, alice: Actor) -> None:
    task = alice.task()
    path = f"/tasks/{task['id']}"
    alice.sign_out()
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/tasks", {"title": "x"}),
        ("PUT", path, {"title": "x"}),
        ("PUT", path, {}),
        ("PATCH", f"{path}/complete", None),
        ("DELETE", path, None),
        ("GET", path, None),
        ("GET", "/tasks", None),
    ]
    for method, where, body in calls:
        assert alice.request(method, where, json=body).status_code == 401
    rows = execute(database, "SELECT id, title, completed FROM tasks WHERE user_id = %s", alice.id)
    assert rows == [(task["id"], task["title"], False)]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_get_session_is_one_statement(app: Flask, alice: Actor, credential: str) -> None:
    headers = sign_in(alice).credentials[credential]
    with counted() as statements:
        assert alice.client.get(f"{AUTH}/get-session?disableRefresh=true", headers=headers).json is not None
    assert len(statements) == 1
    with counted() as statements:
        assert alice.client.get(f"{AUTH}/get-session", headers=headers).json is not None
    assert len(statements) == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Cookie": f"{COOKIE}=x"}])
def test_without_a_credential_of_ours_get_session_asks_nobody(app: Flask, alice: Actor, headers: Any) -> None:
    with counted() as statements:
        assert alice.client.get(f"{AUTH}/get-session", headers=headers).json is None
    assert statements == []


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_every_credential_buys_a_jwt_for_other_services(alice: Actor, credential: str) -> None:
    session = sign_in(alice)
    response = alice.client.get(f"{AUTH}/token", headers=session.credentials[credential])
    token = response.get_json()["token"]
    (key,) = alice.client.get(f"{AUTH}/jwks").get_json()["keys"]
    origin = "http://localhost:8000"
    claims = jwt.decode(token, jwt.PyJWK(key), ["EdDSA"], audience=origin, issuer=origin)
    assert (claims["sub"], claims["email"], claims["exp"] - claims["iat"]) == (alice.id, alice.email, 900)
    # It is for others: here it opens nothing, since it could not be taken back.
    assert alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(token)).status_code == 401
    assert alice.client.get(f"{AUTH}/get-session", headers=bearer(token)).json is None


def test_the_auth_routes_say_that_they_answer(alice: Actor) -> None:
    response = alice.client.get(f"{AUTH}/ok")
    assert (response.status_code, response.json) == (200, {"ok": True})


def test_sessions_past_their_end_are_purged(fresh_database: str) -> None:
    app = application(fresh_database)
    ada = Actor.sign_up(app, "Ada")
    kept, idle, over = sign_in(ada), sign_in(ada), sign_in(ada)
    age(fresh_database, idle, expires_at="-8 days")
    age(fresh_database, over, ends_at="-90 days")
    with app.app_context():
        assert (store.purge_sessions(), store.purge_sessions()) == (1, 0)
    rows = {row[0] for row in execute(fresh_database, "SELECT id FROM sessions")}
    assert rows >= {kept.session_id, idle.session_id}
    assert over.session_id not in rows
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture(scope="module")
def shared_service(server: str, template: str) -> Iterator[Service]:
    """Yield one gunicorn of two workers for the tests below."""
    with new_database(server, template) as url, serving(url) as running_service:
        yield running_service


NEW = "another " + PASSWORD
ENDINGS: dict[str, tuple[str, Any]] = {
    "sign-out": ("sign-out", None),
    "revoke-session": ("revoke-session", {"token": "{}"}),
    "revoke-sessions": ("revoke-sessions", {}),
    "change-password": ("change-password", {"currentPassword": PASSWORD, "newPassword": NEW}),
    "change-password anew": (
        "change-password",
        {"currentPassword": PASSWORD, "newPassword": NEW, "revokeOtherSessions": True},
    ),
    "revoke-other-sessions": ("revoke-other-sessions", {}),
    "delete-user": ("delete-user", {"password": PASSWORD}),
}


@pytest.mark.shows("ASVS 7.4.1", "races: sign-out")
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_an_ended_session_is_refused_by_every_worker_at_once(
    shared_service: Service, ending: str, credential: str
) -> None:
    url = shared_service.url
    route, body = ENDINGS[ending]
    email = f"{ending.replace(' ', '-')}-{credential}@example.com"
    session, other = sign_up_at(url, email), sign_in_at(url, email)
    assert session.opens_at(url) == other.opens_at(url) == ALL
    if body and "token" in body:
        body = {"token": session.session_id}
    ends_others_only = ending in {"revoke-session", "change-password", "revoke-other-sessions"}
    headers = (other if ends_others_only else session).credentials[credential]
    answer = requests.post(f"{url}{AUTH}/{route}", json=body, headers=headers, timeout=10)
    assert answer.status_code == 200
    # Each question is on a connection of its own, so that either worker may take it.
    for _ in range(8):
        assert session.opens_at(url) == NONE
    refreshed = requests.post(f"{url}{AUTH}/refresh", data={"refresh_token": session.refresh}, timeout=10)
    assert refreshed.status_code == 401
    survives = ending in {"sign-out", "revoke-session", "change-password", "revoke-other-sessions"}
    assert other.opens_at(url) == (ALL if survives else NONE)


def test_a_reset_ends_all_sessions_on_every_worker_at_once(service: Service, fresh_database: str) -> None:
    session = sign_up_at(service.url, "ada@example.com")
    other = sign_in_at(service.url, "ada@example.com")
    assert session.opens_at(service.url) == other.opens_at(service.url) == ALL
    secret = "c" * 64
    row = "INSERT INTO password_resets (user_id, token_hash, expires_at) VALUES (%s, sha256(%s), now() + '1 hour')"
    execute(fresh_database, row, session.user_id, secret.encode())
    body = {"token": f"{secret}_{session.user_id}", "newPassword": NEW}
    assert requests.post(f"{service.url}{AUTH}/reset-password", json=body, timeout=10).status_code == 200
    for _ in range(8):
        assert session.opens_at(service.url) == other.opens_at(service.url) == NONE


def test_who_signs_out_with_an_expired_token_signs_out_too(alice: Actor) -> None:
    session = sign_in(alice)
    claims = Claims(session.user_id, alice.email, session.session_id)
    hour = timedelta(hours=1)
    late = {"secret": CONFIG.better_auth_secret, "now": datetime.now(UTC) - 2 * hour, "ttl": hour}
    expired = issue(claims, "access", **late)  # type: ignore[arg-type]
    for header in (f"Bearer {expired}x", f"Basic {expired}", "Bearer "):
        assert alice.client.post(f"{AUTH}/sign-out", headers={"Authorization": header}).status_code == 200
    assert session.opens(alice.client) == ALL
    alice.client.post(f"{AUTH}/sign-out", headers={"Authorization": f"Bearer {expired}"})
    assert session.opens(alice.client) == NONE
