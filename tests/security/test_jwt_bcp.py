"""Forged tokens (ASVS V9, RFC 8725, RFC 7515)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.security.forged import (
    ALGORITHMS,
    CLAIMS,
    ENCODINGS,
    ISSUER_TOKENS,
    OTHER_KEYS,
    UNSIGNED,
    decode_claims,
    issuer_claims,
)
from tests.security.target import AUDIENCE, AUTH, COOKIE, ISSUER
from tests.support.credentials import NONE, bearer
from tests.support.external_issuer import ED, issuer_token, jwks_server
from tests.support.processes import ROOT, clean_environ
from tests.support.raw_jwt import encode_jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.forged import Forge
    from tests.security.target import Target, User
    from tests.support.external_issuer import JWKSServer


GENUINE = "the issuer's token for a local user"


@pytest.fixture(scope="module")
def user(target: Target) -> User:
    return target.create_user()


@pytest.fixture(scope="module")
def bait() -> Iterator[JWKSServer]:
    """Yield a server that forged tokens refer to, and assert that it gets no request."""
    with jwks_server() as server:
        yield server
        assert server.requests == []


def accepting_routes(target: Target, victim: User, token: str) -> set[str]:
    """Return the routes that accept a token."""
    routes = set()
    # Bytes, since the client library rejects some texts.
    headers = {"Authorization": b"Bearer " + token.encode("latin-1")}
    for path in (f"/api/{victim.id}/tasks", "/api/me/tasks", "/api/me/export"):
        response = target.request("GET", path, headers=headers)
        assert response.status_code in {200, 401, 403}, response.text
        routes |= {path} if response.status_code == 200 else set()
    created = target.request("POST", f"/api/{victim.id}/tasks", headers=headers, json={"title": "x"})
    assert created.status_code in {201, 401, 403}
    routes |= {"POST"} if created.ok else set()
    for credential in (headers, {"Cookie": f"{COOKIE}=".encode() + token.encode("latin-1")}):
        routes |= {"session"} if target.request("GET", f"{AUTH}/get-session", headers=credential).json() else set()
    routes |= {"refresh"} if target.refresh(token).ok else set()
    return routes


def assert_rejected(target: Target, victim: User, forge: Forge) -> None:
    token = victim.session.access
    assert accepting_routes(target, victim, forge(token, decode_claims(token))) == NONE
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 9.1.1", "ASVS 16.5.3", "RFC 8725 3.3", "API2:2023")
@pytest.mark.parametrize("name", UNSIGNED)
def test_9_1_1_a_token_without_a_valid_signature_is_rejected(target: Target, user: User, name: str) -> None:
    assert_rejected(target, user, UNSIGNED[name])


@pytest.mark.shows("ASVS 9.1.2", "RFC 8725 3.1", "RFC 7515 4.1.11")
@pytest.mark.parametrize("name", ALGORITHMS)
def test_9_1_2_a_token_cannot_choose_its_algorithm(target: Target, user: User, name: str) -> None:
    assert_rejected(target, user, ALGORITHMS[name])


@pytest.mark.shows("ASVS 9.1.3", "RFC 8725 3.10", "RFC 8725 3.12")
@pytest.mark.parametrize("name", OTHER_KEYS)
def test_9_1_3_a_token_cannot_bring_its_key(target: Target, user: User, name: str) -> None:
    assert_rejected(target, user, OTHER_KEYS[name])


@pytest.mark.shows("RFC 7515 2")
@pytest.mark.parametrize("name", ENCODINGS)
def test_a_token_has_one_encoding(target: Target, user: User, name: str) -> None:
    assert_rejected(target, user, ENCODINGS[name])


@pytest.mark.shows("ASVS 9.2.1", "ASVS 9.2.2", "RFC 8725 3.7", "RFC 8725 3.8", "RFC 8725 3.11")
@pytest.mark.parametrize("name", CLAIMS)
def test_9_2_1_invalid_claims_are_rejected(target: Target, user: User, name: str) -> None:
    """The tokens have a valid signature."""
    assert_rejected(target, user, CLAIMS[name])


@pytest.mark.shows("ASVS 9.1.2", "ASVS 9.2.3", "ASVS 6.8.1", "RFC 8725 3.8", "RFC 8725 3.9", "RFC 8725 3.12")
@pytest.mark.parametrize("name", ISSUER_TOKENS)
def test_9_2_3_a_token_of_the_issuer_cannot_act_for_a_local_user(target: Target, user: User, name: str) -> None:
    assert_rejected(target, user, ISSUER_TOKENS[name])


@pytest.mark.shows("ASVS 9.1.2", "ASVS 9.2.1", "ASVS 9.2.3", "RFC 8725 3.8", "RFC 8725 3.9")
@pytest.mark.parametrize("name", sorted(set(ISSUER_TOKENS) - {GENUINE}))
def test_9_2_3_a_token_of_another_issuer_or_audience_is_rejected(target: Target, user: User, name: str) -> None:
    token = user.session.access
    claims = {**decode_claims(token), "sub": f"external-{user.id}"}
    assert accepting_routes(target, user, ISSUER_TOKENS[GENUINE](token, claims)) > NONE
    assert accepting_routes(target, user, ISSUER_TOKENS[name](token, claims)) == NONE


@pytest.mark.shows("ASVS 9.1.3", "API7:2023", "RFC 8725 3.10")
@pytest.mark.parametrize("header", ["jku", "x5u", "jwk", "iss", "kid"])
def test_9_1_3_no_token_makes_the_service_fetch_a_key(
    target: Target, user: User, bait: JWKSServer, header: str
) -> None:
    claims = decode_claims(user.session.access)
    for token in (
        encode_jwt(claims, {header: bait.url}, secret="x" * 40),
        encode_jwt({**claims, "iss": bait.url}, {header: bait.url}, secret="x" * 40),
        issuer_token(
            {**issuer_claims(claims), header: bait.url}, kid="ed", **({} if header == "kid" else {header: bait.url})
        )[:-4]
        + "AAAA",
    ):
        assert accepting_routes(target, user, token) == NONE
    assert bait.requests == []


@pytest.mark.shows("API10:2023")
def test_unknown_key_ids_cause_few_requests_to_the_issuer(target: Target, user: User) -> None:
    """Each of the two workers requests the keys at most once in 30 seconds."""
    before = len(target.issuer.requests)
    for number in range(40):
        token = issuer_token(issuer_claims(decode_claims(user.session.access)), kid=f"unknown-{number}")
        assert target.request("GET", "/api/me/tasks", headers=bearer(token)).status_code == 401
    assert len(target.issuer.requests) - before <= 4


@pytest.mark.shows("ASVS 9.2.2", "RFC 8725 3.11", "RFC 8725 3.12")
def test_9_2_2_a_token_has_one_purpose(target: Target, user: User) -> None:
    assert accepting_routes(target, user, user.session.refresh) == {"refresh"}
    assert target.refresh(user.session.access).status_code == 401
    assert target.refresh(user.session.opaque).status_code == 401
    assert target.refresh(user.session.signed).status_code == 401


@pytest.mark.shows("ASVS 9.2.4", "RFC 8725 3.12")
def test_9_2_4_a_token_for_other_services_is_rejected(target: Target, user: User) -> None:
    token = user.request_auth("GET", "token").json()["token"]
    assert decode_claims(token)["sub"] == user.id
    assert accepting_routes(target, user, token) == NONE


@pytest.mark.shows("ASVS 6.8.1", "API1:2023")
def test_6_8_1_an_external_user_with_the_same_email_is_another_user(target: Target, user: User) -> None:
    claims = {**issuer_claims(decode_claims(user.session.access)), "sub": f"external-{user.id}", "email": user.email}
    headers = bearer(issuer_token(claims))
    assert target.request("GET", "/api/me/tasks", headers=headers).json() == []
    assert target.request("GET", f"/api/{user.id}/tasks", headers=headers).status_code == 403
    assert target.request("GET", f"{AUTH}/get-session", headers=headers).json() is None
    assert user.is_unchanged()


@pytest.mark.shows("RFC 8725 3.5")
@pytest.mark.parametrize("secret", ["", "short", "x" * 31, "your-secret-key-here-generate-with-openssl-rand-hex-32"])
def test_the_service_does_not_start_with_a_weak_secret(target: Target, secret: str) -> None:
    settings = {"DATABASE_URL": target.database, "ENVIRONMENT": "production", "BETTER_AUTH_SECRET": secret}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--check-config"]
    gunicorn = subprocess.run(
        command, cwd=ROOT, env=clean_environ(**settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert gunicorn.returncode != 0
    assert "BETTER_AUTH_SECRET" in gunicorn.stderr
    assert len(secret) < 9 or secret not in gunicorn.stderr


@pytest.mark.shows("ASVS 9.1.2", "ASVS 9.2.3")
def test_the_genuine_tokens_are_accepted(target: Target, user: User) -> None:
    """The other tests depend on it."""
    claims = decode_claims(user.session.access)
    assert accepting_routes(target, target.create_user(), encode_jwt(claims, secret="x" * 40)) == NONE
    resigned = encode_jwt(claims, secret="a secret of the tests, long enough")
    assert target.request("GET", f"/api/{user.id}/tasks", user.id, headers=bearer(resigned)).status_code == 200
    external = issuer_token({**issuer_claims(claims), "sub": "somebody-else", "iss": ISSUER, "aud": AUDIENCE}, ED)
    assert target.request("GET", "/api/me/tasks", headers=bearer(external)).status_code == 200
