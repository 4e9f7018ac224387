"""JSON Web Tokens: HS256 under the service's secret (RFC 7519, RFC 8725). Pure: no application, no database."""

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
CLAIMS: dict[str, type] = {"sub": str, "email": str, "sid": str, "iat": int, "exp": int, "jti": str, "type": str}
ID = re.compile("[!-~]+")
"""What names a user or a session. PostgreSQL takes neither NUL nor lone surrogates; the secret may have signed both."""
VERIFIED_MAX = 4096
"""Tokens of which a process remembers what they say, of half a kilobyte each. Verifying one is a tenth of the work of a
small request, and a client sends the same one for an hour; whether its session lives is asked every time."""

COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

Use = Literal["access", "refresh"]


class Claims(NamedTuple):
    """What a token says: who, under which session, and which of the session's refresh tokens it is."""

    subject: str
    email: str
    session_id: str
    generation: int = 0


class ClaimsError(jwt.InvalidTokenError):
    """The signature is ours, the claims are not those of such a token."""


def issue(claims: Claims, use: Use, *, secret: str, now: datetime, ttl: timedelta) -> str:
    """Return a signed token with the claims sub, email, sid, iat, exp, jti and type; a refresh token has gen too."""
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


def verify(token: str, use: Use, *, secrets: Sequence[str], expired: bool = False) -> Claims:
    """Return what a token of ours for this use says; any of the secrets may have signed it.

    With `expired`, its time may be over.

    Raises:
        jwt.ExpiredSignatureError: its time is over.
        ClaimsError: it is ours and lacks a claim, mistypes one, or is for another use.
        jwt.InvalidTokenError: it is not ours.

    """
    claims, expires_at = verify_cached(token, use, tuple(secrets), expired)
    if not expired and expires_at <= time.time():
        raise jwt.ExpiredSignatureError
    return claims


@lru_cache(maxsize=VERIFIED_MAX)
def verify_cached(token: str, use: Use, secrets: tuple[str, ...], expired: bool) -> tuple[Claims, int]:  # noqa: FBT001 - part of what is remembered
    """Return what a token says and when its time is over. What was refused is not remembered."""
    # PyJWT's decoder skips characters that are not base64url, which would give a token a second spelling.
    if not COMPACT.fullmatch(token):
        raise jwt.DecodeError
    options: Options = {"verify_exp": not expired}
    *previous, last = secrets
    for secret in previous:
        try:
            return check_claims(jwt.decode(token, secret, [ALGORITHM], options), use)
        except jwt.InvalidSignatureError:
            continue
    return check_claims(jwt.decode(token, last, [ALGORITHM], options), use)


def check_claims(claims: dict[str, Any], use: Use) -> tuple[Claims, int]:
    """Return the claims, all of them present and of their types, and when they end."""
    wanted = CLAIMS if use == "access" else {**CLAIMS, "gen": int}
    if any(type(claims.get(name)) is not kind for name, kind in wanted.items()) or claims["type"] != use:
        raise ClaimsError
    if not ID.fullmatch(claims["sub"]) or not ID.fullmatch(claims["sid"]):
        raise ClaimsError
    return Claims(claims["sub"], claims["email"], claims["sid"], claims.get("gen", 0)), claims["exp"]
