"""Access and refresh tokens: JWTs with HS256 under the service's secret (RFC 7519, RFC 8725).

Pure: no application, no database.
"""

from __future__ import annotations

import re
import time
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jwt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from jwt.types import Options

ALGORITHM = "HS256"
CLAIM_TYPES: dict[str, type] = {"sub": str, "email": str, "sid": str, "iat": int, "exp": int, "jti": str, "type": str}
ID_PATTERN = re.compile("[!-~]+")
"""A user id or session id. PostgreSQL stores neither NUL nor lone surrogates, whatever the secret has signed."""
CACHE_SIZE = 4096
"""Verified tokens that a process caches, half a kilobyte each. Verification is a tenth of the work of a small request,
and a client sends the same token for an hour. Whether the session is live is never cached."""

COMPACT_JWS = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""The compact serialization (RFC 7515 section 3.1)."""

TokenUse = Literal["access", "refresh"]


class Claims(NamedTuple):
    """The user and session of a token, and the generation of a refresh token."""

    subject: str
    email: str
    session_id: str
    generation: int = 0


class ClaimsError(jwt.InvalidTokenError):
    """The signature is valid, but the claims are not those of a token of this type."""


def issue(claims: Claims, use: TokenUse, *, secret: str, now: datetime, ttl: timedelta) -> str:
    """Return a signed token with the claims sub, email, sid, iat, exp, jti and type; a refresh token also has gen."""
    issued_at = int(now.timestamp())
    payload = {
        "sub": claims.subject,
        "email": claims.email,
        "sid": claims.session_id,
        "iat": issued_at,
        "exp": issued_at + int(ttl.total_seconds()),
        "jti": str(uuid.uuid4()),
        "type": use,
    }
    if use == "refresh":
        payload["gen"] = claims.generation
    return jwt.encode(payload, secret, ALGORITHM)


def verify(token: str, use: TokenUse, *, secrets: Sequence[str], allow_expired: bool = False) -> Claims:
    """Return the claims of a token that one of the secrets has signed.

    Raises:
        jwt.ExpiredSignatureError: the token has expired, and `allow_expired` is false.
        ClaimsError: the token is of another type, or a claim is missing or mistyped.
        jwt.InvalidTokenError: the token is not one of this service.

    """
    claims, expires_at = verify_cached(token, use, tuple(secrets), allow_expired)
    if not allow_expired and expires_at <= time.time():
        raise jwt.ExpiredSignatureError
    return claims


@lru_cache(maxsize=CACHE_SIZE)
def verify_cached(
    token: str,
    use: TokenUse,
    secrets: tuple[str, ...],
    allow_expired: bool,  # noqa: FBT001 - part of the cache key
) -> tuple[Claims, int]:
    """Return the claims of a token and its expiry. Errors are not cached."""
    # PyJWT skips characters outside base64url, which would give one token several spellings.
    if not COMPACT_JWS.fullmatch(token):
        raise jwt.DecodeError
    options: Options = {"verify_exp": not allow_expired}
    *previous, last = secrets
    for secret in previous:
        try:
            return check_claims(jwt.decode(token, secret, [ALGORITHM], options), use)
        except jwt.InvalidSignatureError:
            continue
    return check_claims(jwt.decode(token, last, [ALGORITHM], options), use)


def check_claims(claims: dict[str, Any], use: TokenUse) -> tuple[Claims, int]:
    """Return the claims and the expiry, after a check that all claims are present and have their types."""
    expected_types = CLAIM_TYPES if use == "access" else {**CLAIM_TYPES, "gen": int}
    if any(type(claims.get(name)) is not expected for name, expected in expected_types.items()):
        raise ClaimsError
    if claims["type"] != use:
        raise ClaimsError
    if not ID_PATTERN.fullmatch(claims["sub"]) or not ID_PATTERN.fullmatch(claims["sid"]):
        raise ClaimsError
    return Claims(claims["sub"], claims["email"], claims["sid"], claims.get("gen", 0)), claims["exp"]
