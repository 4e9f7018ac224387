"""Identity tokens, verified as another service does with PyJWT and the JWK Set, and rotation of the secret."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from devtools.processes import free_port
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import bearer, sign_in
from tests.support.databases import CONFIG, application
from tests.support.processes import running_service
from todo_api.auth.sessions import cookies
from todo_api.auth.tokens.signing_keys import derive_key, public_jwk

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.processes import Service

OLD = CONFIG.better_auth_secret
NEW = "another secret of the tests, long enough"


def verified(url: str, token: str, origin: str) -> dict[str, Any]:
    """Return the token's claims, verified as a service that trusts this one does."""
    key = jwt.PyJWKClient(f"{url}/api/auth/jwks").get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(token, key, ["EdDSA"], audience=origin, issuer=origin)
    return claims


def signed_up(service: Service) -> tuple[dict[str, Any], dict[str, str]]:
    """Sign up, and return the user and the headers of its access token."""
    account = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada", "image": "/ada.png"}
    response = requests.post(f"{service.url}/api/auth/sign-up/email", json=account, timeout=10)
    assert response.status_code == 200, response.text
    body = response.json()
    return body["user"], bearer(body["token"])


def identity_token(service: Service, headers: dict[str, str]) -> str:
    response = requests.get(f"{service.url}/api/auth/token", headers=headers, timeout=10)
    assert (response.status_code, list(response.json())) == (200, ["token"])
    token: str = response.json()["token"]
    return token


def test_another_service_verifies_the_identity_of_a_user(service: Service) -> None:
    user, headers = signed_up(service)
    claims = verified(service.url, identity_token(service, headers), service.url)
    issued_at = claims["iat"]
    assert abs(issued_at - time.time()) < 30
    assert claims == {
        **user,
        "iat": issued_at,
        "exp": issued_at + 900,
        "sub": user["id"],
        "iss": service.url,
        "aud": service.url,
    }


def test_the_issuer_is_the_origin_of_the_public_url(fresh_database: str) -> None:
    with running_service(fresh_database, BETTER_AUTH_URL="https://todo.example/some/path") as service:
        _, headers = signed_up(service)
        for _ in range(10):  # either worker may sign, and either may publish the keys
            claims = verified(service.url, identity_token(service, headers), "https://todo.example")
        assert (claims["iss"], claims["aud"]) == ("https://todo.example", "https://todo.example")


def test_all_workers_have_the_same_key(service: Service) -> None:
    """New connections reach either of the two workers."""
    sets = [requests.get(f"{service.url}/api/auth/jwks", timeout=10).json() for _ in range(20)]
    assert sets == [{"keys": [public_jwk(derive_key(OLD))]}] * 20


