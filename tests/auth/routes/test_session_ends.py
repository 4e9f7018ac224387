"""The end of sessions by sign-out, revocation or a change of the account: for all credentials, on all workers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, bearer, sign_in, sign_in_at, sign_up_at
from tests.support.databases import CONFIG, execute, new_database
from tests.support.problems import status_and_code
from tests.support.processes import running_service
from todo_api.auth.tokens.session_tokens import Claims, issue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Service

AUTH = "/api/auth"
NEW = "another " + PASSWORD
CREDENTIALS = sorted(ALL)


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_sign_out_ends_its_own_session_only(alice: Actor, credential: str) -> None:
    session, other = sign_in(alice), sign_in(alice)
    response = alice.client.post(f"{AUTH}/sign-out", headers=session.credentials[credential])
    assert response.json == {"success": True, "message": "Signed out successfully"}
    assert len(response.headers.getlist("Set-Cookie")) == 3
    assert session.accepted_credentials(alice.client) == NONE
    assert alice.client.post(f"{AUTH}/refresh", data={"refresh_token": session.refresh}).status_code == 401
    assert other.accepted_credentials(alice.client) == ALL
    again = alice.client.post(f"{AUTH}/sign-out", headers=session.credentials[credential])
    assert again.json == response.json


def test_sign_out_accepts_an_expired_access_token(alice: Actor) -> None:
    session = sign_in(alice)
    claims = Claims(session.user_id, alice.email, session.session_id)
    hour = timedelta(hours=1)
    expired = issue(claims, "access", secret=CONFIG.better_auth_secret, now=datetime.now(UTC) - 2 * hour, ttl=hour)
    for header in (f"Bearer {expired}x", f"Basic {expired}", "Bearer "):
        assert alice.client.post(f"{AUTH}/sign-out", headers={"Authorization": header}).status_code == 200
    assert session.accepted_credentials(alice.client) == ALL
    alice.client.post(f"{AUTH}/sign-out", headers=bearer(expired))
    assert session.accepted_credentials(alice.client) == NONE


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_revoke_session_ends_the_session_of_its_token(alice: Actor, credential: str) -> None:
    session, other, third = sign_in(alice), sign_in(alice), sign_in(alice)
    body = {"token": other.session_id}
    headers = session.credentials[credential]
    for _ in range(2):
        response = alice.client.post(f"{AUTH}/revoke-session", json=body, headers=headers)
        assert (response.status_code, response.json) == (200, {"status": True})
    assert other.accepted_credentials(alice.client) == NONE
    assert session.accepted_credentials(alice.client) == third.accepted_credentials(alice.client) == ALL


def test_a_session_may_revoke_itself(alice: Actor) -> None:
    session = sign_in(alice)
    body = {"token": session.session_id}
    assert alice.client.post(f"{AUTH}/revoke-session", json=body, headers=session.jwt).json == {"status": True}
    assert session.accepted_credentials(alice.client) == NONE


@pytest.mark.parametrize("token", ["{}", "", "x", "0" * 32, "9" * 500_000, "' OR 1=1 --", "\ud7ff"])
def test_revoke_session_ends_no_session_of_another_user(alice: Actor, bob: Actor, token: str) -> None:
    session, bobs = sign_in(alice), sign_in(bob)
    body = {"token": token.format(bobs.session_id)}
    response = alice.client.post(f"{AUTH}/revoke-session", json=body, headers=session.jwt)
    assert (response.status_code, response.json) == (200, {"status": True})
    assert session.accepted_credentials(alice.client) == bobs.accepted_credentials(bob.client) == ALL


@pytest.mark.parametrize("body", [{}, {"token": None}, {"token": 7}, {"token": "\0"}])
def test_revoke_session_requires_a_token(alice: Actor, body: Any) -> None:
    response = alice.client.post(f"{AUTH}/revoke-session", json=body, headers=sign_in(alice).jwt)
    assert status_and_code(response) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("options", [{}, {"json": {}}])
def test_revoke_sessions_ends_all_sessions(alice: Actor, bob: Actor, options: Any) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    response = alice.client.post(f"{AUTH}/revoke-sessions", headers=session.jwt, **options)
    assert (response.status_code, response.json) == (200, {"status": True})
    assert len(response.headers.getlist("Set-Cookie")) == 3
    assert session.accepted_credentials(alice.client) == other.accepted_credentials(alice.client) == NONE
    assert alice.get("/tasks").status_code == 401
    assert bobs.accepted_credentials(bob.client) == ALL


@pytest.mark.parametrize("options", [{}, {"json": {}}])
def test_revoke_other_sessions_keeps_the_current_one(alice: Actor, bob: Actor, options: Any) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    response = alice.client.post(f"{AUTH}/revoke-other-sessions", headers=session.jwt, **options)
    assert (response.status_code, response.json) == (200, {"status": True})
    assert other.accepted_credentials(alice.client) == NONE
    assert session.accepted_credentials(alice.client) == ALL
    assert alice.get("/tasks").status_code == 401
    assert bobs.accepted_credentials(bob.client) == ALL


# On all workers.


@pytest.fixture(scope="module")
def shared_service(server: str, template: str) -> Iterator[Service]:
    """Yield one gunicorn of two workers for the tests below."""
    with new_database(server, template) as url, running_service(url) as service:
        yield service


CHANGE = {"currentPassword": PASSWORD, "newPassword": NEW}
ENDS_OWN_ONLY = {"sign-out": ("sign-out", None)}
ENDS_OTHERS: dict[str, tuple[str, Any]] = {
    "revoke-session": ("revoke-session", {"token": "{}"}),
    "change-password": ("change-password", CHANGE),
    "revoke-other-sessions": ("revoke-other-sessions", {}),
}
ENDS_ALL: dict[str, tuple[str, Any]] = {
    "revoke-sessions": ("revoke-sessions", {}),
    "change-password with revocation": ("change-password", {**CHANGE, "revokeOtherSessions": True}),
    "delete-user": ("delete-user", {"password": PASSWORD}),
}
ENDS = {**ENDS_OWN_ONLY, **ENDS_OTHERS, **ENDS_ALL}


@pytest.mark.shows("ASVS 7.4.1", "races: sign-out")
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_every_worker_rejects_an_ended_session_at_once(shared_service: Service, end: str, credential: str) -> None:
    url = shared_service.url
    route, body = ENDS[end]
    email = f"{end.replace(' ', '-')}-{credential}@example.com"
    session, other = sign_up_at(url, email), sign_in_at(url, email)
    assert session.accepted_credentials_at(url) == other.accepted_credentials_at(url) == ALL
    if body and "token" in body:
        body = {"token": session.session_id}
    headers = (other if end in ENDS_OTHERS else session).credentials[credential]
    response = requests.post(f"{url}{AUTH}/{route}", json=body, headers=headers, timeout=10)
    assert response.status_code == 200
    # Each request has a connection of its own, so that either worker may get it.
    for _ in range(8):
        assert session.accepted_credentials_at(url) == NONE
    refreshed = requests.post(f"{url}{AUTH}/refresh", data={"refresh_token": session.refresh}, timeout=10)
    assert refreshed.status_code == 401
    assert other.accepted_credentials_at(url) == (NONE if end in ENDS_ALL else ALL)


def test_every_worker_rejects_all_sessions_at_once_after_a_reset(service: Service, fresh_database: str) -> None:
    session = sign_up_at(service.url, "ada@example.com")
    other = sign_in_at(service.url, "ada@example.com")
    assert session.accepted_credentials_at(service.url) == other.accepted_credentials_at(service.url) == ALL
    secret = "c" * 64
    row = "INSERT INTO password_resets (user_id, token_hash, expires_at) VALUES (%s, sha256(%s), now() + '1 hour')"
    execute(fresh_database, row, session.user_id, secret.encode())
    body = {"token": f"{secret}_{session.user_id}", "newPassword": NEW}
    assert requests.post(f"{service.url}{AUTH}/reset-password", json=body, timeout=10).status_code == 200
    for _ in range(8):
        assert session.accepted_credentials_at(service.url) == other.accepted_credentials_at(service.url) == NONE
