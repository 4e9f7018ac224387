"""Refresh tokens: exchanged once, accepted again while a response may be lost, and ending the session if reused."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from tests.support.accounts import shift_session
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, bearer, sign_in, sign_in_at, sign_up_at
from tests.support.databases import CONFIG, application, execute
from todo_api.auth.tokens.session_tokens import Claims, issue

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.processes import Service

REFRESH = "/api/auth/refresh"
MONTH = timedelta(days=30)


def refresh_token(claims: Claims, *, age: timedelta = timedelta(0)) -> str:
    """Return a refresh token that was issued some time ago."""
    return issue(claims, "refresh", secret=CONFIG.better_auth_secret, now=datetime.now(UTC) - age, ttl=MONTH)


def generation(token: str) -> int:
    claims = jwt.decode(token, CONFIG.better_auth_secret, ["HS256"])
    assert claims["type"] == "refresh"
    return int(claims["gen"])


def exchange(client: FlaskClient, token: str) -> str | None:
    """Exchange a refresh token, and return the new one, or None if it is rejected."""
    response = client.post(REFRESH, data={"refresh_token": token})
    assert response.status_code in {200, 401}, response.text
    return response.get_json()["refresh_token"] if response.status_code == 200 else None


def successor(client: FlaskClient, token: str) -> str:
    new_token = exchange(client, token)
    assert new_token is not None
    return new_token


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_a_refresh_returns_new_tokens(alice: Actor, encoding: str) -> None:
    session = sign_in(alice)
    options: dict[str, Any] = {encoding: {"refresh_token": session.refresh}}
    response = alice.client.post(REFRESH, **options)
    body = response.get_json()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert list(body) == ["user", "token", "refresh_token", "token_type", "expires_in", "redirect"]
    assert (body["user"]["id"], body["user"]["email"]) == (alice.id, alice.email)
    renewed = replace(session, access=body["token"], refresh=body["refresh_token"])
    assert renewed.accepted_credentials(alice.client) == session.accepted_credentials(alice.client) == ALL
    for token, use, seconds in ((body["token"], "access", 3600), (body["refresh_token"], "refresh", 30 * 86_400)):
        claims = jwt.decode(token, CONFIG.better_auth_secret, ["HS256"])
        assert (claims["type"], claims["sid"], claims["exp"] - claims["iat"]) == (use, session.session_id, seconds)


def test_each_refresh_token_gets_the_next_generation(alice: Actor) -> None:
    token = alice.refresh_token
    for expected in range(1, 6):
        token = successor(alice.client, token)
        assert generation(token) == expected


def test_the_parent_gets_the_same_successor_at_any_time(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    newest = successor(alice.client, session.refresh)
    shift_session(database, session, rotated_at="-30 days")
    for _ in range(3):
        assert generation(successor(alice.client, session.refresh)) == generation(newest) == 1
    assert generation(successor(alice.client, newest)) == 2


def test_the_grandparent_gets_the_newest_within_its_grace(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    newest = successor(alice.client, successor(alice.client, session.refresh))
    assert generation(successor(alice.client, session.refresh)) == generation(newest) == 2
    # The grace counts from the grandparent's own exchange, not from its child's.
    shift_session(database, session, rotated_at="-1 hour")
    assert generation(successor(alice.client, session.refresh)) == 2
    shift_session(database, session, parent_rotated_at="-9 seconds")
    assert generation(successor(alice.client, session.refresh)) == 2
    shift_session(database, session, parent_rotated_at="-1 seconds")
    assert exchange(alice.client, session.refresh) is None


def test_a_repeated_refresh_does_not_extend_the_grace(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    child = successor(alice.client, session.refresh)
    shift_session(database, session, rotated_at="-11 seconds")
    assert generation(successor(alice.client, session.refresh)) == 1
    assert generation(successor(alice.client, child)) == 2
    assert exchange(alice.client, session.refresh) is None


def test_a_reused_refresh_token_ends_its_session_only(database: str, alice: Actor, bob: Actor) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    child = successor(alice.client, session.refresh)
    newest = successor(alice.client, child)
    shift_session(database, session, parent_rotated_at="-11 seconds")
    assert session.accepted_credentials(alice.client) == ALL
    response = alice.client.post(REFRESH, json={"refresh_token": session.refresh})
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid token")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert session.accepted_credentials(alice.client) == NONE
    assert [exchange(alice.client, token) for token in (session.refresh, child, newest)] == [None] * 3
    assert other.accepted_credentials(alice.client) == bobs.accepted_credentials(bob.client) == ALL
    assert generation(successor(alice.client, other.refresh)) == 1


def test_an_older_token_ends_the_session_even_within_the_grace(alice: Actor) -> None:
    session = sign_in(alice)
    token = session.refresh
    for _ in range(3):
        token = successor(alice.client, token)
    assert exchange(alice.client, session.refresh) is None
    assert exchange(alice.client, token) is None
    assert session.accepted_credentials(alice.client) == NONE


def test_without_grace_the_parent_is_accepted_and_the_grandparent_ends_the_session(database: str, alice: Actor) -> None:
    strict = application(database, refresh_token_grace=timedelta(0)).test_client()
    session = sign_in(alice)
    child = successor(strict, session.refresh)
    assert generation(successor(strict, session.refresh)) == 1
    successor(strict, child)
    assert exchange(strict, session.refresh) is None
    assert session.accepted_credentials(alice.client) == NONE


def test_refreshes_do_not_extend_the_absolute_end_of_a_session(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    lifetime = "SELECT ends_at - created_at FROM sessions WHERE id = %s"
    assert execute(database, lifetime, session.session_id) == [(timedelta(days=90),)]
    token = successor(alice.client, session.refresh)
    assert execute(database, lifetime, session.session_id) == [(timedelta(days=90),)]
    shift_session(database, session, ends_at="-90 days")
    assert exchange(alice.client, token) is None
    assert session.accepted_credentials(alice.client) == NONE


def test_a_refresh_extends_the_opaque_token(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    shift_session(database, session, expires_at="-8 days")
    assert session.accepted_credentials(alice.client) == {"jwt"}
    successor(alice.client, session.refresh)
    assert session.accepted_credentials(alice.client) == ALL


def test_an_unremembered_session_ends_after_a_day_for_all_credentials(database: str, alice: Actor) -> None:
    session = sign_in(alice, rememberMe=False)
    token = successor(alice.client, session.refresh)
    for column in ("expires_at", "ends_at"):
        shift_session(database, session, **{column: "-1 day"})
    assert exchange(alice.client, token) is None
    assert session.accepted_credentials(alice.client) == NONE


def test_a_refresh_does_not_extend_an_unremembered_session(database: str, alice: Actor) -> None:
    session = sign_in(alice, rememberMe=False)
    successor(alice.client, session.refresh)
    times = "SELECT expires_at - created_at, ends_at - created_at FROM sessions WHERE id = %s"
    assert execute(database, times, session.session_id) == [(timedelta(days=1), timedelta(days=1))]


def test_a_refresh_token_expires_after_its_configured_time(alice: Actor) -> None:
    session = sign_in(alice)
    claims = Claims(alice.id, alice.email, session.session_id)
    for age, status in ((MONTH + timedelta(seconds=5), 401), (MONTH - timedelta(minutes=5), 200)):
        token = refresh_token(claims, age=age)
        assert alice.client.post(REFRESH, data={"refresh_token": token}).status_code == status
    assert session.accepted_credentials(alice.client) == ALL


@pytest.mark.parametrize("others", [None, True])
def test_after_a_password_change_ended_sessions_cannot_refresh(alice: Actor, *, others: bool | None) -> None:
    session, other = sign_in(alice), sign_in(alice)
    body = {"currentPassword": PASSWORD, "newPassword": "another " + PASSWORD}
    body |= {} if others is None else {"revokeOtherSessions": others}  # type: ignore[dict-item]
    response = alice.client.post("/api/auth/change-password", json=body, headers=session.jwt)
    assert response.status_code == 200
    assert exchange(alice.client, other.refresh) is None
    assert (exchange(alice.client, session.refresh) is None) is (others is True)


@pytest.mark.parametrize(
    "change",
    [{"subject": "nobody"}, {"subject": ""}, {"session_id": "0" * 32}, {"session_id": ""}, {"generation": 7}],
)
def test_a_signed_refresh_token_without_a_session_is_401(alice: Actor, change: dict[str, Any]) -> None:
    claims = Claims(alice.id, alice.email, sign_in(alice).session_id)._replace(**change)
    assert exchange(alice.client, refresh_token(claims)) is None


@pytest.mark.parametrize("generation", [2**31 - 1, 2**31, 2**63, 10**30])
def test_a_signed_generation_that_is_too_large_is_401(alice: Actor, generation: int) -> None:
    claims = Claims(alice.id, alice.email, sign_in(alice).session_id, generation)
    assert exchange(alice.client, refresh_token(claims)) is None


def test_the_session_of_another_user_cannot_be_refreshed(alice: Actor, bob: Actor) -> None:
    bobs = sign_in(bob)
    claims = Claims(alice.id, alice.email, bobs.session_id)
    assert exchange(alice.client, refresh_token(claims)) is None
    assert bobs.accepted_credentials(bob.client) == ALL


def test_other_tokens_cannot_refresh(alice: Actor) -> None:
    session = sign_in(alice)
    for token in (session.access, session.opaque, session.signed, "x", "a.b.c", "x" * 100_000):
        assert exchange(alice.client, token) is None
    assert session.accepted_credentials(alice.client) == ALL


@pytest.mark.parametrize(("encoding", "status"), [("data", 422), ("json", 400)])
def test_a_refresh_without_a_token_points_to_the_field(client: FlaskClient, encoding: str, status: int) -> None:
    options: dict[str, Any] = {encoding: {"token": "x"}}
    response = client.post(REFRESH, **options)
    assert response.status_code == status
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/refresh_token"]


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


def test_concurrent_refreshes_of_one_token_get_one_successor(service: Service, fresh_database: str) -> None:
    def refresh(token: str) -> requests.Response:
        return requests.post(service.url + REFRESH, data={"refresh_token": token}, timeout=20)

    session = sign_up_at(service.url, "ada@example.com")
    other = sign_in_at(service.url, "ada@example.com")
    token = session.refresh
    with ThreadPoolExecutor(20) as pool:
        for expected in range(1, 6):
            responses = list(pool.map(refresh, [token] * 20))
            assert Counter(response.status_code for response in responses) == {200: 20}
            successors = [response.json()["refresh_token"] for response in responses]
            assert {generation(token) for token in successors} == {expected}
            stored = "SELECT generation FROM sessions WHERE id = %s"
            assert execute(fresh_database, stored, session.session_id) == [(expected,)]
            token = successors[-1]
        shift_session(fresh_database, session, parent_rotated_at="-11 seconds")
        started = time.monotonic()
        # Concurrent reuse is no server error. It also ends the successor, which is used at the same time.
        responses = list(pool.map(refresh, [session.refresh] * 10 + [token] * 10))
    assert time.monotonic() - started < 20
    assert {response.status_code for response in responses} <= {200, 401}
    assert {response.status_code for response in responses[:10]} == {401}
    assert refresh(token).status_code == 401
    assert session.accepted_credentials_at(service.url) == NONE
    assert other.accepted_credentials_at(service.url) == ALL
