"""The credentials of the current request: bearer token and session cookie."""

from __future__ import annotations

from urllib.parse import unquote

import jwt
from flask import request

from server.logging import bind_context
from todo_api.auth.errors import InvalidScheme, InvalidTokenPayload, TokenExpired
from todo_api.auth.sessions import cookies
from todo_api.auth.tokens.session_tokens import Claims, ClaimsError, verify
from todo_api.http.current_request import current_request
from todo_api.http.errors import InvalidToken
from todo_api.settings import settings

JWT_DOTS = 2
"""The dots of a JWT, by which it differs from an opaque token and an API key."""


def bearer_token() -> str | None:
    """Return the bearer token of the Authorization header, the only place that is read (RFC 6750 section 2.1).

    Raises:
        InvalidScheme: 401, for another scheme.

    """
    header = current_request().headers.get("Authorization", "")
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidScheme
    return token


def access_claims(token: str) -> Claims:
    """Return the claims of an access JWT of this service. Its session may have ended.

    Raises:
        TokenExpired: 401.
        InvalidTokenPayload: 401, for other claims than those of an access JWT.
        InvalidToken: 401.

    """
    try:
        claims = verify(token, "access", secrets=settings().secrets)
    except jwt.ExpiredSignatureError:
        raise TokenExpired from None
    except ClaimsError:
        raise InvalidTokenPayload from None
    except jwt.InvalidTokenError:
        raise InvalidToken from None
    bind_context(user=claims.subject)
    return claims


def opaque_token() -> str | None:
    """Return the opaque token of the bearer token or, without one, of the session cookie."""
    token = bearer_token()
    if token is not None:
        return unsign_token(token)
    return cookies.unsign(session_cookie() or "", settings().secrets)


def session_cookie() -> str | None:
    """Return the session cookie: the signed opaque token."""
    return request.cookies.get(cookies.cookie_name(cookies.SESSION, secure=is_secure()))


def unsign_token(token: str) -> str | None:
    """Return an opaque token without its signature, or None if the signature is wrong. It may come unsigned."""
    return cookies.unsign(token, settings().secrets) if "." in unquote(token) else token


def is_secure() -> bool:
    """Return whether clients use TLS, so that cookies have the Secure attribute."""
    return settings().public_url.startswith("https:")
