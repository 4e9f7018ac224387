"""The auth routes that require a session, one that requires none, and the JWT for other services."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, ORIGIN, bearer, sign_in
from tests.support.problems import status_and_code

AUTH = "/api/auth"
GET_SESSION = f"{AUTH}/get-session"
CREDENTIALS = sorted(ALL)


@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        ("GET", "list-sessions", None),
        ("GET", "token", None),
        ("POST", "revoke-session", {"token": "x"}),
        ("POST", "revoke-sessions", {}),
        ("POST", "revoke-other-sessions", {}),
        ("POST", "change-password", {"currentPassword": PASSWORD, "newPassword": PASSWORD}),
        ("POST", "update-user", {"name": "x"}),
        ("POST", "delete-user", {}),
    ],
)
def test_without_a_session_a_route_that_requires_one_is_401(alice: Actor, method: str, route: str, body: Any) -> None:
    for headers in ({}, bearer("x"), bearer(alice.refresh_token), {"Cookie": f"{COOKIE}=x", "Origin": ORIGIN}):
        response = alice.client.open(f"{AUTH}/{route}", method=method, json=body, headers=headers)
        assert status_and_code(response) == (401, "UNAUTHORIZED")
        assert response.get_json()["message"] == "Unauthorized"
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_each_credential_gets_a_jwt_for_other_services(alice: Actor, credential: str) -> None:
    session = sign_in(alice)
    response = alice.client.get(f"{AUTH}/token", headers=session.credentials[credential])
    token = response.get_json()["token"]
    (key,) = alice.client.get(f"{AUTH}/jwks").get_json()["keys"]
    origin = "http://localhost:8000"
    claims = jwt.decode(token, jwt.PyJWK(key), ["EdDSA"], audience=origin, issuer=origin)
    assert (claims["sub"], claims["email"], claims["exp"] - claims["iat"]) == (alice.id, alice.email, 900)
    # This service does not accept the token, because it cannot be revoked.
    assert alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(token)).status_code == 401
    assert alice.client.get(GET_SESSION, headers=bearer(token)).json is None


def test_the_auth_routes_have_a_check(alice: Actor) -> None:
    response = alice.client.get(f"{AUTH}/ok")
    assert (response.status_code, response.json) == (200, {"ok": True})
