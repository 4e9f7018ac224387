"""The routes that show and end sessions, for Better Auth's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import flask
from flask import request

from todo_api.auth import examples
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import DeferSessionRequired, InvalidOrigin, MissingOrigin, NoFieldsToUpdate, SessionNotFresh
from todo_api.auth.schemas.account import StatusSchema
from todo_api.auth.schemas.sessions import CurrentSessionSchema, RevokeSessionSchema, SessionSchema
from todo_api.auth.schemas.sign_in import BodySchema
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import opaque_token, session_cookie
from todo_api.auth.sessions.responses import HeaderList, opaque_token_headers, sign_out_headers
from todo_api.auth.sessions.session_guard import current_session, session_required
from todo_api.auth.tokens.identity import identity_token
from todo_api.http.documentation import accepts_query_parameter, optional_credential, raises
from todo_api.http.errors import ServiceUnavailable

if TYPE_CHECKING:
    from todo_api.database.statements import Row

CROSS_SITE = (InvalidOrigin, MissingOrigin)


@auth.get("/get-session", tags=["sessions"])
@optional_credential
@accepts_query_parameter("disableRefresh", "`true` keeps the session's expiry.")
@auth.response(200, CurrentSessionSchema(), nullable=True, example=examples.CURRENT)
@raises(ServiceUnavailable)
def get_session() -> tuple[dict[str, Any] | None, HeaderList]:
    """Get the current session.

    Returns the session of the request's credential and its user, or `null` without one. It extends the session, at most
    once a day; the response then has the cookie and `set-auth-token` again. The header `set-auth-jwt` is a JWT that
    other services can verify.
    """
    headers = [("Pragma", "no-cache")]
    session = current_session()
    if session is None:
        return None, [*headers, *(sign_out_headers() if session_cookie() is not None else [])]
    row = dict(session)
    if session["session_is_extension_due"] and request.args.get("disableRefresh") != "true":
        token = opaque_token()
        if token and (extended := store.extend_session(session)):
            row |= extended
            headers += opaque_token_headers(token, remembered=True)
    return {"session": row, "user": row}, [*headers, *identity_headers(session)]


def identity_headers(session: Row) -> HeaderList:
    """Return the headers with an identity token for other services."""
    return [("set-auth-jwt", identity_token(session)), ("Access-Control-Expose-Headers", "set-auth-jwt")]


def post_session() -> NoReturn:
    """Refuse to refresh a session. Better Auth offers this only with deferred session refresh, which is off."""
    raise DeferSessionRequired


# Not by auth.post: no request succeeds here, so the OpenAPI document leaves the operation out.
flask.Blueprint.add_url_rule(auth, "/get-session", view_func=post_session, methods=["POST"])


@auth.get("/list-sessions", tags=["sessions"])
@session_required
@auth.response(200, SessionSchema(many=True), example=[examples.SESSION])
@raises(SessionNotFresh)
def list_sessions(session: Row) -> list[Row]:
    """List your sessions.

    Returns your live sessions, oldest first. The current session must be at most one day old; sign in again if it is
    older.
    """
    if not store.is_fresh(session):
        raise SessionNotFresh
    return store.list_live_sessions(session["session_user_id"])


@session_required
@auth.body(BodySchema, example={})
def update_session(_: dict[str, Any], **__: Row) -> NoReturn:
    """Refuse to update the session: it has no field that its user can change."""
    raise NoFieldsToUpdate


flask.Blueprint.add_url_rule(auth, "/update-session", view_func=update_session, methods=["POST"])


@auth.post("/revoke-session", tags=["sessions"])
@session_required
@auth.body(RevokeSessionSchema, example={"token": examples.SESSION["token"]})
@auth.response(200, StatusSchema(), example=examples.DONE)
@raises(*CROSS_SITE)
def revoke_session(body: dict[str, str], session: Row) -> dict[str, bool]:
    """Revoke a session.

    Ends one of your sessions, named by the `token` that the list shows. An unknown token changes nothing.
    """
    store.end_session(session["session_user_id"], body["token"])
    return examples.DONE


@auth.post("/revoke-sessions", tags=["sessions"])
@session_required
@auth.response(200, StatusSchema(), example=examples.DONE)
@raises(*CROSS_SITE)
def revoke_sessions(session: Row) -> tuple[dict[str, bool], HeaderList]:
    """Revoke all sessions.

    Ends all your sessions, this one included.
    """
    store.end_all_sessions(session["session_user_id"])
    return examples.DONE, sign_out_headers()


@auth.post("/revoke-other-sessions", tags=["sessions"])
@session_required
@auth.response(200, StatusSchema(), example=examples.DONE)
@raises(*CROSS_SITE)
def revoke_other_sessions(session: Row) -> dict[str, bool]:
    """Revoke all other sessions.

    Ends all your sessions except this one. Use it when a device is lost.
    """
    store.end_all_sessions(session["session_user_id"], except_id=session["session_id"])
    return examples.DONE
