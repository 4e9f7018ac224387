"""The signing key: one per secret, with Better Auth's JWK and kid."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from todo_api.auth.tokens.signing_keys import INFO, SigningKey, derive_key, public_jwk, sign_claims, thumbprint

SECRET = "a secret of 32 bytes or more, for everything"
KEY = derive_key(SECRET)
CLAIMS = {
    "sub": "u",
    "iat": 1_700_000_000,
    "exp": 4_102_444_800,
    "iss": "https://a.example",
    "aud": "https://a.example",
}


def test_the_secret_alone_determines_the_key() -> None:
    assert derive_key(SECRET) == KEY
    assert sign_claims(CLAIMS, derive_key(SECRET)) == sign_claims(CLAIMS, KEY)
    assert derive_key(SECRET + "!") != KEY


def test_a_release_does_not_change_the_key() -> None:
    assert KEY.kid == "ITJhYtVnubu0TKx7ZtIfzOQfPEQeR1EX"


def test_the_key_is_derived_by_hkdf() -> None:
    extracted = hmac.digest(bytes(32), SECRET.encode(), "sha256")
    seed = hmac.digest(extracted, INFO + b"\x01", "sha256")
    assert KEY.private.private_bytes_raw() == seed


def test_the_repr_of_a_key_hides_the_private_key() -> None:
    assert repr(KEY) == f"SigningKey(kid='{KEY.kid}')"


def test_the_published_key_has_better_auths_form_and_no_private_part() -> None:
    published = public_jwk(KEY)
    assert list(published) == ["alg", "crv", "x", "kty", "kid"]
    assert published | {"x": "", "kid": ""} == {"alg": "EdDSA", "crv": "Ed25519", "x": "", "kty": "OKP", "kid": ""}
    assert base64.urlsafe_b64decode(published["x"] + "=") == KEY.private.public_key().public_bytes_raw()


def test_the_kid_is_the_beginning_of_the_thumbprint() -> None:
    required = {name: public_jwk(KEY)[name] for name in ("crv", "kty", "x")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    assert re.fullmatch("[A-Za-z0-9_-]{32}", KEY.kid)
    assert base64.urlsafe_b64encode(digest).decode().startswith(KEY.kid)


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    """Appendix A.3: the key of appendix A.1 and its thumbprint."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    private = Ed25519PrivateKey.from_private_bytes(seed)
    assert thumbprint(private) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_token_has_better_auths_header_and_verifies_with_the_published_key() -> None:
    token = sign_claims(CLAIMS, KEY)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": KEY.kid}
    published = jwt.PyJWKSet.from_dict(
        {"keys": [public_jwk(derive_key("another secret of 32 bytes or more")), public_jwk(KEY)]}
    )
    audience = CLAIMS["aud"]
    assert jwt.decode(token, published[KEY.kid], audience=str(audience), issuer=str(audience)) == CLAIMS


def test_a_key_of_another_secret_does_not_verify() -> None:
    other = derive_key("another secret of 32 bytes or more")
    token = sign_claims(CLAIMS, SigningKey(KEY.kid, other.private))
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, jwt.PyJWK(public_jwk(KEY)), options={"verify_aud": False})
