"""The three credentials of a session: the access JWT, the opaque token and the cookie."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, ORIGIN, SignIn, bearer, sign_in
from tests.support.databases import CONFIG, execute
from todo_api import create_app

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

    from config import Config

SIGN_IN = "/api/auth/sign-in/email"
GET_SESSION = "/api/auth/get-session"
WEEK = "604800"


def configured(app: Flask, config: Config) -> Flask:
    """Return the service on the same database with other settings."""
    return create_app(replace(config, database_url=app.config["SQLALCHEMY_DATABASE_URI"]))


def cookies_of(response: TestResponse) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return each cookie that the answer sets: its value as sent, and its attributes but Expires."""
    found = {}
    for header in response.headers.getlist("Set-Cookie"):
        ((name, morsel),) = SimpleCookie(header).items()
        attributes = {key: value for key, value in morsel.items() if value and key != "expires"}
        found[name] = (header.split("=", 1)[1].split(";")[0], attributes)
    return found


def signed(value: str, secret: str = CONFIG.better_auth_secret) -> str:
    """Sign as Better Auth does."""
    return f"{value}.{base64.b64encode(hmac.new(secret.encode(), value.encode(), 'sha256').digest()).decode()}"


def test_every_credential_of_a_sign_in_opens_its_session(alice: Actor) -> None:
    session = sign_in(alice)
    assert session.opens(alice.client) == ALL
    for headers in session.credentials.values():
        body = alice.client.get(GET_SESSION, headers=headers).get_json()
        assert (body["user"]["id"], body["session"]["id"]) == (alice.id, session.session_id)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_opaque_token_opens_bare_and_signed_and_encoded(alice: Actor, scheme: str) -> None:
    session = sign_in(alice)
    for token in (session.opaque, session.signed, quote(session.signed, safe=""), quote(session.signed)):
        headers = {"Authorization": f"{scheme} {token}"}
        assert alice.client.get(f"/api/{alice.id}/tasks", headers=headers).status_code == 200
        assert alice.client.get(GET_SESSION, headers=headers).get_json()["user"]["id"] == alice.id


def test_the_opaque_token_makes_and_changes_tasks(alice: Actor) -> None:
    alice.token = sign_in(alice).opaque
    task = alice.task(title="Call Bob")
    assert alice.patch(f"/tasks/{task['id']}/complete").get_json()["completed"] is True
    assert alice.delete(f"/tasks/{task['id']}").status_code == 204


def test_the_opaque_token_opens_no_other_users_tasks(alice: Actor, bob: Actor) -> None:
    response = bob.client.get(f"/api/{bob.id}/tasks", headers=bearer(sign_in(alice).opaque))
    assert (response.status_code, response.get_json()["detail"]) == (403, "Access forbidden")


def test_the_cookie_is_signed_as_better_auth_signs(alice: Actor) -> None:
    response = alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD})
    (given,) = response.headers.getlist("set-auth-token")
    value, attributes = cookies_of(response)[COOKIE]
    assert list(cookies_of(response)) == [COOKIE]
    assert value == quote(given, safe="!'()*")
    assert given == signed(given.rpartition(".")[0])
    assert attributes == {"max-age": WEEK, "path": "/", "httponly": True, "samesite": "Lax"}
    assert "set-auth-token" in ",".join(response.headers.getlist("Access-Control-Expose-Headers"))


@pytest.mark.parametrize("path", ["/tasks", "/tasks/1"])
def test_the_cookie_opens_no_task_route(alice: Actor, path: str) -> None:
    session = sign_in(alice)
    response = alice.client.get(f"/api/{alice.id}{path}", headers=session.cookie)
    assert (response.status_code, response.get_json()["detail"]) == (401, "Not authenticated")
    response = alice.client.post(f"/api/{alice.id}/tasks", json={"title": "x"}, headers=session.cookie)
    assert response.status_code == 401
    assert alice.get("/tasks").json == []


