"""Who asks, and whether the things are theirs: the one gate in front of every route of a user."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import jwt
from flask import request

from todo_api.api import BEARER, View, document
from todo_api.auth.errors import AccessForbidden, InvalidScheme, InvalidTokenPayload, TokenExpired
from todo_api.auth.tokens import Claims, ClaimsError, verify
from todo_api.errors import InvalidToken, NotAuthenticated, ServiceUnavailable
from todo_api.settings import settings

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


def owner_required(view: View) -> View:
    """Let a request through whose bearer token's subject is the path's `user_id`.

    Raises:
        NotAuthenticated: 401, and its kinds: no token, another scheme, expired, not ours.
        AccessForbidden: 403, for another user's path.

    """

    @wraps(view)
    def guarded(*args: Any, user_id: str, **kwargs: Any) -> ResponseReturnValue:
        if bearer_claims().subject != user_id:
            raise AccessForbidden
        answer: ResponseReturnValue = view(*args, user_id=user_id, **kwargs)
        return answer

    document(guarded, NotAuthenticated, TokenExpired, AccessForbidden, ServiceUnavailable, security=[{BEARER: []}])
    return guarded  # type: ignore[return-value]  # the same view, for mypy too


def bearer_claims() -> Claims:
    """Return what the request's bearer token says (RFC 6750 section 2.1; no other place is looked at)."""
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if not header:
        raise NotAuthenticated
    if scheme.lower() != "bearer":
        raise InvalidScheme
    try:
        return verify(token, "access", secret=settings().better_auth_secret)
    except jwt.ExpiredSignatureError:
        raise TokenExpired from None
    except ClaimsError:
        raise InvalidTokenPayload from None
    except jwt.InvalidTokenError:
        raise InvalidToken from None
