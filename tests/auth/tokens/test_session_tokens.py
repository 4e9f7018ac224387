"""Access and refresh tokens: which are accepted, and which are rejected (RFC 8725)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from tests.support.raw_jwt import base64url, encode_jwt, sign_jwt
from todo_api.auth.tokens.session_tokens import Claims, ClaimsError, issue, verify

SECRET = "a secret of 32 bytes or more, for HS256"
NOW = datetime.now(UTC)
CLAIMS = Claims("user-1", "a@example.com", "session-1")


def access_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of an access token. `...` leaves a claim out."""
    seconds = int(NOW.timestamp())
    claims = {
        "sub": "u",
        "email": "e",
        "sid": "s",
        "iat": seconds,
        "exp": seconds + 86_400,
        "jti": "j",
        "type": "access",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def encode(payload: object, header: dict[str, Any] | None = None, secret: str = SECRET, alg: str = "HS256") -> str:
    return encode_jwt(payload, header, secret=secret, alg=alg)


def test_an_issued_token_has_its_claims() -> None:
    token = issue(CLAIMS, "access", secret=SECRET, now=NOW, ttl=timedelta(minutes=60))
    assert verify(token, "access", secrets=[SECRET]) == CLAIMS
    payload = jwt.decode(token, SECRET, ["HS256"])
    assert list(payload) == ["sub", "email", "sid", "iat", "exp", "jti", "type"]
    assert payload["exp"] - payload["iat"] == 3600
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_a_cached_token_expires() -> None:
    token = issue(CLAIMS, "access", secret=SECRET, now=datetime.now(UTC), ttl=timedelta(seconds=1))
    assert verify(token, "access", secrets=[SECRET]) == CLAIMS
    time.sleep(1.1)
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(token, "access", secrets=[SECRET])
    assert verify(token, "access", secrets=[SECRET], allow_expired=True) == CLAIMS


def test_a_cached_token_is_rejected_for_another_use_or_secret() -> None:
    token = issue(CLAIMS, "access", secret=SECRET, now=NOW, ttl=timedelta(hours=1))
    assert verify(token, "access", secrets=[SECRET]) == CLAIMS
    with pytest.raises(ClaimsError):
        verify(token, "refresh", secrets=[SECRET])
    with pytest.raises(jwt.InvalidSignatureError):
        verify(token, "access", secrets=["another secret of 32 bytes or more"])
    with pytest.raises(jwt.InvalidTokenError):
        verify(token[:-1], "access", secrets=[SECRET])


def test_each_token_has_a_unique_id() -> None:
    tokens = {issue(CLAIMS, "access", secret=SECRET, now=NOW, ttl=timedelta(1)) for _ in range(10)}
    assert len(tokens) == 10


def test_an_expired_token_has_an_error_of_its_own() -> None:
    token = issue(CLAIMS, "access", secret=SECRET, now=NOW - timedelta(hours=2), ttl=timedelta(hours=1))
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(token, "access", secrets=[SECRET])


def test_a_refresh_token_has_a_generation() -> None:
    token = issue(CLAIMS._replace(generation=7), "refresh", secret=SECRET, now=NOW, ttl=timedelta(1))
    assert verify(token, "refresh", secrets=[SECRET]).generation == 7
    with pytest.raises(ClaimsError):
        verify(encode(access_claims(type="refresh")), "refresh", secrets=[SECRET])


def test_the_previous_secret_verifies() -> None:
    token = issue(CLAIMS, "access", secret="the secret of yesterday, 32 bytes", now=NOW, ttl=timedelta(1))
    assert verify(token, "access", secrets=[SECRET, "the secret of yesterday, 32 bytes"]) == CLAIMS
    with pytest.raises(jwt.InvalidSignatureError):
        verify(token, "access", secrets=[SECRET, "the secret of tomorrow, 32 bytes."])


@pytest.mark.parametrize(("issued", "expected"), [("access", "refresh"), ("refresh", "access")])
def test_a_token_is_rejected_for_another_use(issued: Any, expected: Any) -> None:
    token = issue(CLAIMS, issued, secret=SECRET, now=NOW, ttl=timedelta(1))
    with pytest.raises(ClaimsError):
        verify(token, expected, secrets=[SECRET])


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": ...},
        {"sid": ...},
        {"sid": 1},
        {"email": ...},
        {"iat": ...},
        {"exp": ...},
        {"jti": ...},
        {"type": ...},
        {"sub": 7},
        {"sub": None},
        {"sub": ["u"]},
        {"sub": ""},
        {"sub": "u\0"},
        {"sub": "\ud800"},
        {"sid": "s\0"},
        {"sid": "\ud800"},
        {"exp": "tomorrow"},
        {"exp": None},
        {"exp": 1e400},
        {"exp": 4102444800.5},
        {"exp": True},
        {"iat": "now"},
        {"iat": None},
        {"iat": 4102444800},
        {"nbf": 4102444800},
        {"jti": 1},
        {"type": 1},
        {"type": "Access"},
        {"email": None},
    ],
    ids=str,
)
def test_a_token_with_invalid_claims_is_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        verify(encode(access_claims(**changes)), "access", secrets=[SECRET])


GOOD = encode(access_claims())
HEAD, BODY, SIGNATURE = GOOD.split(".")
NONE_HEAD = base64url(b'{"alg":"none","typ":"JWT"}')
DEEP_HEAD = base64url(b'{"alg":' + b"[" * 3000 + b"]" * 3000 + b"}")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "..",
        f"{HEAD}.{BODY}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}.{BODY}.{SIGNATURE}.",
        f"{NONE_HEAD}.{BODY}.",
        f"{NONE_HEAD}.{BODY}.{SIGNATURE}",
        f"{DEEP_HEAD}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}.{SIGNATURE}=",
        f"{HEAD}.{BODY}.{SIGNATURE}!",
        f"{HEAD}.{BODY}.!{SIGNATURE}",
        f" {GOOD}",
        f"{GOOD}\n",
        encode(access_claims(), secret="another secret of more than 32 bytes"),
        encode(access_claims(), alg="HS384", secret="another secret of more than 48 bytes, since HS384 requires it"),
        encode(access_claims(), {"alg": "HS384"}),
        encode(access_claims(), {"alg": "None"}),
        encode(access_claims(), {"alg": "RS256"}),
        encode(access_claims(), {"alg": None}),
        encode(access_claims(), {"crit": ["exp"]}),
        encode(access_claims(), {"crit": []}),
        encode(access_claims(), {"b64": False, "crit": ["b64"]}),
        encode([]),
        encode("access"),
        encode(None),
        encode(7),
    ],
)
def test_a_malformed_or_forged_token_is_rejected(token: str) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        verify(token, "access", secrets=[SECRET])


def test_deeply_nested_claims_are_rejected() -> None:
    nested = b'{"sub":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    token = sign_jwt({"alg": "HS256", "typ": "JWT"}, nested, SECRET, "HS256")
    with pytest.raises(jwt.InvalidTokenError):
        verify(token, "access", secrets=[SECRET])


@pytest.mark.parametrize("header", [{"kid": "../../etc/passwd"}, {"jku": "http://127.0.0.1/"}, {"jwk": {"kty": "oct"}}])
def test_key_locations_in_a_token_are_ignored(header: dict[str, Any]) -> None:
    assert verify(encode(access_claims(), header), "access", secrets=[SECRET]).subject == "u"
    with pytest.raises(jwt.InvalidTokenError):
        verify(encode(access_claims(), header, secret="x" * 40), "access", secrets=[SECRET])