@pytest.mark.parametrize("header", [None, "Bearer x", "Basic YTpi"])
def test_without_a_session_there_is_no_identity_token(app: Flask, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    response = app.test_client().get("/api/auth/token", headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (401, "UNAUTHORIZED")


def test_after_sign_out_there_is_no_identity_token(alice: Actor) -> None:
    assert alice.sign_out().status_code == 200
    assert alice.client.get("/api/auth/token", headers=bearer(alice.token)).status_code == 401


# Rotation of the secret.


@pytest.mark.shows("Better Auth secrets")
def test_rotation_of_the_secret_signs_nobody_out(fresh_database: str) -> None:
    """The steps: the old secret; the new one with the old one as previous; the new one alone."""
    port = free_port()
    with running_service(fresh_database, port) as service:
        user, headers = signed_up(service)
        old_token = identity_token(service, headers)
    with running_service(fresh_database, port, BETTER_AUTH_SECRET=NEW, BETTER_AUTH_SECRET_PREVIOUS=OLD) as service:
        kids = [key["kid"] for key in requests.get(f"{service.url}/api/auth/jwks", timeout=10).json()["keys"]]
        assert kids == [derive_key(NEW).kid, derive_key(OLD).kid]
        assert verified(service.url, old_token, service.url)["sub"] == user["id"]
        new_token = identity_token(service, headers)
        assert jwt.get_unverified_header(new_token)["kid"] == derive_key(NEW).kid
        assert verified(service.url, new_token, service.url)["sub"] == user["id"]
    with running_service(fresh_database, port, BETTER_AUTH_SECRET=NEW) as service:
        with pytest.raises(jwt.PyJWKClientError):
            verified(service.url, old_token, service.url)
        assert verified(service.url, new_token, service.url)["sub"] == user["id"]


def is_valid(app: Flask, credential: dict[str, str]) -> tuple[bool, bool]:
    """Return whether a credential gets a session, and whether it gets an identity token."""
    client = app.test_client(use_cookies=False)
    session = client.get("/api/auth/get-session", headers=credential)
    assert session.status_code == 200
    token = client.get("/api/auth/token", headers=credential)
    assert token.status_code in {200, 401}
    return session.get_json() is not None, token.status_code == 200


@pytest.mark.parametrize("kind", ["access JWT", "signed opaque token", "the same, URL-encoded", "cookie"])
def test_credentials_of_the_previous_secret_are_valid_while_it_is_set(database: str, kind: str) -> None:
    before = application(database)
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    after = application(database, better_auth_secret=NEW)
    alice = Actor.sign_up(before, "Alice")
    signed = sign_in(alice).signed
    credential = {
        "access JWT": bearer(alice.token),
        "signed opaque token": bearer(signed),
        "the same, URL-encoded": bearer(cookies.encode(signed)),
        "cookie": {"Cookie": f"{cookies.SESSION}={cookies.encode(signed)}"},
    }[kind]
    assert is_valid(before, credential) == (True, True)
    assert is_valid(during, credential) == (True, True)
    assert is_valid(after, credential) == (False, False)
    if kind != "cookie":
        path = f"/api/{alice.id}/tasks"
        statuses = [app.test_client().get(path, headers=credential).status_code for app in (before, during, after)]
        assert statuses == [200, 200, 401]


def test_a_refresh_token_of_the_previous_secret_gets_tokens_of_the_new_one(database: str) -> None:
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    after = application(database, better_auth_secret=NEW)
    alice = Actor.sign_up(application(database), "Alice")
    body = {"refresh_token": alice.refresh_token}
    assert after.test_client().post("/api/auth/refresh", json=body).status_code == 401
    refreshed = during.test_client().post("/api/auth/refresh", json=body)
    assert refreshed.status_code == 200
    assert is_valid(after, bearer(refreshed.get_json()["token"])) == (True, True)


@pytest.mark.shows("Better Auth secrets")
def test_the_old_secret_does_not_verify_credentials_of_the_new_one(database: str) -> None:
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    alice = Actor.sign_up(during, "Alice")
    assert is_valid(during, bearer(alice.token)) == (True, True)
    assert is_valid(application(database), bearer(alice.token)) == (False, False)


def test_a_signed_token_without_a_session_is_not_valid(app: Flask, alice: Actor) -> None:
    """The signature shows that a token is unchanged. The database shows that its session is live."""
    opaque, _, signature = sign_in(alice).signed.rpartition(".")
    for token in (
        f"{opaque}.{signature[::-1]}",
        cookies.sign(f"{opaque[:-64]}{'0' * 64}", OLD),
        cookies.sign(f"{alice.id}_{'0' * 32}_{'0' * 64}", OLD),
        cookies.sign("", OLD),
        cookies.sign("x", OLD),
    ):
        assert is_valid(app, bearer(token)) == (False, False)
        assert alice.client.get(f"/api/{alice.id}/tasks", headers=bearer(token)).status_code == 401


def test_during_rotation_both_keys_are_published(database: str) -> None:
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    response = during.test_client().get("/api/auth/jwks")
    assert response.get_json() == {"keys": [public_jwk(derive_key(NEW)), public_jwk(derive_key(OLD))]}
