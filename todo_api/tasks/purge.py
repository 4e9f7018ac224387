"""Purging: delete the expired tasks and tombstones of all users, and correct task counts.

Users are purged one by one, so that no lock is held for long.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, or_, select, union, update

from todo_api.database.execution import fetch_all, fetch_one, transaction
from todo_api.tasks.models import LIVE, TRASHED, Task, TaskList, Tombstone
from todo_api.tasks.queries.locking import OWN_LIST, OWNER_ID
from todo_api.tasks.queries.statements import OWN_TASKS

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select

LOCK_LIST = select(TaskList.user_id).where(OWN_LIST).with_for_update()
LOCKED_LIST = LOCK_LIST.cte("locked_list")


def is_expired(column: Any, days: int) -> ColumnElement[bool]:
    """Return the condition that a row was deleted at least so many days ago."""
    condition: ColumnElement[bool] = column <= func.now() - timedelta(days=days)
    return condition


def users_to_purge(days: int) -> list[str]:
    """Return the users with expired tasks or tombstones."""
    tables = (Task, Tombstone)
    users = union(*(select(table.user_id).where(is_expired(table.deleted_at, days)) for table in tables))
    return [row["user_id"] for row in fetch_all(users)]


def purge_user(user_id: str, days: int) -> int:
    """Delete the user's expired tasks and tombstones; return the number of tasks."""
    row = fetch_one(purge_statement(days), {"owner_id": user_id})
    number: int = row["number"] if row else 0
    return number


def purge_statement(days: int) -> Select[Any]:
    """Return the statement that purges a user and records the highest purged version."""
    purged = [purged_rows(table, days) for table in (Task, Tombstone)]
    number = select(func.count()).select_from(purged[0]).scalar_subquery()
    highest = func.greatest(*(select(func.max(rows.c.version)).scalar_subquery() for rows in purged))
    values = {
        "version": TaskList.version + 1,
        "trashed": TaskList.trashed - number,
        "purged": func.greatest(TaskList.purged, highest),
    }
    updated_list = update(TaskList).where(OWN_LIST, highest.is_not(None)).values(values).cte("updated_list")
    return select(number.label("number")).add_cte(updated_list)


def purged_rows(table: type[Task | Tombstone], days: int) -> CTE:
    """Return the CTE that deletes the expired rows of a table."""
    conditions = (table.user_id == OWNER_ID, table.user_id == LOCKED_LIST.c.user_id, is_expired(table.deleted_at, days))
    return delete(table).where(*conditions).returning(table.version).cte(f"purged_{table.__tablename__}")


def users_to_recount() -> list[str]:
    """Return the users whose task counts are wrong."""
    actual = (
        select(
            Task.user_id,
            func.count().filter(LIVE).label("live"),
            func.count().filter(TRASHED).label("trashed"),
        )
        .group_by(Task.user_id)
        .subquery()
    )
    differs = or_(
        *(
            stored != func.coalesce(counted, 0)
            for stored, counted in ((TaskList.live, actual.c.live), (TaskList.trashed, actual.c.trashed))
        )
    )
    lists = TaskList.__table__.outerjoin(actual, TaskList.user_id == actual.c.user_id)

    def compare() -> list[str]:
        fetch_one(select(func.set_config("statement_timeout", "0", True)))  # noqa: FBT003 - it reads all tasks
        return [row["user_id"] for row in fetch_all(select(TaskList.user_id).select_from(lists).where(differs))]

    return transaction(compare)


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
