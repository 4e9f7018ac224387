"""The routes of tokens that other services verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from todo_api.auth import examples
from todo_api.auth.blueprint import auth
from todo_api.auth.schemas.tokens import KeySetSchema, TokenSchema
from todo_api.auth.sessions.session_guard import session_required
from todo_api.auth.tokens.identity import identity_token, key_set

if TYPE_CHECKING:
    from todo_api.database.statements import Row


@auth.get("/token", tags=["sessions"])
@session_required
@auth.response(200, TokenSchema(), example={"token": examples.JWT})
def get_token(session: Row) -> dict[str, str]:
    """Get a token for other services.

    Returns a JWT that other services verify with the keys of /api/auth/jwks. It is signed with EdDSA, expires after 15
    minutes, names this service as `iss` and `aud`, and cannot be revoked.
    """
    return {"token": identity_token(session)}


@auth.get("/jwks", tags=["sessions"])
@auth.response(200, KeySetSchema(), example=examples.KEY_SET)
def get_jwks() -> dict[str, Any]:
    """Get the public keys.

    Returns the JSON Web Key Set (RFC 7517) that verifies the tokens of /api/auth/token.
    """
    return key_set()
