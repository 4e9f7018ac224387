"""The credentials that come with a request, before anybody knows whether they are good."""

from __future__ import annotations

from urllib.parse import unquote

import jwt
from flask import request

from server.logging import bind_context
from todo_api.auth.errors import InvalidScheme, InvalidTokenPayload, TokenExpired
from todo_api.auth.sessions import cookies
from todo_api.auth.tokens.session_tokens import Claims, ClaimsError, verify
from todo_api.http.errors import InvalidToken
from todo_api.settings import settings


def bearer_token() -> str | None:
    """Return the bearer token of the request (RFC 6750 section 2.1; no other place is looked at).

    Raises:
        InvalidScheme: 401, for another scheme.

    """
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidScheme
    return token


def access_claims(token: str) -> Claims:
    """Return what an access JWT of ours says."""
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
    """Return the opaque token of the request, from the bearer or, where there is none, from the cookie."""
    token = bearer_token()
    if token is not None:
        return unsigned_token(token)
    cookie = request.cookies.get(cookies.name(cookies.SESSION, secure=is_secure()), "")
    return cookies.unsign(cookie, settings().secrets)


def unsigned_token(token: str) -> str | None:
    """Return an opaque token without its signature, if it has one that is ours."""
    return cookies.unsign(token, settings().secrets) if "." in unquote(token) else token


def is_secure() -> bool:
    """Tell whether clients reach the service by TLS, so that cookies are for TLS only."""
    return settings().public_url.startswith("https:")
