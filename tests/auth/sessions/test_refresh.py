"""A refresh: its new tokens, the times of the session, and tokens that cannot be exchanged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.support.accounts import shift_session
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, sign_in
from tests.support.databases import CONFIG, execute
from tests.support.refresh_tokens import REFRESH, exchange, successor
from todo_api.auth.tokens.session_tokens import Claims, issue

if TYPE_CHECKING:
    from flask.testing import FlaskClient


MONTH = timedelta(days=30)


def refresh_token(claims: Claims, *, age: timedelta = timedelta(0)) -> str:
    """Return a refresh token that was issued some time ago."""
    return issue(claims, "refresh", secret=CONFIG.better_auth_secret, now=datetime.now(UTC) - age, ttl=MONTH)


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
