"""The tokens by which other services know our users: EdDSA JWTs, verified with the keys that /jwks publishes."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from todo_api.auth.schemas.sign_in import UserSchema
from todo_api.auth.tokens import signing_keys
from todo_api.clock import now
from todo_api.http.serialization import serializer
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.database.statements import Row

TTL = timedelta(minutes=15)
serialize_user = serializer(UserSchema())

signing_key = cache(signing_keys.derive_key)


def identity_token(user: Row) -> str:
    """Return a token with the user's fields, made for our own origin as issuer and audience."""
    issued_at = int(now().timestamp())
    origin = settings().public_origin
    claims = {
        **serialize_user(user),
        "iat": issued_at,
        "exp": issued_at + int(TTL.total_seconds()),
        "sub": user["id"],
        "iss": origin,
        "aud": origin,
    }
    return signing_keys.sign_claims(claims, signing_key(settings().better_auth_secret))


def key_set() -> dict[str, Any]:
    """Return the public keys (RFC 7517 section 5): the one that signs, and while secrets are rotated the one before."""
    return {"keys": [signing_keys.public_jwk(signing_key(secret)) for secret in settings().secrets]}
