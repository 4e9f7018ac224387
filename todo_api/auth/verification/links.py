"""Mailed links: creation and verification with the settings of the service."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import jwt
from flask import request

from todo_api.auth.mails import link_to
from todo_api.auth.verification import link_tokens
from todo_api.auth.verification.errors import InvalidLink, LinkExpired
from todo_api.clock import now
from todo_api.http.documentation import accepts_query_parameter
from todo_api.http.errors import InvalidParameter
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.auth.verification.link_tokens import Kind, LinkClaims

TTL = timedelta(hours=1)
DELETION_TTL = timedelta(days=1)


requires_link_token = accepts_query_parameter("token", "The token of the mailed link.", required=True)


def link_token() -> str:
    """Return the token of the request's query.

    Raises:
        InvalidParameter: 400, without a token.

    """
    if "token" not in request.args:
        raise InvalidParameter([("token", "Missing data for required parameter.")])
    return request.args["token"]


def verification_link(claims: LinkClaims, kind: Kind, callback_url: str | None) -> str:
    """Return a link to verify-email, which is valid for an hour."""
    token = link_tokens.issue(claims, kind, secret=settings().better_auth_secret, now=now(), ttl=TTL)
    return link_to("verify-email", callback_url, token=token)


def deletion_link(claims: LinkClaims, callback_url: str | None) -> str:
    """Return a link to delete-user/callback, which is valid for a day."""
    secret = settings().better_auth_secret
    token = link_tokens.issue(claims, "delete-user", secret=secret, now=now(), ttl=DELETION_TTL)
    return link_to("delete-user/callback", callback_url, token=token)


def read_token(token: str, *kinds: Kind) -> tuple[Kind, LinkClaims]:
    """Return the kind and the claims of a link's token.

    Raises:
        LinkExpired: 401.
        InvalidLink: 401, for a malformed or foreign token, and for one of another kind.

    """
    try:
        return link_tokens.verify(token, kinds, secrets=settings().secrets)
    except jwt.ExpiredSignatureError:
        raise LinkExpired from None
    except jwt.InvalidTokenError:
        raise InvalidLink from None
