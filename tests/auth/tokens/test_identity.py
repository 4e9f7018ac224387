"""The tokens by which other services know our users, verified as such a service would: with PyJWT and our JWKS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from devtools.embedded_postgres import free_port
from tests.support.actors import PASSWORD, Actor
from tests.support.databases import CONFIG, application
from tests.support.processes import serving
from todo_api.auth.sessions import cookies
from todo_api.auth.tokens.signing_keys import derive_key, public_jwk

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.processes import Service

OLD = CONFIG.better_auth_secret
NEW = "another secret of the tests, long enough"


def verified(url: str, token: str, origin: str) -> dict[str, Any]:
    """Return the token's claims, as a service that trusts ours reads them."""
    key = jwt.PyJWKClient(f"{url}/api/auth/jwks").get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(token, key, ["EdDSA"], audience=origin, issuer=origin)
    return claims


def signed_up(service: Service) -> tuple[dict[str, Any], dict[str, str]]:
    account = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada", "image": "/ada.png"}
    response = requests.post(f"{service.url}/api/auth/sign-up/email", json=account, timeout=10)
    assert response.status_code == 200, response.text
    body = response.json()
    return body["user"], {"Authorization": f"Bearer {body['token']}"}


def identity(service: Service, headers: dict[str, str]) -> str:
    response = requests.get(f"{service.url}/api/auth/token", headers=headers, timeout=10)
    assert (response.status_code, list(response.json())) == (200, ["token"])
    token: str = response.json()["token"]
    return token


def test_another_service_verifies_who_somebody_is(service: Service) -> None:
    user, headers = signed_up(service)
    claims = verified(service.url, identity(service, headers), service.url)
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


def test_the_issuer_is_the_origin_of_the_public_address(fresh_database: str) -> None:
    with serving(fresh_database, BETTER_AUTH_URL="https://todo.example/some/path") as service:
        _, headers = signed_up(service)
        for _ in range(10):  # whichever worker signs, and whichever publishes
            claims = verified(service.url, identity(service, headers), "https://todo.example")
        assert (claims["iss"], claims["aud"]) == ("https://todo.example", "https://todo.example")


def test_all_workers_have_the_same_key(service: Service) -> None:
    """Two of them; new connections reach either."""
    sets = [requests.get(f"{service.url}/api/auth/jwks", timeout=10).json() for _ in range(20)]
    assert sets == [{"keys": [public_jwk(derive_key(OLD))]}] * 20


