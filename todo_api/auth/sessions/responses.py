"""The credentials in responses: tokens in the body of a sign-in, the opaque token in cookie and header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.http import dump_cookie

from todo_api.auth.sessions import cookies
from todo_api.auth.sessions.credentials import is_secure
from todo_api.auth.sessions.store import IDLE_TTL
from todo_api.auth.tokens.session_tokens import Claims, issue
from todo_api.clock import now
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.database.statements import Row

HeaderList = list[tuple[str, str]]


def token_response(user: Row, session_id: str, generation: int = 0) -> dict[str, Any]:
    """Return the user with an access token and the session's newest refresh token."""
    config = settings()
    claims = Claims(user["id"], user["email"], session_id, generation)
    refresh_token = issue(claims, "refresh", secret=config.better_auth_secret, now=now(), ttl=config.refresh_token_ttl)
    return {**access_token_response(user, session_id), "refresh_token": refresh_token, "redirect": False}


def access_token_response(user: Row, session_id: str) -> dict[str, Any]:
    """Return the user with an access token."""
    config = settings()
    claims = Claims(user["id"], user["email"], session_id)
    return {
        "user": user,
        "token": issue(claims, "access", secret=config.better_auth_secret, now=now(), ttl=config.access_token_ttl),
        "token_type": "bearer",
        "expires_in": int(config.access_token_ttl.total_seconds()),
    }


def opaque_token_headers(token: str, *, remembered: bool) -> HeaderList:
    """Return the headers with the opaque token: a cookie for browsers, `set-auth-token` for other clients."""
    secret = settings().better_auth_secret
    signed = cookies.sign(token, secret)
    max_age = int(IDLE_TTL.total_seconds()) if remembered else None
    headers = [
        ("set-auth-token", signed),
        ("Access-Control-Expose-Headers", "set-auth-token"),
        ("Set-Cookie", set_cookie_value(cookies.SESSION, cookies.encode(signed), max_age)),
    ]
    if not remembered:
        dont_remember = cookies.encode(cookies.sign("true", secret))
        headers.append(("Set-Cookie", set_cookie_value(cookies.DONT_REMEMBER, dont_remember, None)))
    return headers


def sign_out_headers() -> HeaderList:
    """Return the headers that delete the session's cookies."""
    names = (cookies.SESSION, cookies.SESSION_DATA, cookies.DONT_REMEMBER)
    return [("Set-Cookie", set_cookie_value(name, "", 0)) for name in names]


def set_cookie_value(name: str, value: str, max_age: int | None) -> str:
    """Return the value of a Set-Cookie header: for this host only, hidden from scripts, not sent by other sites."""
    secure = is_secure()
    name = cookies.cookie_name(name, secure=secure)
    path = settings().public_path or "/"  # other services of the host do not get the cookie
    return dump_cookie(name, value, max_age=max_age, path=path, httponly=True, samesite="Lax", secure=secure)