def test_a_cookie_without_our_signature_is_none(alice: Actor) -> None:
    session = sign_in(alice)
    token = session.opaque
    for value in (
        token,
        f"{token}.",
        signed(token, "another secret"),
        signed(token)[:-1],
        signed(token) + "x",
        "",
        ".",
    ):
        for written in (value, quote(value, safe="")):
            headers = {"Cookie": f"{COOKIE}={written}"}
            response = alice.client.get(GET_SESSION, headers=headers)
            assert (response.status_code, response.json) == (200, None)
            # What opens nothing is taken back.
            assert {attributes["max-age"] for _, attributes in cookies_of(response).values()} == {"0"}


def test_the_previous_secret_still_opens(app: Flask, alice: Actor) -> None:
    session = sign_in(alice)
    secrets = {"better_auth_secret": "x" * 40, "better_auth_secret_previous": CONFIG.better_auth_secret}
    rotated = configured(app, replace(CONFIG, **secrets)).test_client(use_cookies=False)  # type: ignore[arg-type]
    assert session.opens(rotated) == ALL
    alone = configured(app, replace(CONFIG, better_auth_secret="x" * 40)).test_client(use_cookies=False)
    # The bare token is no signature's: its hash is in the database.
    assert session.opens(alone) == {"opaque"}


@pytest.mark.parametrize("url", ["https://todo.example.com", "https://example.com/todo"])
def test_behind_https_the_cookies_are_for_https_only(app: Flask, alice: Actor, url: str) -> None:
    client = configured(app, replace(CONFIG, better_auth_url=url)).test_client(use_cookies=False)
    account = {"email": alice.email, "password": PASSWORD, "rememberMe": False}
    response = client.post(SIGN_IN, json=account)
    found = cookies_of(response)
    assert list(found) == [f"__Secure-{COOKIE}", "__Secure-better-auth.dont_remember"]
    for _, attributes in found.values():
        assert attributes == {"path": "/", "secure": True, "httponly": True, "samesite": "Lax"}
    value = found[f"__Secure-{COOKIE}"][0]
    for name, alive in ((f"__Secure-{COOKIE}", True), (COOKIE, False)):
        answer = client.get(GET_SESSION, headers={"Cookie": f"{name}={value}"})
        assert (answer.json is not None) is alive
    out = client.post("/api/auth/sign-out", headers={"Cookie": f"__Secure-{COOKIE}={value}", "Origin": ORIGIN})
    for name, (empty, attributes) in cookies_of(out).items():
        assert name.startswith("__Secure-better-auth.")
        assert (empty, attributes["max-age"], attributes["secure"]) == ("", "0", True)
    assert client.get(GET_SESSION, headers={"Cookie": f"__Secure-{COOKIE}={value}"}).json is None


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_a_session_that_is_not_remembered_has_cookies_without_an_age(alice: Actor, encoding: str) -> None:
    remember: object = "false" if encoding == "data" else False
    account: dict[str, Any] = {"email": alice.email, "password": PASSWORD, "rememberMe": remember}
    options: dict[str, Any] = {encoding: account}
    response = alice.client.post(SIGN_IN, **options)
    found = cookies_of(response)
    assert list(found) == [COOKIE, "better-auth.dont_remember"]
    assert all("max-age" not in attributes for _, attributes in found.values())
    assert unquote(found["better-auth.dont_remember"][0]) == signed("true")


@pytest.mark.parametrize("remember", [True, "true"])
def test_a_session_is_remembered_for_a_week_unless_told_otherwise(alice: Actor, remember: object) -> None:
    options: dict[str, Any] = {"json" if remember is True else "data": {"rememberMe": remember}}
    for body in options.values():
        body |= {"email": alice.email, "password": PASSWORD}
    assert cookies_of(alice.client.post(SIGN_IN, **options))[COOKIE][1]["max-age"] == WEEK


