"""The feeds of a user: create, list, delete."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, func, insert, select, true

from todo_api.auth.guard import LIVE_SESSION, Owner, fetch_owned, lock_owner
from todo_api.database.execution import transaction
from todo_api.database.statements import Statement
from todo_api.settings import settings
from todo_api.tasks.errors import FeedLimitReached, FeedNotFound
from todo_api.tasks.feeds.models import CalendarFeed
from todo_api.tasks.feeds.tokens import SECRET_SIZE, FeedKey, format_token
from todo_api.tasks.queries.locking import LOCK_LIST, LOCKED_LIST, OWNER_ID, locked_result, update_list, write_owned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.database.statements import Row

FEEDS_MAX = 10
"""Feeds of a user."""

OWN_FEEDS = CalendarFeed.user_id == OWNER_ID
FEED_COLUMNS = [column for column in CalendarFeed.__table__.c if column.name not in {"user_id", "secret_hash"}]
WRITTEN_COLUMNS = [
    CalendarFeed.__table__.c[name] for name in ("secret_hash", "name", "component", "completed", "priorities", "tags")
]

IS_BELOW_LIMIT = select(func.count()).where(OWN_FEEDS).scalar_subquery() < FEEDS_MAX
CREATED = (
    insert(CalendarFeed)
    .from_select(
        ["user_id", *(column.name for column in WRITTEN_COLUMNS)],
        select(OWNER_ID, *(bindparam(column.name, type_=column.type) for column in WRITTEN_COLUMNS))
        .select_from(LIVE_SESSION)
        .where(IS_BELOW_LIMIT),
    )
    .returning(*FEED_COLUMNS)
    .cte("created")
)
CREATE = Statement(select(CREATED).select_from(LIVE_SESSION.outerjoin(CREATED, true())))
LIST = Statement(
    select(*FEED_COLUMNS)
    .select_from(LIVE_SESSION.outerjoin(CalendarFeed.__table__, OWN_FEEDS))
    .order_by(CalendarFeed.id)
)
THIS_FEED = and_(OWN_FEEDS, CalendarFeed.id == bindparam("feed_id"))
DELETED = (
    delete(CalendarFeed)
    .where(THIS_FEED, CalendarFeed.user_id == LOCKED_LIST.c.user_id)
    .returning(CalendarFeed.id)
    .cte("deleted")
)
DELETE = Statement(locked_result(DELETED.c.id, written=DELETED).add_cte(update_list(None)))


def create(owner: Owner, fields: Mapping[str, Any]) -> Row:
    """Create a feed and return it, with its URL.

    Raises:
        FeedLimitReached: 403.

    """
    key = FeedKey(owner.user_id, 0, secrets.token_bytes(SECRET_SIZE))

    def lock_and_insert() -> Sequence[Row]:
        # Statements of their own: the count must see every feed that was committed before the lock of the list.
        lock_owner(owner)
        write_owned(owner, LOCK_LIST, {})
        return fetch_owned(owner, CREATE, {**fields, "secret_hash": key.secret_hash})

    row = transaction(lock_and_insert)[0]
    if row["id"] is None:
        raise FeedLimitReached
    token = format_token(key._replace(feed_id=row["id"]))
    return {**feed(row), "url": f"{settings().public_url}/api/feeds/{token}.ics"}


def list_all(owner: Owner) -> list[Row]:
    """Return the owner's feeds, oldest first."""
    return [feed(row) for row in fetch_owned(owner, LIST, {}) if row["id"] is not None]


def delete_one(owner: Owner, feed_id: int) -> None:
    """Delete a feed.

    Raises:
        FeedNotFound: 404, if the owner has no such feed.

    """
    if write_owned(owner, DELETE, {"feed_id": feed_id})[0]["id"] is None:
        raise FeedNotFound


def feed(row: Row) -> Row:
    """Return the row with its filter as the schema nests it."""
    return {**row, "filter": row}
