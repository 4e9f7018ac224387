"""Tokens: ours are read, and nothing that merely looks like one (RFC 8725)."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from todo_api.auth.tokens.session_tokens import Claims, ClaimsError, issue, verify

SECRET = "a secret of 32 bytes or more, for HS256"
NOW = datetime.now(UTC)
WHO = Claims("user-1", "a@example.com", "session-1")


def claims(**changes: Any) -> dict[str, Any]:
    seconds = int(NOW.timestamp())
    whole = {
        "sub": "u",
        "email": "e",
        "sid": "s",
        "iat": seconds,
        "exp": seconds + 86_400,
        "jti": "j",
        "type": "access",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def encode(payload: object, header: dict[str, Any] | None = None, secret: str = SECRET, alg: str = "HS256") -> str:
    """Sign anything, as PyJWT would not."""
    parts = [json.dumps({"alg": alg, "typ": "JWT", **(header or {})}).encode(), json.dumps(payload).encode()]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    key = jwt.get_algorithm_by_name(alg).prepare_key(secret)
    signature = jwt.get_algorithm_by_name(alg).sign(signed, key)
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_a_token_says_what_it_was_issued_for() -> None:
    token = issue(WHO, "access", secret=SECRET, now=NOW, ttl=timedelta(minutes=60))
    assert verify(token, "access", secrets=[SECRET]) == WHO
    read = jwt.decode(token, SECRET, ["HS256"])
    assert list(read) == ["sub", "email", "sid", "iat", "exp", "jti", "type"]
    assert read["exp"] - read["iat"] == 3600
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_a_token_that_was_good_expires_all_the_same() -> None:
    token = issue(WHO, "access", secret=SECRET, now=datetime.now(UTC), ttl=timedelta(seconds=1))
    assert verify(token, "access", secrets=[SECRET]) == WHO
    time.sleep(1.1)
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(token, "access", secrets=[SECRET])
    assert verify(token, "access", secrets=[SECRET], expired=True) == WHO


def test_a_token_that_was_good_is_refused_for_another_use_or_secret() -> None:
    token = issue(WHO, "access", secret=SECRET, now=NOW, ttl=timedelta(hours=1))
    assert verify(token, "access", secrets=[SECRET]) == WHO
    with pytest.raises(ClaimsError):
        verify(token, "refresh", secrets=[SECRET])
    with pytest.raises(jwt.InvalidSignatureError):
        verify(token, "access", secrets=["another secret of 32 bytes or more"])
    with pytest.raises(jwt.InvalidTokenError):
        verify(token[:-1], "access", secrets=[SECRET])


def test_every_token_has_an_id_of_its_own() -> None:
    tokens = {issue(WHO, "access", secret=SECRET, now=NOW, ttl=timedelta(1)) for _ in range(10)}
    assert len(tokens) == 10


def test_an_expired_token_is_told_apart() -> None:
    token = issue(WHO, "access", secret=SECRET, now=NOW - timedelta(hours=2), ttl=timedelta(hours=1))
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(token, "access", secrets=[SECRET])


def test_a_refresh_token_knows_its_generation() -> None:
    token = issue(WHO._replace(generation=7), "refresh", secret=SECRET, now=NOW, ttl=timedelta(1))
    assert verify(token, "refresh", secrets=[SECRET]).generation == 7
    with pytest.raises(ClaimsError):
        verify(encode(claims(type="refresh")), "refresh", secrets=[SECRET])


def test_the_previous_secret_still_verifies() -> None:
    token = issue(WHO, "access", secret="the secret of yesterday, 32 bytes", now=NOW, ttl=timedelta(1))
    assert verify(token, "access", secrets=[SECRET, "the secret of yesterday, 32 bytes"]) == WHO
    with pytest.raises(jwt.InvalidSignatureError):
        verify(token, "access", secrets=[SECRET, "the secret of tomorrow, 32 bytes."])


@pytest.mark.parametrize(("issued", "wanted"), [("access", "refresh"), ("refresh", "access")])
def test_a_token_is_for_one_use(issued: Any, wanted: Any) -> None:
    token = issue(WHO, issued, secret=SECRET, now=NOW, ttl=timedelta(1))
    with pytest.raises(ClaimsError):
        verify(token, wanted, secrets=[SECRET])


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
def test_claims_that_are_not_an_access_tokens_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        verify(encode(claims(**changes)), "access", secrets=[SECRET])


GOOD = encode(claims())
HEAD, BODY, SIGNATURE = GOOD.split(".")
NONE_HEAD = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
DEEP = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 3000 + b"]" * 3000 + b"}").rstrip(b"=").decode()


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
        f"{DEEP}.{BODY}.{SIGNATURE}",
        f"{HEAD}.{BODY}.{SIGNATURE}=",
        f"{HEAD}.{BODY}.{SIGNATURE}!",
        f"{HEAD}.{BODY}.!{SIGNATURE}",
        f" {GOOD}",
        f"{GOOD}\n",
        encode(claims(), secret="another secret of more than 32 bytes"),
        encode(claims(), alg="HS384", secret="another secret of more than 48 bytes, since HS384 wants it"),
        encode(claims(), {"alg": "HS384"}),
        encode(claims(), {"alg": "None"}),
        encode(claims(), {"alg": "RS256"}),
        encode(claims(), {"alg": None}),
        encode(claims(), {"crit": ["exp"]}),
        encode(claims(), {"crit": []}),
        encode(claims(), {"b64": False, "crit": ["b64"]}),
        encode([]),
        encode("access"),
        encode(None),
        encode(7),
    ],
)
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        verify(token, "access", secrets=[SECRET])


def test_deeply_nested_claims_are_refused() -> None:
    nested = b'{"sub":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    signed = HEAD.encode() + b"." + base64.urlsafe_b64encode(nested).rstrip(b"=")
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = base64.urlsafe_b64encode(algorithm.sign(signed, algorithm.prepare_key(SECRET))).rstrip(b"=")
    with pytest.raises(jwt.InvalidTokenError):
        verify((signed + b"." + signature).decode(), "access", secrets=[SECRET])


@pytest.mark.parametrize("header", [{"kid": "../../etc/passwd"}, {"jku": "http://127.0.0.1/"}, {"jwk": {"kty": "oct"}}])
def test_headers_that_name_a_key_change_nothing(header: dict[str, Any]) -> None:
    assert verify(encode(claims(), header), "access", secrets=[SECRET]).subject == "u"
    with pytest.raises(jwt.InvalidTokenError):
        verify(encode(claims(), header, secret="x" * 40), "access", secrets=[SECRET])
