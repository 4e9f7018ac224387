"""A refresh without a refresh token: the cookie of the session gets an access token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import shift_session
from tests.support.credentials import bearer, sign_in
from tests.support.refresh_tokens import REFRESH, exchange

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.actors import Actor


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"data": {"other": "x"}}], ids=str)
def test_the_cookie_alone_gets_an_access_token(alice: Actor, options: dict[str, Any]) -> None:
    session = sign_in(alice)
    response = alice.client.post(REFRESH, headers=session.cookie, **options)
    body = response.get_json()
    assert (response.status_code, list(body)) == (200, ["user", "token", "token_type", "expires_in"])
    assert (body["user"]["id"], body["token_type"], body["expires_in"]) == (alice.id, "bearer", 3600)
    assert "Set-Cookie" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    tasks = alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(body["token"]))
    assert tasks.status_code == 200
    assert exchange(alice.client, session.refresh)  # the generation is unchanged
    alice.client.post("/api/auth/sign-out", headers=session.cookie)
    assert alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(body["token"])).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Cookie": "theme=dark"}], ids=str)
def test_no_body_and_no_cookie_point_to_the_field(client: FlaskClient, headers: dict[str, str]) -> None:
    response = client.post(REFRESH, headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (400, "VALIDATION_ERROR")
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/refresh_token"]


def test_a_bearer_token_beside_the_cookie_needs_a_body(alice: Actor) -> None:
    session = sign_in(alice)
    for headers in (session.jwt, bearer(session.opaque), {"Authorization": "Basic YTpi"}):
        assert alice.client.post(REFRESH, headers={**session.cookie, **headers}).status_code == 400


def test_a_cookie_without_a_live_session_is_401(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    forged = {"Cookie": session.cookie["Cookie"].replace("session_token=", "session_token=x")}
    assert alice.client.post(REFRESH, headers=forged).status_code == 401
    shift_session(database, session, expires_at="-8 days")
    response = alice.client.post(REFRESH, headers=session.cookie)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_a_wrong_body_is_not_about_the_cookie(alice: Actor) -> None:
    session = sign_in(alice)
    for body, status in (({"refresh_token": "x"}, 401), ({"refresh_token": None}, 400), ({"refresh_token": 7}, 400)):
        assert alice.client.post(REFRESH, json=body, headers=session.cookie).status_code == status
    renewed = alice.client.post(REFRESH, json={"refresh_token": session.refresh}, headers=session.cookie).get_json()
    assert list(renewed) == ["user", "token", "refresh_token", "token_type", "expires_in", "redirect"]
