"""The API keys of a user: create, list, change and delete."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Text, asc, delete, desc, exists, func, insert, literal, null, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY

from todo_api.auth.api_keys.encoding import new_key
from todo_api.auth.api_keys.errors import APIKeyLimitReached, KeyNotFound, UnauthorizedSession
from todo_api.auth.models import APIKey, Session, User
from todo_api.auth.sessions.store import is_session
from todo_api.database.execution import fetch_all, fetch_one, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Null, Select
    from sqlalchemy.orm import InstrumentedAttribute
    from sqlalchemy.sql.dml import ReturningUpdate

    from todo_api.auth.api_keys.encoding import ParsedKey
    from todo_api.database.execution import Runnable
    from todo_api.database.statements import Row

COLUMNS = [column for column in APIKey.__table__.c if column.name != "hash"]
"""What is read of a key."""


class NewKey(NamedTuple):
    """The text of a new key, which is shown once, and its row."""

    text: str
    row: Row


def create_key(user_id: str, session_id: str | None, fields: Mapping[str, Any]) -> NewKey:
    """Create a key of the user, for a live session of the user or, without a session id, for a command.

    Raises:
        UnauthorizedSession: 401, if the session has ended.
        APIKeyLimitReached: 403.

    """
    text, parsed = new_key(user_id)
    row = fetch_locked(user_id, insertion(parsed, session_id, fields))
    if row is None:
        raise UnauthorizedSession
    if row["id"] is None:
        raise APIKeyLimitReached
    return NewKey(text, row)


def fetch_locked(user_id: str, statement: Runnable) -> Row | None:
    """Lock the user's row, run the statement, and return its first row, if it has one.

    Concurrent requests cannot exceed the limit together, and a password reset comes before the statement or after it.
    """

    def work() -> Row | None:
        fetch_all(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
        return fetch_one(statement)

    return transaction(work)


def insertion(key: ParsedKey, session_id: str | None, fields: Mapping[str, Any]) -> Select[Any]:
    """Return the statement that inserts a key: no row without a live session, a row of nulls at the limit."""
    is_allowed = User.id == key.user_id if session_id is None else is_session(key.user_id, session_id)
    allowed = select(literal(1).label("one")).where(is_allowed).cte("allowed")
    number = select(func.count()).where(APIKey.user_id == key.user_id).scalar_subquery()
    values: dict[str, ColumnElement[Any]] = {
        "user_id": literal(key.user_id),
        "id": literal(key.id),
        "hash": literal(key.hash),
        "name": literal(fields.get("name"), Text),
        "scopes": literal(fields["scopes"], ARRAY(Text)),
        "expires_at": expiry(fields.get("expires_in")),
    }
    row = select(*values.values()).select_from(allowed).where(number < APIKey.NUMBER_MAX)
    created = insert(APIKey).from_select(list(values), row).returning(*COLUMNS).cte("created")
    return select(created).select_from(allowed.outerjoin(created, true()))


def expiry(expires_in: float | None) -> ColumnElement[datetime] | Null:
    """Return when a key expires that is valid for so many seconds, or null if it does not expire."""
    return null() if expires_in is None else func.now() + timedelta(seconds=expires_in)


def list_keys(user_id: str, sort_column: InstrumentedAttribute[Any], *, descending: bool) -> list[Row]:
    """Return the user's keys in the order of a column. Their number is limited, so there are no pages."""
    order = desc(sort_column) if descending else asc(sort_column)
    return fetch_all(select(*COLUMNS).where(APIKey.user_id == user_id).order_by(order, APIKey.id))


def get_key(user_id: str, key_id: str) -> Row:
    """Return a key of the user.

    Raises:
        KeyNotFound: 404.

    """
    return require_key(fetch_one(select(*COLUMNS).where(APIKey.user_id == user_id, APIKey.id == key_id)))


def update_key(user_id: str, session_id: str, key_id: str, fields: Mapping[str, Any]) -> Row:
    """Change fields of a key for a live session of the user, and return it.

    Raises:
        KeyNotFound: 404, also if the session has ended meanwhile.

    """
    values = {**fields, "updated_at": func.now()}
    if "expires_in" in values:
        values["expires_at"] = expiry(values.pop("expires_in"))
    is_live = exists(select(Session.id).where(is_session(user_id, session_id)))
    changed = update(APIKey).where(APIKey.user_id == user_id, APIKey.id == key_id, is_live).values(values)
    return require_key(fetch_locked(user_id, changed.returning(*COLUMNS)))


def delete_key(user_id: str, key_id: str) -> None:
    """Delete a key.

    Raises:
        KeyNotFound: 404.

    """
    deletion = delete(APIKey).where(APIKey.user_id == user_id, APIKey.id == key_id)
    require_key(fetch_one(deletion.returning(APIKey.id)))


def disable_keys(is_owner: ColumnElement[bool]) -> ReturningUpdate[str]:
    """Return the statement that disables the keys of a user, who can enable them again."""
    disabled = update(APIKey).where(is_owner, APIKey.enabled).values(enabled=False, updated_at=func.now())
    return disabled.returning(APIKey.id)


def disable_all_keys(user_id: str) -> None:
    """Disable all keys of the user."""
    fetch_all(disable_keys(APIKey.user_id == user_id))


def require_key(row: Row | None) -> Row:
    """Return the row of a key.

    Raises:
        KeyNotFound: 404, if there is none.

    """
    if row is None:
        raise KeyNotFound
    return row
