"""The tokens of an external issuer: which are accepted, and which are rejected (RFC 7519, RFC 8725)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.external_issuer import (
    ALGORITHMS,
    EC,
    EC_384,
    ED,
    ED_448,
    ED_OTHER,
    ORIGIN,
    PEM,
    PUBLIC_KEY,
    RSA,
    issuer_claims,
    issuer_token,
    jwk,
    jwks_server,
    rejects,
)
from tests.support.raw_jwt import base64url, sign_jwt, unsigned_jwt
from todo_api.auth.tokens.external_issuer import Issuer, issuer_of

if TYPE_CHECKING:
    from tests.support.external_issuer import Clock, JWKSServer

# Accepted tokens.


def test_a_token_of_better_auth_is_accepted(issuer: Issuer, jwks: JWKSServer) -> None:
    claims = issuer_claims()
    assert issuer.verify(issuer_token(claims)) == claims
    assert jwks.requests[0]["User-Agent"] == "todo-api"


@pytest.mark.parametrize(
    ("key", "alg"), [(ED, "EdDSA"), (ED_448, "EdDSA"), (EC, "ES256"), (RSA, "RS256"), (RSA, "PS256")]
)
def test_a_key_of_each_configured_algorithm_verifies(issuer: Issuer, jwks: JWKSServer, key: Any, alg: str) -> None:
    jwks.publish(jwk(ED_OTHER, "other"), jwk(key, "k", alg=alg))
    assert issuer.verify(issuer_token(key=key, alg=alg, kid="k"))["iss"] == ORIGIN


def test_a_key_without_alg_verifies_each_algorithm_of_its_type(issuer: Issuer, jwks: JWKSServer) -> None:
    jwks.publish(jwk(RSA, "k", alg=...), jwk(ED, "ed", alg=...))
    for alg in ("RS256", "PS256"):
        assert issuer.verify(issuer_token(key=RSA, alg=alg, kid="k"))
    assert issuer.verify(issuer_token())
    assert rejects(issuer, issuer_token(key=RSA, alg="RS384", kid="k"))


@pytest.mark.parametrize("changes", [{"aud": ["https://other.example", ORIGIN]}, {"iat": ...}, {"nbf": 1}], ids=str)
def test_optional_claims_may_be_missing_or_present(issuer: Issuer, changes: dict[str, Any]) -> None:
    claims = issuer_claims(**changes)
    assert issuer.verify(issuer_token(claims)) == claims


def test_clocks_may_differ_by_seconds(issuer: Issuer) -> None:
    claims = issuer_claims(exp=int(time.time()) - 10)
    assert issuer.verify(issuer_token(claims)) == claims


def test_the_only_key_of_a_set_verifies_tokens_without_a_kid(issuer: Issuer, jwks: JWKSServer, clock: Clock) -> None:
    assert issuer.verify(issuer_token(kid=None))
    jwks.publish(jwk(ED, None))
    clock.now += 301
    assert issuer.verify(issuer_token(kid=None))
    assert rejects(issuer, issuer_token())


def test_with_several_keys_a_token_must_have_a_kid(issuer: Issuer, jwks: JWKSServer, clock: Clock) -> None:
    jwks.publish(jwk(ED, "ed"), jwk(ED_OTHER, None))
    assert issuer.verify(issuer_token())
    clock.now += 60
    assert rejects(issuer, issuer_token(kid=None))
    assert rejects(issuer, issuer_token(key=ED_OTHER, kid=None))
    assert len(jwks.requests) == 1


def test_keys_of_different_types_may_share_a_kid(issuer: Issuer, jwks: JWKSServer) -> None:
    jwks.publish(jwk(ED, "k"), jwk(EC, "k"))
    assert issuer.verify(issuer_token(kid="k"))
    assert issuer.verify(issuer_token(key=EC, alg="ES256", kid="k"))


# Rejected tokens.


INVALID_CLAIMS: dict[str, list[Any]] = {
    "exp": [..., None, "4102444800", "tomorrow", 4102444800.5, 1e400, True, []],
    "iss": [..., None, ORIGIN + "/", "http://auth.example", [ORIGIN], 7],
    "aud": [
        *(..., None, "", [], ORIGIN + "/", "https://other.example", ["https://other.example"]),
        *([ORIGIN, 7], [[ORIGIN]], {ORIGIN: 1}),
    ],
    "sub": [..., None, "", 7, ["u"]],
    "iat": [None, "1700000000", 1700000000.5, True, 4102444800],
    "nbf": [4102444800, "1", None],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in INVALID_CLAIMS.items() for value in values], ids=str
)
def test_a_token_with_an_invalid_claim_is_rejected(issuer: Issuer, name: str, value: Any) -> None:
    assert rejects(issuer, issuer_token(issuer_claims(**{name: value})))


def test_an_expired_token_has_an_error_of_its_own(issuer: Issuer) -> None:
    with pytest.raises(jwt.ExpiredSignatureError):
        issuer.verify(issuer_token(issuer_claims(exp=int(time.time()) - 40)))


PUBLIC_KEY_FORMS = {
    "raw": PUBLIC_KEY.public_bytes_raw(),
    "base64url": base64url(PUBLIC_KEY.public_bytes_raw()).encode(),
    "DER": PUBLIC_KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "PEM": PEM,
    "JWK": json.dumps(jwk(ED, "ed")).encode(),
    "empty": b"",
}


@pytest.mark.parametrize("secret", PUBLIC_KEY_FORMS.values(), ids=PUBLIC_KEY_FORMS)
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_not_accepted_as_hmac_secret(issuer: Issuer, jwks: JWKSServer, secret: bytes, alg: str) -> None:
    signed = unsigned_jwt({"alg": alg, "kid": "ed"}, issuer_claims())
    mac = jwt.get_algorithm_by_name(alg).sign(signed.encode(), secret)
    assert rejects(issuer, f"{signed}.{base64url(mac)}")
    assert jwks.requests == []


def test_a_symmetric_key_of_the_set_is_ignored(jwks: JWKSServer) -> None:
    secret = b"a secret that everybody can read, 32 bytes"
    for alg in (..., "HS256", "EdDSA", "RS256"):
        jwks.publish({"kty": "oct", "k": base64url(secret), "kid": "s", **({} if alg is ... else {"alg": alg})})
        issuer = Issuer(ORIGIN, ORIGIN, jwks.url, ALGORITHMS)
        assert rejects(issuer, issuer_token(key=secret, alg="HS256", kid="s"))
        assert rejects(issuer, issuer_token(kid="s"))


GOOD = issuer_token(issuer_claims(exp=4_102_444_800))
HEAD, BODY, SIGNATURE = GOOD.split(".")
NONE_HEAD = base64url(b'{"alg":"none","kid":"ed"}')
DEEP_HEAD = base64url(b'{"alg":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
DEEP_BODY = b'{"iss":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "..",
        "an opaque session token",
        "\ud800.\ud800.\ud800",
        "é.é.é",
        f"{HEAD}.{BODY}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}.{BODY}.{SIGNATURE}.",
        f"{HEAD}.{BODY}.{SIGNATURE}=",
        f"{HEAD}.{BODY}.{SIGNATURE}!",
        f"{HEAD}.{BODY}.{SIGNATURE}\n",
        f" {GOOD}",
        f"{HEAD}.{BODY}.{SIGNATURE[:-4]}",
        f"{HEAD}.{base64url(json.dumps(issuer_claims(sub='somebody else')).encode())}.{SIGNATURE}",
        f"{NONE_HEAD}.{BODY}.",
        f"{NONE_HEAD}.{BODY}.{SIGNATURE}",
        f"{DEEP_HEAD}.{BODY}.{SIGNATURE}",
        f"{base64url(b'[]')}.{BODY}.{SIGNATURE}",
        f"{base64url(b'{}')}.{BODY}.{SIGNATURE}",
        f"{base64url(b'not JSON')}.{BODY}.{SIGNATURE}",
        issuer_token(key=ED_OTHER),
        issuer_token(kid="wrong"),
        issuer_token(kid=""),
        issuer_token(kid="../../etc/passwd"),
        issuer_token(kid=None, key=ED_OTHER),
        issuer_token(crit=["exp"]),
        issuer_token(crit=[]),
        issuer_token(crit="exp"),
        issuer_token(b64=False, crit=["b64"]),
        issuer_token(key=EC, alg="ES256"),
        issuer_token(key=RSA, alg="RS256"),
        issuer_token(key=EC_384, alg="ES384"),
        issuer_token(DEEP_BODY),
        issuer_token([]),
        issuer_token("claims"),
        issuer_token(7),
        issuer_token(b"null"),
        issuer_token(b"\xff\xfe"),
        issuer_token(b'{"exp":' + b"9" * 5_000 + b"}"),
    ],
)
def test_a_malformed_or_forged_token_is_rejected(issuer: Issuer, token: str) -> None:
    assert rejects(issuer, token)


@pytest.mark.parametrize("value", [None, 7, [], ["ed"], {"ed": 1}, True], ids=str)
@pytest.mark.parametrize("parameter", ["kid", "alg"])
def test_a_mistyped_header_is_rejected(issuer: Issuer, parameter: str, value: Any) -> None:
    header = {"alg": "EdDSA", "kid": "ed", parameter: value}
    assert rejects(issuer, sign_jwt(header, issuer_claims(exp=4_102_444_800), ED, "EdDSA"))


def test_key_locations_in_a_token_are_ignored(issuer: Issuer, jwks: JWKSServer) -> None:
    with jwks_server() as hostile:
        hostile.publish(jwk(ED_OTHER, "ed"))
        header: dict[str, Any] = {
            "jku": hostile.url,
            "x5u": hostile.url,
            "jwk": jwk(ED_OTHER, "ed"),
            "x5c": ["MIIB"],
            "iss": hostile.url,
        }
        for kid in ("ed", "new", hostile.url, None):
            assert rejects(issuer, issuer_token(key=ED_OTHER, kid=kid, **header))
        assert issuer.verify(issuer_token(**header))
        assert hostile.requests == []
    assert len(jwks.requests) == 1


# The configuration, and the selection of an issuer.


@pytest.mark.parametrize("algorithms", [(), ("HS256",), ("EdDSA", "HS512"), ("none",), ("eddsa",)], ids=str)
def test_only_asymmetric_algorithms_are_configurable(algorithms: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="algorithms must be some of"):
        Issuer(ORIGIN, ORIGIN, "http://127.0.0.1/jwks", algorithms)


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://a/b", "data:,{}", "//a/jwks", "jwks"])
def test_only_http_urls_are_configurable(url: str) -> None:
    with pytest.raises(ValueError, match="jwks_url must begin"):
        Issuer(ORIGIN, ORIGIN, url)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (GOOD, ORIGIN),
        (f"{HEAD}.{BODY}.{base64url(b'no signature')}", ORIGIN),
        (issuer_token({"iss": "x", "sub": 7, "exp": "never", "jti": 7, "aud": 7, "nbf": 4102444800, "iat": []}), "x"),
        (issuer_token({"iss": "x"}, b"a secret of 32 bytes or more, for HS256", "HS256"), "x"),
        (issuer_token({"iss": ""}), ""),
        (issuer_token({}), None),
        (issuer_token({"iss": 7}), None),
        (issuer_token({"iss": [ORIGIN]}), None),
        (issuer_token({"iss": None}), None),
        (issuer_token([]), None),
        (issuer_token(b"null"), None),
        (issuer_token(b"\xff"), None),
        (issuer_token(DEEP_BODY), None),
        (issuer_token(b'{"iss":"x","n":' + b"9" * 5_000 + b"}"), None),
        (f"{base64url(b'[]')}.{BODY}.{SIGNATURE}", None),
        (f"{DEEP_HEAD}.{BODY}.{SIGNATURE}", None),
        (f"{HEAD}.{BODY}", None),
        (f"{HEAD}.{BODY}.{SIGNATURE}=", None),
        ("", None),
        ("..", None),
        ("junk", None),
        ("\ud800.\ud800.\ud800", None),
        ("é.é.é", None),
    ],
)
def test_the_unverified_issuer_of_a_token(token: str, expected: str | None) -> None:
    assert issuer_of(token) == expected
