"""The extension of a session by its use, and the times at which its credentials expire."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import shift_session
from tests.support.credentials import COOKIE, NONE, sign_in
from tests.support.timestamps import is_in

if TYPE_CHECKING:
    from tests.support.actors import Actor

AUTH = "/api/auth"
GET_SESSION = f"{AUTH}/get-session"


@pytest.mark.parametrize("credential", ["opaque", "cookie"])
def test_use_extends_a_session_once_a_day(database: str, alice: Actor, credential: str) -> None:
    session = sign_in(alice)
    headers = session.credentials[credential]
    shift_session(database, session, updated_at="-23 hours", expires_at="-23 hours")
    response = alice.client.get(GET_SESSION, headers=headers)
    assert is_in(response.get_json()["session"]["expiresAt"], timedelta(days=6, hours=1))
    assert "set-auth-token" not in response.headers

    shift_session(database, session, updated_at="-2 hours", expires_at="-2 hours")
    disabled = alice.client.get(f"{GET_SESSION}?disableRefresh=true", headers=headers)
    assert is_in(disabled.get_json()["session"]["expiresAt"], timedelta(days=5, hours=23))
    assert "set-auth-token" not in disabled.headers

    extended = alice.client.get(GET_SESSION, headers=headers)
    assert is_in(extended.get_json()["session"]["expiresAt"], timedelta(days=7))
    assert is_in(extended.get_json()["session"]["updatedAt"], timedelta(0))
    assert extended.headers["set-auth-token"] == session.signed
    assert extended.headers["Set-Cookie"].startswith(f"{COOKIE}={session.opaque}.")
    assert "Max-Age=604800" in extended.headers["Set-Cookie"]
    exposed = ",".join(extended.headers.getlist("Access-Control-Expose-Headers"))
    assert {"set-auth-token", "set-auth-jwt"} <= set(re.split(r"\s*,\s*", exposed))

    again = alice.client.get(GET_SESSION, headers=headers)
    assert again.get_json()["session"] == extended.get_json()["session"]
    assert "set-auth-token" not in again.headers


def test_use_by_jwt_does_not_extend_a_session(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    shift_session(database, session, updated_at="-2 days", expires_at="-2 days")
    response = alice.client.get(GET_SESSION, headers=session.jwt)
    assert is_in(response.get_json()["session"]["expiresAt"], timedelta(days=5))
    assert "set-auth-token" not in response.headers


def test_use_does_not_extend_an_unremembered_session(database: str, alice: Actor) -> None:
    session = sign_in(alice, rememberMe=False)
    shift_session(database, session, updated_at="-25 hours")
    response = alice.client.get(GET_SESSION, headers=session.cookie)
    assert is_in(response.get_json()["session"]["expiresAt"], timedelta(days=1))
    assert "set-auth-token" not in response.headers


def test_after_a_week_without_use_opaque_token_and_cookie_expire(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    shift_session(database, session, expires_at="-7 days")
    assert session.accepted_credentials(alice.client) == {"jwt"}
    response = alice.client.get(GET_SESSION, headers=session.cookie)
    assert len(response.headers.getlist("Set-Cookie")) == 3


def test_at_its_absolute_end_all_credentials_of_a_session_expire(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    shift_session(database, session, ends_at="-90 days")
    assert session.accepted_credentials(alice.client) == NONE
