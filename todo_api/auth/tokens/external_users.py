"""Users of the configured external issuer, such as a Better Auth server with its jwt plugin.

Identity is the pair of issuer and subject (OWASP ASVS 5.0, 6.8.1): a local account, or a user of another issuer, is
another user, even with the same id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jwt
from flask import Flask, current_app
from sqlalchemy import bindparam, literal, select
from sqlalchemy.dialects.postgresql import insert

from server.logging import bind_context
from todo_api.auth.errors import TokenExpired
from todo_api.auth.models import User
from todo_api.auth.tokens.external_issuer import Issuer, IssuerUnavailable
from todo_api.database.execution import fetch_one
from todo_api.http.errors import InvalidToken, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config import Config

KEY = "todo_api.issuer"

SUBJECT = re.compile("[!-.0-~]{1,255}")
"""A subject that can be a path segment: visible ASCII without the slash."""

STORABLE = re.compile("[^\0\ud800-\udfff]*")
"""Text that PostgreSQL can store."""

LIVE_USER = (
    select(literal(1).label("one"))
    .where(User.id == bindparam("owner_id"), User.issuer == bindparam("owner_issuer"))
    .cte("live_session")
)
"""One row if the user of an issuer's token is known; else none. It takes the place of the session in a statement."""


def init_app(app: Flask, config: Config) -> None:
    """Configure the application's issuer. All threads share its keys, which the first token fetches."""
    app.extensions[KEY] = None
    if config.jwt_issuer and config.jwt_audience and config.jwt_jwks_url:
        app.extensions[KEY] = Issuer(config.jwt_issuer, config.jwt_audience, config.jwt_jwks_url, config.jwt_algorithms)


def configured_issuer() -> Issuer | None:
    """Return the external issuer whose tokens are accepted, if any."""
    issuer: Issuer | None = current_app.extensions[KEY]
    return issuer


def verified_claims(issuer: Issuer, token: str) -> dict[str, Any]:
    """Return the verified claims of the issuer's token.

    Raises:
        TokenExpired: 401.
        InvalidToken: 401.
        ServiceUnavailable: 503, if the issuer's keys were never fetched.

    """
    try:
        claims = issuer.verify(token)
    except jwt.ExpiredSignatureError:
        raise TokenExpired from None
    except jwt.InvalidTokenError:
        raise InvalidToken from None
    except IssuerUnavailable:
        raise ServiceUnavailable from None
    if not SUBJECT.fullmatch(claims["sub"]):
        raise InvalidToken
    bind_context(user=claims["sub"])
    return claims


def provision(user_id: str, issuer: str, claims: Mapping[str, Any]) -> None:
    """Insert the row of a user who is new here. A concurrent insert of the same user is waited for."""
    row = insert(User).values(
        id=user_id,
        issuer=issuer,
        email=storable_text(claims.get("email"), 3, User.EMAIL_MAX),
        name=storable_text(claims.get("name"), 0, User.NAME_MAX) or "",
    )
    fetch_one(row.on_conflict_do_nothing().returning(User.id))


def storable_text(claim: object, min_length: int, max_length: int) -> str | None:
    """Return a claim if it is a text that can be stored, else None."""
    is_storable = isinstance(claim, str) and min_length <= len(claim) <= max_length and STORABLE.fullmatch(claim)
    return str(claim) if is_storable else None
