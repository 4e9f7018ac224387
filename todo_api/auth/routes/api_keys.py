"""The routes of API keys, for the client of Better Auth's plugin."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from todo_api.auth import examples
from todo_api.auth.api_keys import store as api_keys
from todo_api.auth.api_keys.encoding import start
from todo_api.auth.api_keys.errors import (
    APIKeyLimitReached,
    ExpiresInTooLarge,
    ExpiresInTooSmall,
    InvalidNameLength,
    KeyNotFound,
    MetadataDisabled,
    NoValuesToUpdate,
    ServerOnlyProperty,
    UnauthorizedSession,
)
from todo_api.auth.api_keys.notice import mail_notice
from todo_api.auth.api_keys.scopes import DEFAULT_SCOPES, permissions_of
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import InvalidOrigin, MissingOrigin, SessionNotFresh
from todo_api.auth.models import APIKey
from todo_api.auth.rate_limits import consume_attempt
from todo_api.auth.schemas.account import SuccessSchema
from todo_api.auth.schemas.api_keys import (
    EXPIRES_IN_MAX,
    EXPIRES_IN_MIN,
    SERVER_ONLY,
    SORT_COLUMNS,
    UNUSED_PROPERTIES,
    APIKeyListParameters,
    APIKeyListSchema,
    APIKeyParameters,
    APIKeySchema,
    CreateAPIKeySchema,
    DeleteAPIKeySchema,
    NewAPIKeySchema,
    UpdateAPIKeySchema,
)
from todo_api.auth.sessions import store
from todo_api.auth.sessions.session_guard import session_guard, session_required
from todo_api.clock import now
from todo_api.http.documentation import raises
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.database.statements import Row

CROSS_SITE = (InvalidOrigin, MissingOrigin)
INVALID_VALUE = (InvalidNameLength, ExpiresInTooSmall, ExpiresInTooLarge, ServerOnlyProperty, MetadataDisabled)


@auth.post("/api-key/create", tags=["api keys"])
@session_guard(UnauthorizedSession)
@auth.body(CreateAPIKeySchema, example={"name": "nightly backup", "permissions": {"tasks": ["read"]}})
@auth.response(200, NewAPIKeySchema(), example=examples.NEW_KEY)
@raises(SessionNotFresh, APIKeyLimitReached, *INVALID_VALUE, *CROSS_SITE)
def create_api_key(body: dict[str, Any], session: Row) -> dict[str, Any]:
    """Create an API key.

    Creates a credential for a script, which lasts until it expires or is deleted. `key` is returned this once. Send it
    as `Authorization: Bearer …` or as `X-API-Key`. It opens your tasks as far as its `permissions` reach, and no route
    under /api/auth. The session must be at most one day old. A mail tells you of the key.
    """
    require_fresh(session)
    fields = check_values(body, name_min=0)
    consume_attempt("api-key", settings().rate_limit_reset, session["id"])
    key = api_keys.create_key(session["id"], session["session_id"], {"scopes": list(DEFAULT_SCOPES), **fields})
    mail_notice(session["email"], key.row)
    return {**key_response(key.row), "key": key.text}


@auth.get("/api-key/list", tags=["api keys"])
@session_required
@auth.query(APIKeyListParameters)
@auth.response(200, APIKeyListSchema(), example={"apiKeys": [examples.KEY], "total": 1})
def list_api_keys(parameters: dict[str, Any], session: Row) -> dict[str, Any]:
    """List your API keys.

    Returns your keys without their text, oldest first or sorted by `sortBy`.
    """
    sort_column = SORT_COLUMNS[parameters.get("sort_by", "createdAt")]
    keys = api_keys.list_keys(session["id"], sort_column, descending=parameters.get("direction") == "desc")
    page: dict[str, Any] = {name: parameters[name] for name in ("limit", "offset") if name in parameters}
    first = page.get("offset", 0)
    shown = keys[first : first + page.get("limit", len(keys))]
    return {"apiKeys": [key_response(key) for key in shown], "total": len(keys), **page}


@auth.get("/api-key/get", tags=["api keys"])
@session_required
@auth.query(APIKeyParameters)
@auth.response(200, APIKeySchema(), example=examples.KEY)
@raises(KeyNotFound)
def get_api_key(parameters: dict[str, str], session: Row) -> dict[str, Any]:
    """Get an API key.

    Returns one of your keys without its text.
    """
    return key_response(api_keys.get_key(session["id"], parameters["id"]))


@auth.post("/api-key/update", tags=["api keys"])
@session_guard(UnauthorizedSession)
@auth.body(UpdateAPIKeySchema, example={"keyId": examples.KEY["id"], "enabled": False})
@auth.response(200, APIKeySchema(), example=examples.KEY)
@raises(SessionNotFresh, KeyNotFound, NoValuesToUpdate, *INVALID_VALUE, *CROSS_SITE)
def update_api_key(body: dict[str, Any], session: Row) -> dict[str, Any]:
    """Update an API key.

    Changes its name, its permissions or its expiry, or enables or disables it. A disabled key is refused at once. For
    new permissions, a new expiry and to enable a key, the session must be at most one day old.
    """
    key_id = body.pop("id")
    fields = check_values(body, name_min=1)
    if not fields:
        raise NoValuesToUpdate
    if fields.keys() & {"scopes", "expires_in"} or fields.get("enabled"):
        require_fresh(session)
    return key_response(api_keys.update_key(session["id"], session["session_id"], key_id, fields))


@auth.post("/api-key/delete", tags=["api keys"])
@session_required
@auth.body(DeleteAPIKeySchema, example={"keyId": examples.KEY["id"]})
@auth.response(200, SuccessSchema(), example={"success": True})
@raises(KeyNotFound, *CROSS_SITE)
def delete_api_key(body: dict[str, str], session: Row) -> dict[str, bool]:
    """Delete an API key.

    The key is refused from the next request on, on every server.
    """
    api_keys.delete_key(session["id"], body["id"])
    return {"success": True}


def require_fresh(session: Row) -> None:
    """Require a session of at most one day, because a key outlives its session.

    Raises:
        SessionNotFresh: 403.

    """
    if now() - session["session_created_at"] > store.FRESH_AGE:
        raise SessionNotFresh


def check_values(body: dict[str, Any], *, name_min: int) -> dict[str, Any]:
    """Return the fields of a key, after a check of what has a code of its own.

    Raises:
        ServerOnlyProperty, MetadataDisabled, InvalidNameLength, ExpiresInTooSmall, ExpiresInTooLarge: 400.

    """
    if any(body.pop(name, None) is not None for name in SERVER_ONLY):
        raise ServerOnlyProperty
    if body.pop("metadata", None) is not None:
        raise MetadataDisabled
    if "name" in body and not name_min <= len(body["name"]) <= APIKey.NAME_MAX:
        raise InvalidNameLength
    expires_in = body.get("expires_in")
    if expires_in is not None and expires_in < EXPIRES_IN_MIN:
        raise ExpiresInTooSmall
    if expires_in is not None and expires_in > EXPIRES_IN_MAX:
        raise ExpiresInTooLarge
    return body


def key_response(row: Row) -> dict[str, Any]:
    """Return a key as Better Auth shows it, without its text."""
    day = row["last_used_on"]
    return {
        **row,
        **UNUSED_PROPERTIES,
        "start": start(row["user_id"], row["id"]),
        "permissions": permissions_of(row["scopes"]),
        "lastRequest": day and datetime.combine(day, time(), UTC),
    }
