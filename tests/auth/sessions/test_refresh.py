"""Refresh tokens: exchanged once, tolerated while an answer may be lost, and the end of the session otherwise."""

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

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, SignIn, sign_in, sign_up_at
from tests.support.databases import CONFIG, execute
from todo_api import create_app
from todo_api.auth.tokens.session_tokens import Claims, issue

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.support.processes import Service

REFRESH = "/api/auth/refresh"


def generation(token: str) -> int:
    claims = jwt.decode(token, CONFIG.better_auth_secret, ["HS256"])
    assert claims["type"] == "refresh"
    return int(claims["gen"])


def exchange(client: FlaskClient, token: str) -> str | None:
    """Return the refresh token that the token buys, or None where it is refused."""
    response = client.post(REFRESH, data={"refresh_token": token})
    assert response.status_code in {200, 401}, response.text
    return response.get_json()["refresh_token"] if response.status_code == 200 else None


def successor(client: FlaskClient, token: str) -> str:
    bought = exchange(client, token)
    assert bought is not None
    return bought


def move(database: str, session: SignIn, column: str, by: str) -> None:
    """Move a time of the session by an interval such as '-11 seconds'."""
    where = "WHERE user_id = %s AND id = %s"
    statement = f"UPDATE sessions SET {column} = {column} + %s::interval {where}"
    execute(database, statement, by, session.user_id, session.session_id)


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_a_refresh_answers_as_a_sign_in_does(alice: Actor, encoding: str) -> None:
    session = sign_in(alice)
    options: dict[str, Any] = {encoding: {"refresh_token": session.refresh}}
    response = alice.client.post(REFRESH, **options)
    body = response.get_json()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert list(body) == ["user", "token", "refresh_token", "token_type", "expires_in", "redirect"]
    assert (body["user"]["id"], body["user"]["email"]) == (alice.id, alice.email)
    renewed = replace(session, access=body["token"], refresh=body["refresh_token"])
    assert renewed.opens(alice.client) == session.opens(alice.client) == ALL
    for token, use, seconds in ((body["token"], "access", 3600), (body["refresh_token"], "refresh", 30 * 86_400)):
        claims = jwt.decode(token, CONFIG.better_auth_secret, ["HS256"])
        assert (claims["type"], claims["sid"], claims["exp"] - claims["iat"]) == (use, session.session_id, seconds)


def test_each_refresh_token_buys_the_next(alice: Actor) -> None:
    token = alice.refresh_token
    for expected in range(1, 6):
        token = successor(alice.client, token)
        assert generation(token) == expected


