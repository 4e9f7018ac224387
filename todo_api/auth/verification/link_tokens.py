"""The tokens of mailed links: JWTs with HS256 (RFC 7519, RFC 8725), under a key for each kind of link.

Pure: no application, no database. No token is stored, so following a link does not use it up: mail scanners follow
links before their readers do. The claims name what must still be true when the link is followed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from todo_api.auth.tokens.session_tokens import ALGORITHM, COMPACT_JWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

KEY_SIZE = 32

Kind = Literal["verify-email", "confirm-email-change", "change-email", "delete-user"]
"""What following a link does. It is the `kid` of the token."""


class LinkClaims(NamedTuple):
    """The user of a link and the generation of its e-mail; for a change the new e-mail and the session that asked."""

    user_id: str
    generation: int
    new_email: str | None = None
    session_id: str | None = None


def derive_key(secret: str, kind: Kind) -> bytes:
    """Derive the key of a kind of link from the secret (HKDF-SHA256, RFC 5869). No other token is signed with it."""
    return HKDF(SHA256(), KEY_SIZE, salt=None, info=f"todo_api {kind} link 1".encode()).derive(secret.encode())


def issue(claims: LinkClaims, kind: Kind, *, secret: str, now: datetime, ttl: timedelta) -> str:
    """Return a signed token with the claims sub, gen, email, sid, iat and exp."""
    issued_at = int(now.timestamp())
    payload = {
        "sub": claims.user_id,
        "gen": claims.generation,
        "email": claims.new_email,
        "sid": claims.session_id,
        "iat": issued_at,
        "exp": issued_at + int(ttl.total_seconds()),
    }
    return jwt.encode(payload, derive_key(secret, kind), ALGORITHM, headers={"kid": kind})


def verify(token: str, kinds: Sequence[Kind], *, secrets: Sequence[str]) -> tuple[Kind, LinkClaims]:
    """Return the kind and the claims of a token of one of these kinds that one of the secrets has signed.

    Raises:
        jwt.ExpiredSignatureError: the token has expired.
        jwt.InvalidTokenError: the token is not of these kinds, or not of this service.

    """
    # PyJWT skips characters outside base64url, which would give one token several spellings.
    if not COMPACT_JWS.fullmatch(token):
        raise jwt.DecodeError
    kid = jwt.get_unverified_header(token).get("kid")
    kind = next((kind for kind in kinds if kind == kid), None)
    if kind is None:
        raise jwt.InvalidTokenError
    for secret in secrets:
        with suppress(jwt.InvalidSignatureError):
            # Only `issue` has the key, so the claims are complete.
            claims = jwt.decode(token, derive_key(secret, kind), [ALGORITHM])
            return kind, LinkClaims(claims["sub"], claims["gen"], claims["email"], claims["sid"])
    raise jwt.InvalidSignatureError
