"""Reading a feed by its token: a statement finds the feed and reads the tasks, and then the request is counted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, Text, any_, bindparam, cast, exists, func, not_, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY

from server.logging import bind_context
from server.setting_parsers.rates import Rate
from todo_api.database.execution import fetch_all
from todo_api.database.statements import Statement
from todo_api.http.errors import NotFound
from todo_api.rate_limiting.enforcement import current_store, enforce
from todo_api.rate_limiting.limits import limit_for
from todo_api.settings import settings
from todo_api.tasks.feeds.models import CalendarFeed
from todo_api.tasks.feeds.queries import THIS_FEED
from todo_api.tasks.models import LIVE, Task, TaskList
from todo_api.tasks.queries.filters import has_tags
from todo_api.tasks.queries.locking import OWN_LIST
from todo_api.tasks.queries.projection import task_json
from todo_api.tasks.queries.statements import OWN_TASKS
from todo_api.tasks.transfer.schemas import TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from todo_api.database.statements import Row
    from todo_api.tasks.feeds.tokens import FeedKey

READ_RATE = Rate(60, timedelta(minutes=1))
"""Requests for one feed, by all its readers."""
DAYS_BEFORE = 30
DAYS_AFTER = 400
"""A feed has the tasks that are due from so many days before today to so many days after it."""
ENTRIES_MAX = 1_000

TODAY = func.current_date()  # in UTC, the time zone of every connection
DUE_DAY = func.coalesce(Task.due_on, cast(Task.due_at, Date))

FEED = select(CalendarFeed).where(THIS_FEED, CalendarFeed.secret_hash == bindparam("feed_secret_hash")).cte("feed")
MARK_READ = (
    update(CalendarFeed)
    .where(THIS_FEED, exists(select(FEED.c.id)), CalendarFeed.last_read_on.is_distinct_from(TODAY))
    .values(last_read_on=TODAY)
    .cte("mark_read")
)
"""At most one write per day: two concurrent readers of one feed lock its row in turn, and the second finds today."""

ENTITY_TAG = func.concat_ws("-", FEED.c.id, func.coalesce(TaskList.version, 0), func.to_char(TODAY, "YYYYMMDD"))
"""It has the day, because the tasks of a feed change with it."""
IS_MODIFIED = not_(any_(bindparam("known_tags", type_=ARRAY(Text))) == ENTITY_TAG)
MATCHES_FILTER: tuple[Any, ...] = (
    or_(FEED.c.completed.is_(None), Task.completed == FEED.c.completed),
    or_(func.cardinality(FEED.c.priorities) == 0, Task.priority == any_(FEED.c.priorities)),
    or_(func.cardinality(FEED.c.tags) == 0, has_tags(FEED.c.tags)),
)
ENTRIES = (
    select(Task.id, Task.version, task_json(Task.__table__.c, TransferTaskSchema()), DUE_DAY.label("due_day"))
    .where(OWN_TASKS, LIVE, DUE_DAY.between(TODAY - DAYS_BEFORE, TODAY + DAYS_AFTER), *MATCHES_FILTER)
    .where(IS_MODIFIED)
    .correlate(FEED, TaskList)
    .order_by("due_day", Task.id)
    .limit(ENTRIES_MAX)
    .lateral("entries")
)
READ = Statement(
    select(
        *ENTRIES.c,
        FEED.c.name.label("feed_name"),
        FEED.c.component.label("feed_component"),
        ENTITY_TAG.label("entity_tag"),
    )
    .select_from(FEED.outerjoin(TaskList, OWN_LIST).outerjoin(ENTRIES, true()))
    .order_by(ENTRIES.c.due_day, ENTRIES.c.id)
    .add_cte(MARK_READ)
)


def read(key: FeedKey, known_tags: Sequence[str]) -> list[Row]:
    """Return the rows of a feed's tasks, each with the feed; one row of nulls if there are none, or none are needed.

    A key that is unknown, malformed, revoked or of a deleted user takes the same statement, and is not counted.

    Raises:
        NotFound: 404, if no feed has the key.
        TooManyRequests: 429.

    """
    values = {"owner_id": key.user_id, "feed_id": key.feed_id, "feed_secret_hash": key.secret_hash}
    rows = fetch_all(READ, {**values, "known_tags": list(known_tags)})
    if not rows:
        raise NotFound
    bind_context(user=key.user_id, feed=key.feed_id)
    limit = limit_for("feed", f"{key.user_id} {key.feed_id}", READ_RATE, settings().rate_limit_user_scale)
    (usage,) = current_store().consume([limit])
    if usage.is_exceeded:
        enforce([usage])
    return rows
