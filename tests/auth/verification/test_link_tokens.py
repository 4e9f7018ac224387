"""The tokens of mailed links."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import jwt
import pytest

from todo_api.auth.tokens import session_tokens
from todo_api.auth.verification.link_tokens import LinkClaims, derive_key, issue, verify
from todo_api.clock import now

if TYPE_CHECKING:
    from todo_api.auth.verification.link_tokens import Kind

SECRET, OTHER = "a secret of the tests, long enough", "another secret of the tests, long enough"
HOUR = timedelta(hours=1)
CHANGE = LinkClaims("user", 3, "ada@example.org", "session")
KINDS: list[Kind] = ["verify-email", "confirm-email-change", "change-email", "delete-user"]


def token(kind: Kind = "change-email", secret: str = SECRET, age: timedelta = timedelta()) -> str:
    return issue(CHANGE, kind, secret=secret, now=now() - age, ttl=HOUR)


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_verifies_as_its_kind_only(kind: Kind) -> None:
    assert verify(token(kind), KINDS, secrets=[SECRET]) == (kind, CHANGE)
    with pytest.raises(jwt.InvalidTokenError):
        verify(token(kind), [other for other in KINDS if other != kind], secrets=[SECRET])


def test_the_kid_cannot_change_the_kind() -> None:
    header, payload, signature = token("verify-email").split(".")
    forged_header = {**json.loads(base64.urlsafe_b64decode(header + "==")), "kid": "change-email"}
    forged = base64.urlsafe_b64encode(json.dumps(forged_header).encode()).rstrip(b"=").decode()
    with pytest.raises(jwt.InvalidSignatureError):
        verify(f"{forged}.{payload}.{signature}", KINDS, secrets=[SECRET])


def test_each_kind_has_a_key_of_its_own() -> None:
    keys = {derive_key(secret, kind) for secret in (SECRET, OTHER) for kind in KINDS}
    assert len(keys) == 8
    assert SECRET.encode() not in keys


def test_the_previous_secret_is_accepted() -> None:
    assert verify(token(), KINDS, secrets=[OTHER, SECRET]) == ("change-email", CHANGE)
    with pytest.raises(jwt.InvalidSignatureError):
        verify(token(), KINDS, secrets=[OTHER])


def test_a_token_expires() -> None:
    assert verify(token(age=timedelta(minutes=59)), KINDS, secrets=[SECRET])[1] == CHANGE
    for secrets in ([SECRET], [OTHER, SECRET]):
        with pytest.raises(jwt.ExpiredSignatureError):
            verify(token(age=HOUR), KINDS, secrets=secrets)


@pytest.mark.shows("RFC 8725 3.12")
def test_other_tokens_of_the_service_are_no_links() -> None:
    claims = session_tokens.Claims("user", "ada@example.com", "session")
    access = session_tokens.issue(claims, "access", secret=SECRET, now=now(), ttl=HOUR)
    plain_key = jwt.encode({"sub": "user", "gen": 3, "exp": 2**40}, SECRET, headers={"kid": "verify-email"})
    unsigned = jwt.encode({"sub": "user", "gen": 3}, "", "none", headers={"kid": "verify-email"})
    for foreign in (access, plain_key, unsigned):
        with pytest.raises(jwt.InvalidTokenError):
            verify(foreign, KINDS, secrets=[SECRET])


@pytest.mark.parametrize(
    "text", ["", "x", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "\0", "e30.e30.", f"{'A' * 100_000}.A.A"]
)
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        verify(text, KINDS, secrets=[SECRET])


def test_a_token_has_one_spelling() -> None:
    for spelling in (f"{token()}=", f" {token()}", f"{token()}\n", token().replace(".", "!.", 1)):
        with pytest.raises(jwt.InvalidTokenError):
            verify(spelling, KINDS, secrets=[SECRET])
