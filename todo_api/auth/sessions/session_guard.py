"""The guard of the routes about a session: it accepts any credential of a live session."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import request

from todo_api.auth.errors import Unauthorized
from todo_api.auth.guard import JWT_DOTS
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import access_claims, bearer_token, opaque_token
from todo_api.auth.sessions.csrf import SAFE_METHODS
from todo_api.http.documentation import BEARER, View, document
from todo_api.http.errors import NotAuthenticated, ServiceUnavailable, TooManyRequests
from todo_api.rate_limiting.enforcement import consume
from todo_api.rate_limiting.limits import write_limit

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from todo_api.database.statements import Row


def session_required(view: View) -> View:
    """Require a live session, by any credential, and pass its row to the view as `session`.

    A request with an unsafe method counts as a write of the session, not of the user: otherwise the writes of a stolen
    session could keep its owner from ending it.

    Raises:
        Unauthorized: 401.
        TooManyRequests: 429.

    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        session = current_session()
        if session is None:
            raise Unauthorized
        if request.method not in SAFE_METHODS:
            consume(write_limit(f"session {session['session_id']}"))
        response: ResponseReturnValue = view(*args, session=session, **kwargs)
        return response

    document(guarded, Unauthorized, TooManyRequests, ServiceUnavailable, security=[{BEARER: []}])
    return guarded  # type: ignore[return-value]


def current_session() -> Row | None:
    """Return the live session of the request's credential, with its user, or None without a valid credential."""
    try:
        token = bearer_token()
        if token is not None and token.count(".") == JWT_DOTS:
            claims = access_claims(token)
            return store.find_session(claims.subject, claims.session_id)
    except NotAuthenticated:
        return None
    opaque = opaque_token()
    return store.find_session_by_token(opaque) if opaque else None
