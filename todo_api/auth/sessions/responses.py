"""What a sign-in hands out: the tokens in the body, the cookie and the header beside it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import request
from werkzeug.http import dump_cookie

from todo_api.auth.sessions import cookies
from todo_api.auth.sessions.credentials import is_secure
from todo_api.auth.sessions.store import TTL
from todo_api.auth.tokens.session_tokens import Claims, issue
from todo_api.clock import now
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.auth.sessions.store import NewSession
    from todo_api.database.statements import Row

HeaderList = list[tuple[str, str]]


def token_response(user: Row, session_id: str, generation: int = 0) -> dict[str, Any]:
    """Return the user with an access token and the session's newest refresh token."""
    config = settings()
    claims = Claims(user["id"], user["email"], session_id, generation)
    token = partial(issue, claims, secret=config.better_auth_secret, now=now())
    return {
        "user": user,
        "token": token("access", ttl=config.access_token_ttl),
        "refresh_token": token("refresh", ttl=config.refresh_token_ttl),
        "token_type": "bearer",
        "expires_in": int(config.access_token_ttl.total_seconds()),
        "redirect": False,
    }


def sign_in_headers(opened: NewSession) -> HeaderList:
    """Return the headers that give the session's opaque token: as cookie to browsers, by name to everybody else."""
    return opaque_token_headers(opened.token, remembered=opened.remembered)


def opaque_token_headers(token: str, *, remembered: bool) -> HeaderList:
    """Return the headers that give an opaque token."""
    secret = settings().better_auth_secret
    signed = cookies.sign(token, secret)
    max_age = int(TTL.total_seconds()) if remembered else None
    headers = [
        ("set-auth-token", signed),
        ("Access-Control-Expose-Headers", "set-auth-token"),
        ("Set-Cookie", set_cookie(cookies.SESSION, cookies.encode(signed), max_age)),
    ]
    if not remembered:
        forgotten = cookies.encode(cookies.sign("true", secret))
        headers.append(("Set-Cookie", set_cookie(cookies.DONT_REMEMBER, forgotten, None)))
    return headers


def sign_out_headers() -> HeaderList:
    """Return the headers that make a browser forget its session."""
    names = (cookies.SESSION, cookies.SESSION_DATA, cookies.DONT_REMEMBER)
    return [("Set-Cookie", set_cookie(plain, "", 0)) for plain in names]


def set_cookie(plain: str, value: str, max_age: int | None) -> str:
    """Return a Set-Cookie value: for this host alone, out of reach of scripts, not sent along by foreign pages."""
    secure = is_secure()
    name = cookies.name(plain, secure=secure)
    return dump_cookie(name, value, max_age=max_age, path="/", httponly=True, samesite="Lax", secure=secure)


def has_session_cookie() -> bool:
    """Tell whether the request came with a session cookie."""
    return cookies.name(cookies.SESSION, secure=is_secure()) in request.cookies
