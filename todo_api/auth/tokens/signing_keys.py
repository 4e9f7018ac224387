"""The Ed25519 key (RFC 8037) that signs identity tokens. Pure: no application, no database.

The key is derived from the service's secret, so that no key is stored and all workers share it.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "EdDSA"

INFO = b"todo_api Ed25519 signing key 1"
"""Makes this key differ from other keys derived from the secret (RFC 5869 section 3.2). It never changes: another value
would change the published key."""

KEY_SIZE = 32

KID_LENGTH = 32
"""The length of Better Auth's key ids: 192 bits of the thumbprint."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the id of its public key. Keys with the same id are equal."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False, compare=False)


def derive_key(secret: str) -> SigningKey:
    """Derive the key from the secret (HKDF-SHA256, RFC 5869)."""
    seed = HKDF(SHA256(), KEY_SIZE, salt=None, info=INFO).derive(secret.encode())
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return SigningKey(thumbprint(private)[:KID_LENGTH], private)


def public_jwk(key: SigningKey) -> dict[str, str]:
    """Return the public key in the form that Better Auth publishes."""
    return {"alg": ALGORITHM, "crv": "Ed25519", "x": public_x(key.private), "kty": "OKP", "kid": key.kid}


def sign_claims(claims: dict[str, Any], key: SigningKey) -> str:
    """Return the claims as a signed token with the header of Better Auth: alg and kid, no typ."""
    return jwt.encode(claims, key.private, ALGORITHM, headers={"typ": None, "kid": key.kid})


def thumbprint(private: Ed25519PrivateKey) -> str:
    """Return the SHA-256 thumbprint of the public key (RFC 7638 section 3, RFC 8037 section 2)."""
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": public_x(private)}  # in the order of RFC 7638
    return base64url(sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest())


def public_x(private: Ed25519PrivateKey) -> str:
    """Return the JWK parameter x of the public key."""
    return base64url(private.public_key().public_bytes_raw())


def base64url(raw: bytes) -> str:
    """Return the bytes in base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
