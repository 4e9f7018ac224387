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
from tests.support.databases import CONFIG, application, execute

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

SIGN_IN = "/api/auth/sign-in/email"
GET_SESSION = "/api/auth/get-session"
WEEK = "604800"


def cookies_of(response: TestResponse) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return each cookie that the response sets: its value as sent, and its attributes except Expires."""
    values = {}
    for header in response.headers.getlist("Set-Cookie"):
        ((name, morsel),) = SimpleCookie(header).items()
        attributes = {key: value for key, value in morsel.items() if value and key != "expires"}
        values[name] = (header.split("=", 1)[1].split(";")[0], attributes)
    return values


def signed(value: str, secret: str = CONFIG.better_auth_secret) -> str:
    """Sign as Better Auth does."""
    return f"{value}.{base64.b64encode(hmac.new(secret.encode(), value.encode(), 'sha256').digest()).decode()}"


def test_a_sign_in_gives_three_credentials_of_one_session(alice: Actor) -> None:
    session = sign_in(alice)
    assert session.accepted_credentials(alice.client) == ALL
    for headers in session.credentials.values():
        body = alice.client.get(GET_SESSION, headers=headers).get_json()
        assert (body["user"]["id"], body["session"]["id"]) == (alice.id, session.session_id)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_opaque_token_is_valid_unsigned_signed_and_encoded(alice: Actor, scheme: str) -> None:
    session = sign_in(alice)
    for token in (session.opaque, session.signed, quote(session.signed, safe=""), quote(session.signed)):
        headers = {"Authorization": f"{scheme} {token}"}
        assert alice.client.get(f"/api/{alice.id}/tasks", headers=headers).status_code == 200
        assert alice.client.get(GET_SESSION, headers=headers).get_json()["user"]["id"] == alice.id


def test_the_opaque_token_can_write_tasks(alice: Actor) -> None:
    alice.token = sign_in(alice).opaque
    task = alice.create_task(title="Call Bob")
    assert alice.patch(f"/tasks/{task['id']}/complete").get_json()["completed"] is True
    assert alice.delete(f"/tasks/{task['id']}").status_code == 204


def test_the_opaque_token_gives_no_access_to_tasks_of_others(alice: Actor, bob: Actor) -> None:
    response = bob.client.get(f"/api/{bob.id}/tasks", headers=bearer(sign_in(alice).opaque))
    assert (response.status_code, response.get_json()["detail"]) == (403, "Access forbidden")


def test_the_cookie_is_signed_as_better_auth_signs(alice: Actor) -> None:
    response = alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD})
    (token,) = response.headers.getlist("set-auth-token")
    value, attributes = cookies_of(response)[COOKIE]
    assert list(cookies_of(response)) == [COOKIE]
    assert value == quote(token, safe="!'()*")
    assert token == signed(token.rpartition(".")[0])
    assert attributes == {"max-age": WEEK, "path": "/", "httponly": True, "samesite": "Lax"}
    assert "set-auth-token" in ",".join(response.headers.getlist("Access-Control-Expose-Headers"))


@pytest.mark.parametrize("path", ["/tasks", "/tasks/1"])
def test_the_cookie_is_no_credential_on_task_routes(alice: Actor, path: str) -> None:
    session = sign_in(alice)
    response = alice.client.get(f"/api/{alice.id}{path}", headers=session.cookie)
    assert (response.status_code, response.get_json()["detail"]) == (401, "Not authenticated")
    response = alice.client.post(f"/api/{alice.id}/tasks", json={"title": "x"}, headers=session.cookie)
    assert response.status_code == 401
    assert alice.get("/tasks").json == []


def test_a_cookie_without_a_valid_signature_is_deleted(alice: Actor) -> None:
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
        for cookie in (value, quote(value, safe="")):
            headers = {"Cookie": f"{COOKIE}={cookie}"}
            response = alice.client.get(GET_SESSION, headers=headers)
            assert (response.status_code, response.json) == (200, None)
            assert {attributes["max-age"] for _, attributes in cookies_of(response).values()} == {"0"}


def test_credentials_of_the_previous_secret_are_valid(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    new, old = "x" * 40, CONFIG.better_auth_secret
    rotated = application(database, better_auth_secret=new, better_auth_secret_previous=old)
    assert session.accepted_credentials(rotated.test_client(use_cookies=False)) == ALL
    without_old = application(database, better_auth_secret=new)
    # The unsigned opaque token depends on no secret: the database has its hash.
    assert session.accepted_credentials(without_old.test_client(use_cookies=False)) == {"opaque"}


@pytest.mark.parametrize(("url", "path"), [("https://todo.example.com", "/"), ("https://example.com/todo", "/todo")])
def test_with_an_https_url_the_cookies_are_secure(database: str, alice: Actor, url: str, path: str) -> None:
    client = application(database, better_auth_url=url).test_client(use_cookies=False)
    account = {"email": alice.email, "password": PASSWORD, "rememberMe": False}
    response = client.post(SIGN_IN, json=account)
    cookies = cookies_of(response)
    assert list(cookies) == [f"__Secure-{COOKIE}", "__Secure-better-auth.dont_remember"]
    for _, attributes in cookies.values():
        assert attributes == {"path": path, "secure": True, "httponly": True, "samesite": "Lax"}
    value = cookies[f"__Secure-{COOKIE}"][0]
    for name, is_valid in ((f"__Secure-{COOKIE}", True), (COOKIE, False)):
        session = client.get(GET_SESSION, headers={"Cookie": f"{name}={value}"})
        assert (session.json is not None) is is_valid
    signed_out = client.post("/api/auth/sign-out", headers={"Cookie": f"__Secure-{COOKIE}={value}", "Origin": ORIGIN})
    for name, (empty, attributes) in cookies_of(signed_out).items():
        assert name.startswith("__Secure-better-auth.")
        assert (empty, attributes["max-age"], attributes["secure"], attributes["path"]) == ("", "0", True, path)
    assert client.get(GET_SESSION, headers={"Cookie": f"__Secure-{COOKIE}={value}"}).json is None


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_an_unremembered_session_has_cookies_without_max_age(alice: Actor, encoding: str) -> None:
    remember: object = "false" if encoding == "data" else False
    account: dict[str, Any] = {"email": alice.email, "password": PASSWORD, "rememberMe": remember}
    options: dict[str, Any] = {encoding: account}
    response = alice.client.post(SIGN_IN, **options)
    cookies = cookies_of(response)
    assert list(cookies) == [COOKIE, "better-auth.dont_remember"]
    assert all("max-age" not in attributes for _, attributes in cookies.values())
    assert unquote(cookies["better-auth.dont_remember"][0]) == signed("true")


@pytest.mark.parametrize("remember", [True, "true"])
def test_a_remembered_session_has_a_cookie_for_a_week(alice: Actor, remember: object) -> None:
    options: dict[str, Any] = {"json" if remember is True else "data": {"rememberMe": remember}}
    for body in options.values():
        body |= {"email": alice.email, "password": PASSWORD}
    assert cookies_of(alice.client.post(SIGN_IN, **options))[COOKIE][1]["max-age"] == WEEK


def test_a_sign_up_gives_the_same_credentials_as_a_sign_in(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    account = {"email": f"{base64.b32encode(PASSWORD.encode()).decode()[:20]}@up.example", "password": PASSWORD}
    response = client.post("/api/auth/sign-up/email", json={**account, "name": "Up", "rememberMe": False})
    assert list(cookies_of(response)) == [COOKIE, "better-auth.dont_remember"]
    assert SignIn.from_response(response.get_json(), response.headers).accepted_credentials(client) == ALL


def test_a_refresh_token_is_no_credential(alice: Actor) -> None:
    session = replace(sign_in(alice), access=alice.refresh_token)
    assert session.accepted_credentials(alice.client) == {"opaque", "cookie"}
    for path in ("list-sessions", "token"):
        response = alice.client.get(f"/api/auth/{path}", headers=bearer(alice.refresh_token))
        assert (response.status_code, response.get_json()["detail"]) == (401, "Unauthorized")


MALFORMED_TOKENS = [
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


@pytest.mark.parametrize("shape", MALFORMED_TOKENS)
def test_a_malformed_opaque_token_is_rejected(alice: Actor, bob: Actor, shape: str) -> None:
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
    signed_token = signed(token) if token.isascii() else token
    for text in (token, signed_token, quote(signed_token, safe="")):
        for user_id in (alice.id, bob.id):
            response = alice.client.get(f"/api/{user_id}/tasks", headers=bearer(text))
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        for headers in (bearer(text), {"Cookie": f"{COOKIE}={text}"}):
            response = alice.client.get(GET_SESSION, headers=headers)
            assert (response.status_code, response.json) == (200, None)
            signed_out = alice.client.post("/api/auth/sign-out", headers={**headers, "Origin": ORIGIN})
            assert signed_out.status_code == 200
    assert session.accepted_credentials(alice.client) == ALL


def test_the_opaque_token_of_an_ended_session_is_invalid(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    execute(database, "DELETE FROM sessions WHERE id = %s", session.session_id)
    response = alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(session.opaque))
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid token")


def test_an_expired_access_token_is_rejected(database: str, alice: Actor) -> None:
    client = application(database, access_token_ttl=-CONFIG.access_token_ttl).test_client(use_cookies=False)
    response = client.post(SIGN_IN, json={"email": alice.email, "password": PASSWORD})
    session = SignIn.from_response(response.get_json(), response.headers)
    assert session.accepted_credentials(client) == {"opaque", "cookie"}
    assert client.get(f"/api/{alice.id}/tasks", headers=session.jwt).get_json()["code"] == "TOKEN_EXPIRED"


def test_no_credential_is_stored(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    rows = execute(database, "SELECT s::text FROM sessions s WHERE user_id = %s", alice.id)
    stored = "".join(str(row) for row in rows)
    for secret in (session.opaque.split("_")[2], session.access, session.refresh, session.signed):
        assert secret not in stored


def test_another_scheme_is_rejected_on_the_auth_routes(alice: Actor) -> None:
    headers = {"Authorization": f"Basic {sign_in(alice).opaque}"}
    assert alice.client.get(GET_SESSION, headers=headers).json is None
    response = alice.client.get("/api/auth/list-sessions", headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
