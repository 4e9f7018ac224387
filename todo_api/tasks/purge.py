"""Purging: delete the expired tasks and tombstones of all users in slices, and correct task counts.

A slice is some of the oldest expired rows, by the indexes of `deleted_at`: no other row is read. The rows of each user
in a slice are deleted by a statement of their own, so that no lock is held for long.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sqlalchemy import BigInteger, any_, bindparam, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY

from todo_api.database.execution import fetch_all, fetch_one, transaction
from todo_api.database.slices import SLICE, slices
from todo_api.database.statements import Statement
from todo_api.tasks.models import LIVE, TRASHED, Task, TaskList, Tombstone
from todo_api.tasks.queries.locking import OWN_LIST, OWNER_ID
from todo_api.tasks.queries.statements import OWN_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

Table: TypeAlias = type[Task | Tombstone]

LOCK_LIST = select(TaskList.user_id).where(OWN_LIST).with_for_update()
LOCKED_LIST = LOCK_LIST.cte("locked_list")

CUTOFF = bindparam("cutoff", type_=Task.deleted_at.type)
AFTER = bindparam("after", type_=Task.deleted_at.type)
IDS = bindparam("ids", type_=ARRAY(BigInteger))

COUNTED_USERS = 10
"""Users whose tasks are counted by one statement. With 50,000 tasks each it takes less than its timeout."""


class Expired(NamedTuple):
    """Expired rows of one user."""

    table: Table
    user_id: str
    ids: list[int]
    cutoff: datetime


def expired_rows(days: int) -> Iterator[Expired]:
    """Yield the tasks and tombstones that were deleted at least so many days ago, the oldest first."""
    (row,) = fetch_all(select((func.now() - timedelta(days=days)).label("cutoff")))
    for table in (Task, Tombstone):
        yield from expired_rows_of(table, row["cutoff"])


def expired_rows_of(table: Table, cutoff: datetime) -> Iterator[Expired]:
    """Yield the expired rows of a table.

    A slice includes all rows with the timestamp of its last one, which few users share. So the next slice begins after
    that timestamp, whether or not the rows before could be deleted.
    """
    statement = expired_slice(table)
    after = datetime.min.replace(tzinfo=UTC)
    while rows := fetch_all(statement, {"after": after, "cutoff": cutoff}):
        after = rows[-1]["deleted_at"]
        ids = defaultdict(list)
        for row in rows:
            ids[row["user_id"]].append(row["id"])
        for user_id, user_ids in ids.items():
            for first in range(0, len(user_ids), SLICE):
                yield Expired(table, user_id, user_ids[first : first + SLICE], cutoff)


def expired_slice(table: Table) -> Statement:
    """Return the statement that reads a slice of a table."""
    rows = select(table.user_id, table.id, table.deleted_at).where(table.deleted_at > AFTER, table.deleted_at <= CUTOFF)
    return Statement(rows.order_by(table.deleted_at).fetch(SLICE, with_ties=True), prepared=False)


def purge(expired: Expired) -> int:
    """Delete the rows, unless they have been restored in the meantime. Return the number of deleted ones."""
    values = {"owner_id": expired.user_id, "ids": expired.ids, "cutoff": expired.cutoff}
    (row,) = fetch_all(purge_statement(expired.table), values)
    number: int = row["number"]
    return number


@cache
def purge_statement(table: Table) -> Statement:
    """Return the statement that deletes rows of a user and records the highest purged version."""
    conditions = (table.user_id == OWNER_ID, table.user_id == LOCKED_LIST.c.user_id, table.id == any_(IDS))
    purged = delete(table).where(*conditions, table.deleted_at <= CUTOFF).returning(table.version).cte("purged")
    number = select(func.count()).select_from(purged).scalar_subquery()
    highest = select(func.max(purged.c.version)).scalar_subquery()
    values = {"version": TaskList.version + 1, "purged": func.greatest(TaskList.purged, highest)}
    if table is Task:
        values["trashed"] = TaskList.trashed - number
    updated_list = update(TaskList).where(OWN_LIST, highest.is_not(None)).values(values).cte("updated_list")
    return Statement(select(number.label("number")).add_cte(updated_list))


def users_to_recount() -> Iterator[list[str]]:
    """Yield the users whose task counts are wrong, by slices of users. It reads all tasks."""
    counts = (
        select(func.count().filter(LIVE).label("live"), func.count().filter(TRASHED).label("trashed"))
        .where(Task.user_id == TaskList.user_id)
        .lateral("counts")
    )
    is_wrong = or_(TaskList.live != counts.c.live, TaskList.trashed != counts.c.trashed)
    users = select(TaskList.user_id, is_wrong.label("is_wrong")).join(counts, true())
    for rows in slices(users, TaskList.user_id, size=COUNTED_USERS):
        yield [row["user_id"] for row in rows if row["is_wrong"]]


def recount_user(user_id: str) -> bool:
    """Count the user's tasks while their list is locked; return whether the user still exists.

    Lock and count are two statements, so that the count sees everything that was committed before the lock.
    """
    number = select(func.count()).where(OWN_TASKS)
    values = {
        "version": TaskList.version + 1,
        "live": number.where(LIVE).scalar_subquery(),
        "trashed": number.where(TRASHED).scalar_subquery(),
    }
    recount = update(TaskList).where(OWN_LIST).values(values).returning(TaskList.user_id)

    def lock_and_count() -> bool:
        fetch_all(LOCK_LIST, {"owner_id": user_id})
        return fetch_one(recount, {"owner_id": user_id}) is not None

    return transaction(lock_and_count)