@pytest.mark.parametrize("header", [None, "Bearer x", "Basic YTpi"])
def test_nobody_has_no_token(app: Flask, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    response = app.test_client().get("/api/auth/token", headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (401, "UNAUTHORIZED")


def test_the_token_of_somebody_who_is_gone_is_not_made(app: Flask) -> None:
    alice = Actor.sign_up(app, "Alice")
    headers = {"Authorization": f"Bearer {alice.token}"}
    assert alice.sign_out().status_code == 200
    assert alice.client.get("/api/auth/token", headers=headers).status_code == 401


# The secret is changed.


@pytest.mark.shows("Better Auth secrets")
def test_a_secret_is_changed_without_signing_anybody_out(fresh_database: str) -> None:
    """In three steps: the old secret; the new one with the old one beside it; the new one alone."""
    port = free_port()
    with serving(fresh_database, port) as service:
        user, headers = signed_up(service)
        token = identity(service, headers)
    with serving(fresh_database, port, BETTER_AUTH_SECRET=NEW, BETTER_AUTH_SECRET_PREVIOUS=OLD) as service:
        kids = [key["kid"] for key in requests.get(f"{service.url}/api/auth/jwks", timeout=10).json()["keys"]]
        assert kids == [derive_key(NEW).kid, derive_key(OLD).kid]
        assert verified(service.url, token, service.url)["sub"] == user["id"]
        renewed = identity(service, headers)
        assert jwt.get_unverified_header(renewed)["kid"] == derive_key(NEW).kid
        assert verified(service.url, renewed, service.url)["sub"] == user["id"]
    with serving(fresh_database, port, BETTER_AUTH_SECRET=NEW) as service:
        with pytest.raises(jwt.PyJWKClientError):
            verified(service.url, token, service.url)
        assert verified(service.url, renewed, service.url)["sub"] == user["id"]


def presented(app: Flask, credential: dict[str, str]) -> tuple[bool, bool]:
    """Tell whether a credential shows a session, and whether it gets an identity token."""
    client = app.test_client(use_cookies=False)
    session = client.get("/api/auth/get-session", headers=credential)
    assert session.status_code == 200
    token = client.get("/api/auth/token", headers=credential)
    assert token.status_code in {200, 401}
    return session.get_json() is not None, token.status_code == 200


@pytest.mark.parametrize("kind", ["access JWT", "signed opaque token", "the same, URL-encoded", "cookie"])
def test_what_the_previous_secret_signed_is_accepted_while_it_is_set(database: str, kind: str) -> None:
    before = application(database)
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    after = application(database, better_auth_secret=NEW)
    alice = Actor.sign_up(before, "Alice")
    answer = alice.client.post("/api/auth/sign-in/email", json={"email": alice.email, "password": PASSWORD})
    signed = answer.headers["set-auth-token"]
    credential = {
        "access JWT": {"Authorization": f"Bearer {alice.token}"},
        "signed opaque token": {"Authorization": f"Bearer {signed}"},
        "the same, URL-encoded": {"Authorization": f"Bearer {cookies.encode(signed)}"},
        "cookie": {"Cookie": f"{cookies.SESSION}={cookies.encode(signed)}"},
    }[kind]
    assert presented(before, credential) == (True, True)
    assert presented(during, credential) == (True, True)
    assert presented(after, credential) == (False, False)
    tasks = f"/api/{alice.id}/tasks"
    if kind != "cookie":
        statuses = [app.test_client().get(tasks, headers=credential).status_code for app in (before, during, after)]
        assert statuses == [200, 200, 401]


def test_a_refresh_token_of_the_previous_secret_buys_tokens_of_the_new_one(database: str) -> None:
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    after = application(database, better_auth_secret=NEW)
    alice = Actor.sign_up(application(database), "Alice")
    body = {"refresh_token": alice.refresh_token}
    assert after.test_client().post("/api/auth/refresh", json=body).status_code == 401
    renewed = during.test_client().post("/api/auth/refresh", json=body)
    assert renewed.status_code == 200
    assert presented(after, {"Authorization": f"Bearer {renewed.get_json()['token']}"}) == (True, True)


@pytest.mark.shows("Better Auth secrets")
def test_what_the_new_secret_signs_is_not_the_old_ones(database: str) -> None:
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    alice = Actor.sign_up(during, "Alice")
    credential = {"Authorization": f"Bearer {alice.token}"}
    assert presented(during, credential) == (True, True)
    assert presented(application(database), credential) == (False, False)


def test_a_signature_alone_opens_nothing(app: Flask) -> None:
    """The secret signs that a token is whole; that its session lives is asked of the database."""
    alice = Actor.sign_up(app, "Alice")
    answer = alice.client.post("/api/auth/sign-in/email", json={"email": alice.email, "password": PASSWORD})
    opaque, _, signature = answer.headers["set-auth-token"].rpartition(".")
    for token in (
        f"{opaque}.{signature[::-1]}",
        cookies.sign(f"{opaque[:-64]}{'0' * 64}", OLD),
        cookies.sign(f"{alice.id}_{'0' * 32}_{'0' * 64}", OLD),
        cookies.sign("", OLD),
        cookies.sign("x", OLD),
    ):
        credential = {"Authorization": f"Bearer {token}"}
        assert presented(app, credential) == (False, False)
        assert alice.client.get(f"/api/{alice.id}/tasks", headers=credential).status_code == 401


def test_while_secrets_are_changed_both_keys_are_published(database: str) -> None:
    during = application(database, better_auth_secret=NEW, better_auth_secret_previous=OLD)
    answer = during.test_client().get("/api/auth/jwks")
    assert answer.get_json() == {"keys": [public_jwk(derive_key(NEW)), public_jwk(derive_key(OLD))]}
