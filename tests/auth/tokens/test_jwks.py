"""JWK Sets: which keys are usable, and how a set is fetched (RFC 7517)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.external_issuer import EC, EC_384, ED, RSA, RSA_SHORT, issuer_token, jwk, jwks_server, rejects
from tests.support.processes import ROOT, clean_environ
from tests.support.raw_jwt import base64url
from todo_api.auth.tokens.external_issuer import IssuerUnavailable

if TYPE_CHECKING:
    from tests.support.external_issuer import JWKSServer
    from todo_api.auth.tokens.external_issuer import Issuer


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "ES256"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": None},
        {"alg": []},
        {"use": "enc"},
        {"d": base64url(ED.private_bytes_raw())},
        {"kty": "RSA"},
        {"kty": "LMS"},
        {"kty": ...},
        {"crv": "X25519"},
        {"crv": "Ed448"},
        {"crv": ...},
        {"x": ...},
        {"x": ""},
        {"x": 7},
        {"x": "AAAA"},
        {"kid": 7},
        {"kid": ["ed"]},
        {"kid": None},
    ],
    ids="+".join,
)
def test_an_unusable_key_is_ignored(issuer: Issuer, jwks: JWKSServer, changes: dict[str, Any]) -> None:
    changed = {name: value for name, value in {**jwk(ED, "ed"), **changes}.items() if value is not ...}
    jwks.publish(None, 7, [], "key", {}, changed, jwk(EC, "ec"))
    assert rejects(issuer, issuer_token())
    assert issuer.verify(issuer_token(key=EC, alg="ES256", kid="ec"))


@pytest.mark.parametrize(
    ("key", "alg", "changes"),
    [
        (RSA_SHORT, "RS256", {}),
        (RSA, "RS256", {"n": base64url(b"\xff" * 40_000)}),
        (RSA, "RS256", {"n": base64url(b"\xff" * 2_100)}),
        (RSA, "RS256", {"n": 7}),
        (RSA, "RS256", {"e": "AA"}),
        (RSA, "RS256", {"e": "Ag"}),
        (EC_384, "ES256", {}),
        (EC, "ES256", {"y": base64url(bytes(32))}),
        (EC, "ES256", {"crv": ["P-256"]}),
    ],
)
def test_a_short_or_malformed_key_is_ignored(
    issuer: Issuer, jwks: JWKSServer, key: Any, alg: str, changes: dict[str, Any]
) -> None:
    jwks.publish(jwk(key, "k", **changes))
    signer = EC if key is EC_384 else key  # PyJWT does not sign ES256 with P-384
    assert rejects(issuer, issuer_token(key=signer, alg=alg, kid="k"))


@pytest.mark.shows("API7:2023", "API10:2023")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(issuer: Issuer, jwks: JWKSServer, status: int) -> None:
    with jwks_server() as other:
        other.publish(jwk(ED, "ed"))
        jwks.status, jwks.headers = status, {"Location": other.url}
        with pytest.raises(IssuerUnavailable):
            issuer.verify(issuer_token())
        assert other.requests == []


def test_a_proxy_in_the_environment_is_ignored(jwks: JWKSServer) -> None:
    """The fetch runs in a process of its own, since urllib reads the environment once."""
    script = (
        "import sys; from todo_api.auth.tokens.jwks import fetch_jwk_set;"
        "sys.stdout.buffer.write(fetch_jwk_set(sys.argv[1], 3))"
    )
    with jwks_server() as proxy:
        command = [sys.executable, "-c", script, jwks.url]
        output = subprocess.check_output(command, cwd=ROOT, env=clean_environ(http_proxy=proxy.url))
        assert (output, len(proxy.requests), len(jwks.requests)) == (jwks.body, 0, 1)
