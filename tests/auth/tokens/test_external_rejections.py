"""Tokens that are not those of an external issuer's user, and an issuer that does not answer."""

from __future__ import annotations

import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from devtools.processes import free_port
from tests.support.actors import Actor
from tests.support.credentials import bearer
from tests.support.databases import execute
from tests.support.external_issuer import (
    ED,
    ED_OTHER,
    PEM,
    PUBLIC_KEY,
    RSA,
    Clock,
    issuer_token,
    jwk,
    jwks_server,
)
from tests.support.external_users import (
    AUDIENCE,
    ISSUER,
    SECRET,
    ExternalUser,
    accepting,
    list_tasks,
    user_claims,
    user_rows,
)
from tests.support.raw_jwt import base64url, sign_jwt, unsigned_jwt
from todo_api.auth.tokens import external_users
from todo_api.auth.tokens.external_issuer import Issuer

if TYPE_CHECKING:
    from flask import Flask


def signed_with_public_key(secret: bytes) -> str:
    """Sign with HS256 and a secret that PyJWT refuses as one (RFC 8725 section 2.1)."""
    signed = unsigned_jwt({"alg": "HS256", "kid": "ed"}, user_claims("u" * 32))
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        (issuer_token(user_claims("u" * 32, exp=int(time.time()) - 60)), "Token expired"),
        (issuer_token(user_claims("u" * 32, aud=ISSUER)), "Invalid token"),
        (issuer_token(user_claims("u" * 32, aud=...)), "Invalid token"),
        (issuer_token(user_claims("u" * 32, iss="https://evil.example")), "Invalid token"),
        (issuer_token(user_claims("u" * 32, iss=...)), "Invalid token"),
        (issuer_token(user_claims("u" * 32), key=ED_OTHER), "Invalid token"),
        (issuer_token(user_claims("u" * 32), kid="unknown"), "Invalid token"),
        (issuer_token(user_claims("u" * 32), key=RSA, alg="RS256"), "Invalid token"),
        (issuer_token(user_claims("u" * 32), key=None, alg="none"), "Invalid token"),
        (signed_with_public_key(PUBLIC_KEY.public_bytes_raw()), "Invalid token"),
        (signed_with_public_key(PEM), "Invalid token"),
        (signed_with_public_key(json.dumps(jwk(ED, "ed")).encode()), "Invalid token"),
        (signed_with_public_key(SECRET.encode()), "Invalid token"),
    ],
    ids=lambda value: "" if "." in value else value,
)
def test_a_token_that_is_not_the_issuers_is_rejected(accepting_app: Flask, token: str, detail: str) -> None:
    assert list_tasks(accepting_app, token, "u" * 32) == (401, detail)


def test_a_local_token_with_the_issuers_iss_is_rejected(accepting_app: Flask) -> None:
    """The service's secret verifies no token that names the issuer, whether its user is external or local."""
    alice = Actor.sign_up(accepting_app, "Alice")
    alice.create_task()
    payload = jwt.decode(alice.token, options={"verify_signature": False})
    header = {"alg": "HS256", "kid": "ed"}
    assert list_tasks(accepting_app, sign_jwt(header, payload, SECRET, "HS256"), alice.id)[0] == 200
    for claims in ({"iss": ISSUER}, {"iss": ISSUER, "aud": AUDIENCE}):
        token = sign_jwt(header, {**payload, **claims}, SECRET, "HS256")
        assert list_tasks(accepting_app, token, alice.id) == (401, "Invalid token")


def test_an_identity_token_of_this_service_is_rejected(accepting_app: Flask) -> None:
    alice = Actor.sign_up(accepting_app, "Alice")
    identity = alice.client.get("/api/auth/token", headers=bearer(alice.token)).get_json()["token"]
    assert list_tasks(accepting_app, identity, alice.id) == (401, "Invalid token")


@pytest.mark.parametrize(
    "sub",
    ["", "a\0b", "a/b", "x" * 256, "x" * 300, "\ud800", "é", "a b", "\n", "a\n", 7, None, ["x"], {"x": 1}, ...],
    ids=lambda sub: ascii(sub)[:12],
)
def test_a_token_with_an_unusable_subject_is_rejected(accepting_app: Flask, database: str, sub: object) -> None:
    (before,) = execute(database, "SELECT count(*) FROM users")
    for user_id in ("x", "x" * 300, "a/b", "7"):
        headers = bearer(issuer_token(user_claims(sub)))
        response = accepting_app.test_client(use_cookies=False).get(f"/api/{user_id}/tasks", headers=headers)
        assert response.status_code == (404 if "/" in user_id else 401)
    assert execute(database, "SELECT count(*) FROM users") == [before]


# The auth routes, which require a session.


def test_an_external_token_is_no_credential_on_the_auth_routes(accepting_app: Flask, database: str) -> None:
    eve = ExternalUser(accepting_app)
    eve.create_task("Eve's")
    client = accepting_app.test_client(use_cookies=False)
    headers = bearer(issuer_token(user_claims(eve.id)))
    response = client.get("/api/auth/get-session", headers=headers)
    assert (response.status_code, response.get_json()) == (200, None)
    for method, path in [
        ("GET", "list-sessions"),
        ("GET", "token"),
        ("POST", "revoke-sessions"),
        ("POST", "delete-user"),
        ("POST", "update-user"),
    ]:
        options: dict[str, Any] = {"json": {}} if method == "POST" else {}
        response = client.open(f"/api/auth/{path}", method=method, headers=headers, **options)
        assert (path, response.status_code) == (path, 401)
    refresh = {"refresh_token": issuer_token(user_claims(eve.id))}
    assert client.post("/api/auth/refresh", json=refresh).status_code == 401
    assert client.post("/api/auth/sign-out", headers=headers).status_code == 200
    assert eve.titles() == ["Eve's"]
    assert len(user_rows(database, eve.id)) == 1


def test_without_a_configured_issuer_its_tokens_are_rejected(app: Flask) -> None:
    assert list_tasks(app, issuer_token(user_claims("u" * 32)), "u" * 32) == (401, "Invalid token")


# An issuer that is down.


@pytest.mark.shows("ASVS 16.5.2", "ASVS 16.5.3")
def test_without_keys_of_the_issuer_its_tokens_get_503(database: str) -> None:
    app = accepting(database, f"http://127.0.0.1:{free_port()}/jwks")
    eve = ExternalUser(app)
    for _ in range(2):
        response = eve.request("GET", "/tasks")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert response.get_json()["code"] == "SERVICE_UNAVAILABLE"
    alice = Actor.sign_up(app, "Alice")
    alice.create_task()
    assert user_rows(database, eve.id) == []


def test_known_keys_verify_tokens_while_the_issuer_is_down(database: str) -> None:
    clock = Clock()
    with jwks_server() as server:
        server.publish(jwk(ED, "ed"))
        app = accepting(database, server.url)
        app.extensions[external_users.KEY] = Issuer(ISSUER, AUDIENCE, server.url, clock=clock)
        eve = ExternalUser(app)
        eve.create_task("before")
    clock.now += 100_000
    eve.create_task("after")
    assert eve.titles() == ["before", "after"]
    assert list_tasks(app, issuer_token(user_claims(eve.id), kid="new"), eve.id) == (401, "Invalid token")
