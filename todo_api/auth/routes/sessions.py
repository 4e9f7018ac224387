"""Seeing and ending sessions, as Better Auth's client does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from flask import request

from todo_api.auth import examples
from todo_api.auth.errors import InvalidOrigin, MissingOrigin, PostNotOffered, SessionNotFresh
from todo_api.auth.schemas.account import (
    CurrentSessionSchema,
    KeySetSchema,
    RevokeSessionSchema,
    SessionSchema,
    StatusSchema,
    TokenSchema,
)
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import opaque_token
from todo_api.auth.sessions.csrf import refuse_foreign_origin
from todo_api.auth.sessions.responses import HeaderList, presented_cookie, token_headers, withdrawing
from todo_api.auth.sessions.session_guard import current_session, session_required
from todo_api.auth.tokens.identity import identity_token, key_set
from todo_api.clock import now
from todo_api.http.blueprint import Blueprint
from todo_api.http.documentation import raises
from todo_api.http.errors import ServiceUnavailable

if TYPE_CHECKING:
    from todo_api.database.statements import Row

session_routes = Blueprint("sessions", __name__, url_prefix="/api/auth", description="Seeing and ending sessions.")
session_routes.before_request(refuse_foreign_origin)

FOREIGN = (InvalidOrigin, MissingOrigin)


@session_routes.get("/get-session")
@session_routes.response(200, CurrentSessionSchema(), nullable=True, example=examples.CURRENT)
@raises(ServiceUnavailable)
def get_session() -> tuple[dict[str, Any] | None, HeaderList]:
    """Read the session of the request's credential; `null` where there is none.

    Its expiry moves on with use, at most once a day; the cookie and `set-auth-token` are then given anew. The header
    `set-auth-jwt` has a JWT that other services can verify.
    """
    headers = [("Pragma", "no-cache")]
    session = current_session()
    if session is None:
        return None, [*headers, *(withdrawing() if presented_cookie() else [])]
    shown = dict(session)
    if session["session_due"] and request.args.get("disableRefresh") != "true":
        token = opaque_token()
        if token and (moved := store.slide(session)):
            shown |= moved
            headers += token_headers(token, remembered=True)
    return {"session": shown, "user": shown}, [*headers, *identifying(session)]


def identifying(session: Row) -> HeaderList:
    """Return the headers that show the user to other services."""
    return [("set-auth-jwt", identity_token(session)), ("Access-Control-Expose-Headers", "set-auth-jwt")]


@session_routes.post("/get-session")
@raises(PostNotOffered)
def post_session() -> NoReturn:
    """Refuse, as Better Auth does by default: a session is read by GET."""
    raise PostNotOffered


@session_routes.get("/list-sessions")
@session_required
@session_routes.response(200, SessionSchema(many=True), example=[examples.SESSION])
@raises(SessionNotFresh)
def list_sessions(session: Row) -> list[Row]:
    """List your live sessions, oldest first. The session that asks must have begun within a day."""
    if now() - session["session_created_at"] > store.FRESH_AGE:
        raise SessionNotFresh
    return store.listed(session["session_user_id"])


@session_routes.post("/revoke-session")
@session_required
@session_routes.body(RevokeSessionSchema, example={"token": examples.SESSION["token"]})
@session_routes.response(200, StatusSchema(), example=examples.DONE)
@raises(*FOREIGN)
def revoke_session(body: dict[str, str], session: Row) -> dict[str, bool]:
    """End one of your sessions, by the `token` that list-sessions shows. Another's, or none, stays as it is."""
    store.end(session["session_user_id"], body["token"])
    return examples.DONE


@session_routes.post("/revoke-sessions")
@session_required
@session_routes.response(200, StatusSchema(), example=examples.DONE)
@raises(*FOREIGN)
def revoke_sessions(session: Row) -> tuple[dict[str, bool], HeaderList]:
    """End all your sessions, this one included."""
    store.end_all(session["session_user_id"])
    return examples.DONE, withdrawing()


@session_routes.post("/revoke-other-sessions")
@session_required
@session_routes.response(200, StatusSchema(), example=examples.DONE)
@raises(*FOREIGN)
def revoke_other_sessions(session: Row) -> dict[str, bool]:
    """End all your sessions but this one."""
    store.end_all(session["session_user_id"], but=session["session_id"])
    return examples.DONE


@session_routes.get("/token")
@session_required
@session_routes.response(200, TokenSchema(), example={"token": examples.JWT})
def identity(session: Row) -> dict[str, str]:
    """Get a JWT that other services can verify with the keys of /api/auth/jwks.

    It is signed with EdDSA, lasts 15 minutes, names this service as `iss` and `aud`, and cannot be taken back.
    """
    return {"token": identity_token(session)}


@session_routes.get("/jwks")
@session_routes.response(200, KeySetSchema(), example=examples.KEY_SET)
def jwks() -> dict[str, Any]:
    """Get the public keys of the tokens that other services verify (RFC 7517)."""
    return key_set()
