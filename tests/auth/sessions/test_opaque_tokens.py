"""The opaque token of a session: its forms, what it opens, and malformed tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.credentials import ALL, COOKIE, ORIGIN, bearer, sign_in, signed
from tests.support.databases import execute

if TYPE_CHECKING:
    from tests.support.actors import Actor

GET_SESSION = "/api/auth/get-session"


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
