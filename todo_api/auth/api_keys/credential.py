"""The API key as a credential of a request: the row that statements join, why a key is refused, and its day of use."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import psycopg2
from flask import Response, after_this_request, g
from sqlalchemy import Date, Text, and_, any_, bindparam, func, literal, or_, select, update
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from server.logging import bind_context
from todo_api.auth.api_keys.encoding import parse
from todo_api.auth.api_keys.errors import APIKeyExpired, InsufficientScope, InvalidAPIKey
from todo_api.auth.models import APIKey
from todo_api.clock import now
from todo_api.database.execution import fetch_all, fetch_one
from todo_api.database.statements import Statement

if TYPE_CHECKING:
    from datetime import date

    from todo_api.auth.api_keys.scopes import Scope

USED_KEYS_MAX = 4096
"""The number of keys whose day of use a process remembers."""


class PresentedKey(NamedTuple):
    """A well-formed key, and the scope that the route requires. Statements check both."""

    user_id: str
    id: str
    hash: bytes
    scope: Scope

    @property
    def parameters(self) -> dict[str, str | bytes]:
        """The parameters of `LIVE_KEY`."""
        return {
            "owner_id": self.user_id,
            "owner_key": self.id,
            "owner_key_hash": self.hash,
            "owner_scope": self.scope,
        }


THIS_KEY = and_(
    APIKey.user_id == bindparam("owner_id"),
    APIKey.id == bindparam("owner_key"),
    APIKey.hash == bindparam("owner_key_hash"),
)
IS_UNEXPIRED = or_(APIKey.expires_at.is_(None), APIKey.expires_at > func.now())
HAS_SCOPE = bindparam("owner_scope", type_=Text) == any_(APIKey.scopes)
LIVE_KEY = select(literal(1).label("one")).where(THIS_KEY, APIKey.enabled, IS_UNEXPIRED, HAS_SCOPE).cte("live_session")
"""One row while the key is valid and has the scope; else none. It takes the place of the session in a statement."""

FIND_KEY = Statement(
    select(APIKey.enabled, IS_UNEXPIRED.label("is_unexpired"), HAS_SCOPE.label("has_scope")).where(THIS_KEY)
)
SET_LAST_USED = Statement(
    update(APIKey)
    .where(
        APIKey.user_id == bindparam("used_by"),
        APIKey.id == bindparam("used_key"),
        func.coalesce(APIKey.last_used_on < bindparam("day", type_=Date), True),
    )
    .values(last_used_on=bindparam("day", type_=Date))
    .returning(APIKey.id)
)


def presented_key(text: str, scope: Scope) -> PresentedKey:
    """Return the key that a request presents.

    Raises:
        InvalidAPIKey: 401, if the text is not a well-formed key.

    """
    key = parse(text)
    if key is None:
        raise InvalidAPIKey
    return PresentedKey(*key, scope)


def check_key(key: PresentedKey) -> None:
    """Find out why a statement found no valid key. Return if the key is valid.

    Raises:
        InvalidAPIKey: 401.
        APIKeyExpired: 401.
        InsufficientScope: 403.

    """
    row = fetch_one(FIND_KEY, key.parameters)
    if row is None or not row["enabled"]:
        raise InvalidAPIKey
    if not row["is_unexpired"]:
        raise APIKeyExpired
    if not row["has_scope"]:
        raise InsufficientScope(key.scope)


def record_use(key: PresentedKey) -> None:
    """Name a key that was valid in the log, and store the day after the statements of the request."""
    if "used_key" in g:
        return
    g.used_key = key.id
    bind_context(user=key.user_id, api_key=key.id)

    @after_this_request
    def store_day(response: Response) -> Response:
        with suppress(psycopg2.Error, PoolTimeoutError):  # the next request tries again
            store_last_use(key.user_id, key.id, now().date())
        return response


@lru_cache(USED_KEYS_MAX)
def store_last_use(user_id: str, key_id: str, day: date) -> None:
    """Store the day on which a key was used. The cache makes it once per process, key and day."""
    fetch_all(SET_LAST_USED, {"used_by": user_id, "used_key": key_id, "day": day})
