"""JSON Web Tokens: HS256 under the service's secret (RFC 7519, RFC 8725). Pure: no application, no database."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jwt

if TYPE_CHECKING:
    from datetime import datetime, timedelta

ALGORITHM = "HS256"
CLAIMS: dict[str, type] = {"sub": str, "email": str, "iat": int, "exp": int, "jti": str, "type": str}
COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

Use = Literal["access", "refresh"]


class Claims(NamedTuple):
    """What a verified token says."""

    subject: str
    email: str


class ClaimsError(jwt.InvalidTokenError):
    """The signature is ours, the claims are not those of such a token."""


def issue(subject: str, email: str, use: Use, *, secret: str, now: datetime, ttl: timedelta) -> str:
    """Return a signed token with the claims sub, email, iat, exp, jti and type."""
    issued_at = int(now.timestamp())
    claims = {
        "sub": subject,
        "email": email,
        "iat": issued_at,
        "exp": issued_at + int(ttl.total_seconds()),
        "jti": str(uuid.uuid4()),
        "type": use,
    }
    return jwt.encode(claims, secret, ALGORITHM)


def verify(token: str, use: Use, *, secret: str) -> Claims:
    """Return what a token of ours for this use says.

    Raises:
        jwt.ExpiredSignatureError: its time is over.
        ClaimsError: it is ours and lacks a claim, mistypes one, or is for another use.
        jwt.InvalidTokenError: it is not ours.

    """
    # PyJWT's decoder skips characters that are not base64url, which would give a token a second spelling.
    if not COMPACT.fullmatch(token):
        raise jwt.DecodeError
    return checked(jwt.decode(token, secret, [ALGORITHM]), use)


def checked(claims: dict[str, Any], use: Use) -> Claims:
    """Return the claims, all of them present and of their types."""
    if any(type(claims.get(name)) is not kind for name, kind in CLAIMS.items()) or claims["type"] != use:
        raise ClaimsError
    return Claims(claims["sub"], claims["email"])
