"""The cookies of a session: their signature, their attributes, and where they are no credential."""

from __future__ import annotations

import base64
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, ORIGIN, SignIn, sign_in, signed
from tests.support.databases import application

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
