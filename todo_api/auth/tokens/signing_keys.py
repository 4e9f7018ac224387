"""The key with which the service signs what others verify: Ed25519 (RFC 8037). Pure: no application, no database.

It follows from the service's secret, so that nothing is stored and every worker has the same one.
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
"""Keeps this key apart from everything else that is made from the secret (RFC 5869 section 3.2). It never changes: with
another one every verifier would meet a new key."""

KEY_SIZE = 32

KID_LENGTH = 32
"""As long as Better Auth's own; 192 bits of a thumbprint still name one key only."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name of its public half. Two with one name are the same key."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False, compare=False)


def derive_key(secret: str) -> SigningKey:
    """Return the key that follows from the secret (HKDF-SHA256, RFC 5869)."""
    seed = HKDF(SHA256(), KEY_SIZE, salt=None, info=INFO).derive(secret.encode())
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return SigningKey(thumbprint(private)[:KID_LENGTH], private)


def public_jwk(key: SigningKey) -> dict[str, str]:
    """Return the public half as Better Auth publishes one."""
    return {"alg": ALGORITHM, "crv": "Ed25519", "x": public_x(key.private), "kty": "OKP", "kid": key.kid}


def sign_claims(claims: dict[str, Any], key: SigningKey) -> str:
    """Return the claims as a token, under Better Auth's header: alg and kid, no typ."""
    return jwt.encode(claims, key.private, ALGORITHM, headers={"typ": None, "kid": key.kid})


def thumbprint(private: Ed25519PrivateKey) -> str:
    """Return the SHA-256 thumbprint of the public half (RFC 7638 section 3, RFC 8037 section 2)."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": public_x(private)}  # in the order that the RFC wants
    return base64url(sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def public_x(private: Ed25519PrivateKey) -> str:
    """Return the public half as a JWK's member x."""
    return base64url(private.public_key().public_bytes_raw())


def base64url(raw: bytes) -> str:
    """Return the text of RFC 7515 section 2: the URL's alphabet, no padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
