"""The feeds of a user: create, list, delete."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, exists, func, insert, select, true

from todo_api.auth.guard import LIVE_SESSION, LOCKED_OWNER, Owner, fetch_owned, write_owned
from todo_api.database.execution import fetch_all, transaction
from todo_api.database.statements import Statement
from todo_api.settings import settings
from todo_api.tasks.errors import FeedLimitReached, FeedNotFound
from todo_api.tasks.feeds.models import CalendarFeed
from todo_api.tasks.feeds.tokens import SECRET_SIZE, FeedKey, format_token
from todo_api.tasks.queries.statements import OWNER_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.database.statements import Row

FEEDS_MAX = 10
"""Feeds of a user."""
LOCK_SEED = 1
"""The seed of the advisory lock's key; the locks of idempotency keys have another."""

OWN_FEEDS = CalendarFeed.user_id == OWNER_ID
FEED_COLUMNS = [column for column in CalendarFeed.__table__.c if column.name not in {"user_id", "secret_hash"}]
WRITTEN_COLUMNS = [
    CalendarFeed.__table__.c[name] for name in ("secret_hash", "name", "component", "completed", "priorities", "tags")
]

# The count must see every feed that was committed before the lock. Hence the lock is a statement of its own.
LOCK_FEEDS = Statement(select(func.pg_advisory_xact_lock(func.hashtextextended(OWNER_ID, LOCK_SEED)).label("locked")))
IS_BELOW_LIMIT = select(func.count()).where(OWN_FEEDS).scalar_subquery() < FEEDS_MAX
CREATED = (
    insert(CalendarFeed)
    .from_select(
        ["user_id", *(column.name for column in WRITTEN_COLUMNS)],
        select(OWNER_ID, *(bindparam(column.name, type_=column.type) for column in WRITTEN_COLUMNS))
        .select_from(LOCKED_OWNER)
        .where(IS_BELOW_LIMIT),
    )
    .returning(*FEED_COLUMNS)
    .cte("created")
)
CREATE = Statement(select(CREATED).select_from(LOCKED_OWNER.outerjoin(CREATED, true())))
LIST = Statement(
    select(*FEED_COLUMNS)
    .select_from(LIVE_SESSION.outerjoin(CalendarFeed.__table__, OWN_FEEDS))
    .order_by(CalendarFeed.id)
)
THIS_FEED = and_(OWN_FEEDS, CalendarFeed.id == bindparam("feed_id"))
DELETED = (
    delete(CalendarFeed).where(THIS_FEED, exists(select(LOCKED_OWNER.c.one))).returning(CalendarFeed.id).cte("deleted")
)
DELETE = Statement(select(DELETED).select_from(LOCKED_OWNER.outerjoin(DELETED, true())))


def create(owner: Owner, fields: Mapping[str, Any]) -> Row:
    """Create a feed and return it, with its URL.

    Raises:
        FeedLimitReached: 403.

    """
    key = FeedKey(owner.user_id, 0, secrets.token_bytes(SECRET_SIZE))

    def lock_and_insert() -> Sequence[Row]:
        fetch_all(LOCK_FEEDS, {"owner_id": owner.user_id})
        return write_owned(owner, CREATE, {**fields, "secret_hash": key.secret_hash})

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