def test_a_session_of_a_sign_up_is_like_any_other(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    account = {"email": f"{base64.b32encode(PASSWORD.encode()).decode()[:20]}@up.example", "password": PASSWORD}
    response = client.post("/api/auth/sign-up/email", json={**account, "name": "Up", "rememberMe": False})
    assert list(cookies_of(response)) == [COOKIE, "better-auth.dont_remember"]
    assert SignIn.of(response.get_json(), response.headers).opens(client) == ALL


def test_a_refresh_token_is_no_credential(alice: Actor) -> None:
    session = replace(sign_in(alice), access=alice.refresh_token)
    assert session.opens(alice.client) == {"opaque", "cookie"}
    for path in ("list-sessions", "token"):
        response = alice.client.get(f"/api/auth/{path}", headers=bearer(alice.refresh_token))
        assert (response.status_code, response.get_json()["detail"]) == (401, "Unauthorized")


HOSTILE = [
    "",
    ".",
    "..",
    "_",
    "__",
    "%00",
    "%2E",
    "%ff.%ff",
    "\u00ff",
    "\u00ff.\u00ff.\u00ff",
    "{token}%00",
    "{token}\u00e9",
    "{token}=",
    "{token} {token}",
    "{token},Bearer {token}",
    "{token}.",
    "{token}.{wrong}",
    ".{token}",
    "{user}_{session}_{wrong}",
    "{user}_{wrong}_{secret}",
    "{other}_{session}_{secret}",
    "_{session}_{secret}",
    "{user}_{session}_",
    "{user}_{session}",
    "{session}_{secret}",
    "{user}_{session}_{SECRET}",
    "{USER}_{session}_{secret}",
    "{user}%00_{session}_{secret}",
    "{user}_{session}_{secret}0",
    "{huge}_{session}_{secret}",
    "{huge}",
    "{huge}.{huge}",
    "' OR 1=1 --",
    "%ED%A0%80.%ED%A0%80",
]


@pytest.mark.parametrize("shape", HOSTILE)
def test_a_hostile_opaque_token_opens_nothing_and_breaks_nothing(alice: Actor, bob: Actor, shape: str) -> None:
    session = sign_in(alice)
    user, session_id, secret = session.opaque.split("_")
    token = shape.format(
        token=session.opaque,
        user=user,
        session=session_id,
        secret=secret,
        other=bob.id,
        USER=user.upper() + "A",
        SECRET=secret.upper() + "A",
        wrong="0" * 64,
        huge="9" * 7000,
    )
    signed_too = signed(token) if token.isascii() else token
    for written in (token, signed_too, quote(signed_too, safe="")):
        headers = {"Authorization": f"Bearer {written}"}
        for user_id in (alice.id, bob.id):
            answer = alice.client.get(f"/api/{user_id}/tasks", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        for sent in (headers, {"Cookie": f"{COOKIE}={written}"}):
            answer = alice.client.get(GET_SESSION, headers=sent)
            assert (answer.status_code, answer.json) == (200, None)
            out = alice.client.post("/api/auth/sign-out", headers={**sent, "Origin": ORIGIN})
            assert out.status_code == 200
    assert session.opens(alice.client) == ALL


def test_the_opaque_token_of_a_session_that_ended_is_invalid(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    execute(database, "DELETE FROM sessions WHERE id = %s", session.session_id)
    response = alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(session.opaque))
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid token")


def test_an_access_token_beyond_its_time_opens_no_auth_route(app: Flask, alice: Actor) -> None:
    client = configured(app, replace(CONFIG, access_token_ttl=-CONFIG.access_token_ttl)).test_client(use_cookies=False)
    response = client.post(SIGN_IN, json={"email": alice.email, "password": PASSWORD})
    late = SignIn.of(response.get_json(), response.headers)
    assert late.opens(client) == {"opaque", "cookie"}
    assert client.get(f"/api/{alice.id}/tasks", headers=late.jwt).get_json()["code"] == "TOKEN_EXPIRED"


def test_nothing_that_opens_a_session_is_kept(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    rows = execute(database, "SELECT s::text FROM sessions s WHERE user_id = %s", alice.id)
    kept = "".join(str(row) for row in rows)
    for secret in (session.opaque.split("_")[2], session.access, session.refresh, session.signed):
        assert secret not in kept


def test_another_scheme_is_no_session_on_the_auth_routes(alice: Actor) -> None:
    headers = {"Authorization": f"Basic {sign_in(alice).opaque}"}
    assert alice.client.get(GET_SESSION, headers=headers).json is None
    response = alice.client.get("/api/auth/list-sessions", headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
