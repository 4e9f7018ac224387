"""The route that refreshes tokens, by a refresh token or by the session cookie."""

from __future__ import annotations

from functools import partial
from typing import Any

import jwt
from flask import request

from server.logging import bind_context
from todo_api.auth import examples
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import InvalidOrigin, MissingOrigin
from todo_api.auth.rate_limits import consume_attempt
from todo_api.auth.schemas.sign_in import RefreshedSchema, RefreshSchema
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import session_cookie
from todo_api.auth.sessions.refresh import rotate
from todo_api.auth.sessions.responses import access_token_response, token_response
from todo_api.auth.sessions.session_guard import current_session
from todo_api.auth.tokens.session_tokens import verify
from todo_api.http.documentation import document, raises
from todo_api.http.errors import InvalidInput, InvalidToken, ServiceUnavailable, TooManyRequests
from todo_api.settings import settings


@auth.post("/refresh")
@auth.body(RefreshSchema, accepts="json_or_form", example={"refresh_token": examples.JWT})
@auth.response(200, RefreshedSchema(), example=examples.SIGNED_IN)
@raises(InvalidToken, InvalidOrigin, MissingOrigin, TooManyRequests, ServiceUnavailable)
@partial(document, requestBody={"required": False})
def refresh_tokens(body: dict[str, str]) -> dict[str, Any]:
    """Refresh tokens.

    Exchanges a refresh token for a new access token and a new refresh token. Use it when the access token has expired.
    Each refresh token is exchanged once; if its response is lost, the same token returns the same successor again. An
    older token must have been copied, and ends the session. A page that has only the session cookie sends no body, and
    gets an access token.
    """
    if "refresh_token" not in body:
        return refresh_by_cookie()
    config = settings()
    try:
        claims = verify(body["refresh_token"], "refresh", secrets=config.secrets)
    except jwt.InvalidTokenError:
        raise InvalidToken from None
    consume_attempt("refresh", config.rate_limit_refresh, claims.session_id)
    bind_context(user=claims.subject)
    generation = rotate(claims, config.refresh_token_grace)
    session = None if generation is None else store.find_session(claims.subject, claims.session_id)
    if generation is None or session is None:
        raise InvalidToken
    return token_response(session, claims.session_id, generation)


def refresh_by_cookie() -> dict[str, Any]:
    """Return an access token for the session of the cookie. A request with a bearer token is not about its cookie.

    Raises:
        InvalidInput: 400, or 422 for a form, without a cookie: then the body lacks its refresh token.
        InvalidToken: 401, if the cookie's session has ended.

    """
    if session_cookie() is None or "Authorization" in request.headers:
        raise InvalidInput([("#/refresh_token", "Missing data for required field.")])
    session = current_session()
    if session is None:
        raise InvalidToken
    consume_attempt("refresh", settings().rate_limit_refresh, session["session_id"])
    return access_token_response(session, session["session_id"])
