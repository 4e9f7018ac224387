"""Identity tokens: EdDSA JWTs that other services verify with the keys of /jwks."""

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
    """Return a token with the fields of the user. Its issuer and audience are the origin of this service."""
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
    """Return the JWK Set (RFC 7517 section 5): the current key and, while the secret is rotated, the previous one."""
    return {"keys": [signing_keys.public_jwk(signing_key(secret)) for secret in settings().secrets]}