def test_the_parent_buys_the_same_successor_at_any_time(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    newest = successor(alice.client, session.refresh)
    move(database, session, "rotated_at", "-30 days")
    for _ in range(3):
        assert generation(successor(alice.client, session.refresh)) == generation(newest) == 1
    assert generation(successor(alice.client, newest)) == 2


def test_the_grandparent_buys_the_newest_within_its_grace(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    newest = successor(alice.client, successor(alice.client, session.refresh))
    assert generation(successor(alice.client, session.refresh)) == generation(newest) == 2
    # The grace counts from the grandparent's own exchange, not from its child's.
    move(database, session, "rotated_at", "-1 hour")
    assert generation(successor(alice.client, session.refresh)) == 2
    move(database, session, "parent_rotated_at", "-9 seconds")
    assert generation(successor(alice.client, session.refresh)) == 2
    move(database, session, "parent_rotated_at", "-1 seconds")
    assert exchange(alice.client, session.refresh) is None


def test_a_tolerated_refresh_does_not_prolong_the_grace(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    child = successor(alice.client, session.refresh)
    move(database, session, "rotated_at", "-11 seconds")
    assert generation(successor(alice.client, session.refresh)) == 1
    assert generation(successor(alice.client, child)) == 2
    assert exchange(alice.client, session.refresh) is None


def test_a_reused_refresh_token_ends_its_session_with_all_credentials_and_no_other(
    database: str, alice: Actor, bob: Actor
) -> None:
    session, other, foreign = sign_in(alice), sign_in(alice), sign_in(bob)
    child = successor(alice.client, session.refresh)
    newest = successor(alice.client, child)
    move(database, session, "parent_rotated_at", "-11 seconds")
    assert session.opens(alice.client) == ALL
    response = alice.client.post(REFRESH, json={"refresh_token": session.refresh})
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid token")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert session.opens(alice.client) == NONE
    assert [exchange(alice.client, token) for token in (session.refresh, child, newest)] == [None] * 3
    assert other.opens(alice.client) == foreign.opens(bob.client) == ALL
    assert generation(successor(alice.client, other.refresh)) == 1


def test_what_is_older_than_a_grandparent_ends_the_session_even_within_the_grace(alice: Actor) -> None:
    session = sign_in(alice)
    token = session.refresh
    for _ in range(3):
        token = successor(alice.client, token)
    assert exchange(alice.client, session.refresh) is None
    assert exchange(alice.client, token) is None
    assert session.opens(alice.client) == NONE


def test_without_grace_the_grandparent_ends_the_session_at_once_and_the_parent_is_tolerated(
    app: Flask, alice: Actor
) -> None:
    uri = app.config["SQLALCHEMY_DATABASE_URI"]
    strict = create_app(replace(CONFIG, database_url=uri, refresh_token_grace=timedelta(0))).test_client()
    session = sign_in(alice)
    child = successor(strict, session.refresh)
    assert generation(successor(strict, session.refresh)) == 1
    successor(strict, child)
    assert exchange(strict, session.refresh) is None
    assert session.opens(alice.client) == NONE


def test_a_session_ends_however_much_it_is_refreshed(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    (ends,) = execute(database, "SELECT ends_at - created_at FROM sessions WHERE id = %s", session.session_id)
    assert ends == (timedelta(days=90),)
    token = successor(alice.client, session.refresh)
    assert execute(database, "SELECT ends_at - created_at FROM sessions WHERE id = %s", session.session_id) == [ends]
    move(database, session, "ends_at", "-90 days")
    assert exchange(alice.client, token) is None
    assert session.opens(alice.client) == NONE


def test_a_refresh_moves_the_expiry_of_the_opaque_token_on(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    move(database, session, "expires_at", "-8 days")
    assert session.opens(alice.client) == {"jwt"}
    successor(alice.client, session.refresh)
    assert session.opens(alice.client) == ALL


def test_a_session_that_is_not_remembered_ends_after_a_day_for_every_credential(database: str, alice: Actor) -> None:
    session = sign_in(alice, rememberMe=False)
    token = successor(alice.client, session.refresh)
    for column in ("expires_at", "ends_at"):
        move(database, session, column, "-1 day")
    assert exchange(alice.client, token) is None
    assert session.opens(alice.client) == NONE


def test_the_times_of_a_session_that_is_not_remembered_are_a_day(database: str, alice: Actor) -> None:
    session = sign_in(alice, rememberMe=False)
    successor(alice.client, session.refresh)
    times = "SELECT expires_at - created_at, ends_at - created_at FROM sessions WHERE id = %s"
    assert execute(database, times, session.session_id) == [(timedelta(days=1), timedelta(days=1))]


def test_a_refresh_token_lasts_as_long_as_configured(alice: Actor) -> None:
    session = sign_in(alice)
    claims = Claims(alice.id, alice.email, session.session_id)
    month = timedelta(days=30)
    for ago, status in ((month + timedelta(seconds=5), 401), (month - timedelta(minutes=5), 200)):
        token = issue(claims, "refresh", secret=CONFIG.better_auth_secret, now=datetime.now(UTC) - ago, ttl=month)
        assert alice.client.post(REFRESH, data={"refresh_token": token}).status_code == status
    assert session.opens(alice.client) == ALL


@pytest.mark.parametrize("others", [None, True])
def test_after_a_password_change_the_ended_sessions_refresh_no_more(alice: Actor, *, others: bool | None) -> None:
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
def test_a_signed_refresh_token_that_names_no_session_is_401(alice: Actor, change: dict[str, Any]) -> None:
    claims = Claims(alice.id, alice.email, sign_in(alice).session_id)._replace(**change)
    hour = timedelta(hours=1)
    token = issue(claims, "refresh", secret=CONFIG.better_auth_secret, now=datetime.now(UTC), ttl=hour)
    assert exchange(alice.client, token) is None


@pytest.mark.parametrize("huge", [2**31 - 1, 2**31, 2**63, 10**30])
def test_a_signed_generation_of_any_size_is_401(alice: Actor, huge: int) -> None:
    claims = Claims(alice.id, alice.email, sign_in(alice).session_id, huge)
    hour = timedelta(hours=1)
    token = issue(claims, "refresh", secret=CONFIG.better_auth_secret, now=datetime.now(UTC), ttl=hour)
    assert exchange(alice.client, token) is None


def test_another_users_session_is_not_refreshed_by_its_id(alice: Actor, bob: Actor) -> None:
    theirs = sign_in(bob)
    hour = timedelta(hours=1)
    claims = Claims(alice.id, alice.email, theirs.session_id)
    token = issue(claims, "refresh", secret=CONFIG.better_auth_secret, now=datetime.now(UTC), ttl=hour)
    assert exchange(alice.client, token) is None
    assert theirs.opens(bob.client) == ALL


def test_no_other_token_refreshes(alice: Actor) -> None:
    session = sign_in(alice)
    for token in (session.access, session.opaque, session.signed, "", "x", "a.b.c", "x" * 100_000):
        assert exchange(alice.client, token) is None
    assert session.opens(alice.client) == ALL


@pytest.mark.parametrize(("encoding", "status"), [("data", 422), ("json", 400)])
def test_a_refresh_without_a_token_names_the_field(client: FlaskClient, encoding: str, status: int) -> None:
    options: dict[str, Any] = {encoding: {"token": "x"}}
    response = client.post(REFRESH, **options)
    assert response.status_code == status
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == ["#/refresh_token"]


def test_twenty_refreshes_of_one_token_at_once_leave_one_live_successor(service: Service, fresh_database: str) -> None:
    def ask(token: str) -> requests.Response:
        return requests.post(service.url + REFRESH, data={"refresh_token": token}, timeout=20)

    session = sign_up_at(service.url, "ada@example.com")
    other = SignIn.of(*signed_in(service.url))
    token = session.refresh
    with ThreadPoolExecutor(20) as pool:
        for expected in range(1, 6):
            answers = list(pool.map(ask, [token] * 20))
            assert Counter(answer.status_code for answer in answers) == {200: 20}
            successors = [answer.json()["refresh_token"] for answer in answers]
            assert {generation(found) for found in successors} == {expected}
            counted = "SELECT generation FROM sessions WHERE id = %s"
            assert execute(fresh_database, counted, session.session_id) == [(expected,)]
            token = successors[-1]
        move(fresh_database, session, "parent_rotated_at", "-11 seconds")
        started = time.monotonic()
        # Reuse by many at once is no fault either; the successor that is being used meanwhile ends with them.
        answers = list(pool.map(ask, [session.refresh] * 10 + [token] * 10))
    assert time.monotonic() - started < 20
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert {answer.status_code for answer in answers[:10]} == {401}
    assert ask(token).status_code == 401
    assert session.opens_at(service.url) == NONE
    assert other.opens_at(service.url) == ALL


def signed_in(url: str) -> tuple[dict[str, Any], Any]:
    account = {"email": "ada@example.com", "password": PASSWORD}
    response = requests.post(f"{url}/api/auth/sign-in/email", json=account, timeout=10)
    return response.json(), response.headers
