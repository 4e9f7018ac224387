"""The end of what was deleted, for whoever runs the service: for all users, one by one, so that nobody waits long."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, or_, select, union, update
from sqlalchemy.dialects.postgresql import insert

from todo_api.database.execution import fetch_all, fetch_one, transaction
from todo_api.tasks.models import LIVE, TRASHED, Task, TaskList, Tombstone
from todo_api.tasks.queries.statements import OWN_LIST, OWN_TASKS, OWNER_ID

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select

LOCK_LIST = select(TaskList.user_id).where(OWN_LIST).with_for_update()
LOCKED_LIST = LOCK_LIST.cte("locked")


def is_old(column: Any, days: int) -> ColumnElement[bool]:
    """Return the condition that something was deleted at least so many days ago."""
    condition: ColumnElement[bool] = column <= func.now() - timedelta(days=days)
    return condition


def users_with_old(days: int) -> list[str]:
    """Return the users of whom something is to be purged."""
    tables = (Task, Tombstone)
    old = union(*(select(table.user_id).where(is_old(table.deleted_at, days)) for table in tables))
    return [row["user_id"] for row in fetch_all(old)]


def purge_user(user_id: str, days: int) -> int:
    """Delete what the user's trash has kept so long and old traces of what was deleted; return the number of tasks."""
    row = fetch_one(purge_statement(days), {"owner_id": user_id})
    number: int = row["number"] if row else 0
    return number


def purge_statement(days: int) -> Select[Any]:
    """Return the statement that purges, and notes the highest version of which nothing is left."""
    parts = [purge_table(table, days) for table in (Task, Tombstone)]
    number = select(func.count()).select_from(parts[0]).scalar_subquery()
    newest = func.greatest(*(select(func.max(part.c.version)).scalar_subquery() for part in parts))
    values = {
        "version": TaskList.version + 1,
        "trashed": TaskList.trashed - number,
        "purged": func.greatest(TaskList.purged, newest),
    }
    counted = update(TaskList).where(OWN_LIST, newest.is_not(None)).values(values).cte("counted")
    return select(number.label("number")).add_cte(counted)


def purge_table(table: type[Task | Tombstone], days: int) -> CTE:
    """Return the part that deletes from a table what is old."""
    which = (table.user_id == OWNER_ID, table.user_id == LOCKED_LIST.c.user_id, is_old(table.deleted_at, days))
    return delete(table).where(*which).returning(table.version).cte(f"purged_{table.__tablename__}")


def users_miscounted() -> list[str]:
    """Return the users of whose tasks there are others than are counted."""
    counts = (
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
            func.coalesce(kept, 0) != func.coalesce(real, 0)
            for kept, real in ((TaskList.live, counts.c.live), (TaskList.trashed, counts.c.trashed))
        )
    )
    both = TaskList.__table__.join(counts, TaskList.user_id == counts.c.user_id, full=True)
    who = func.coalesce(TaskList.user_id, counts.c.user_id).label("user_id")

    def compared() -> list[str]:
        fetch_one(select(func.set_config("statement_timeout", "0", True)))  # noqa: FBT003 - it reads all tasks
        return [row["user_id"] for row in fetch_all(select(who).select_from(both).where(differs))]

    return transaction(compared)


def recount_user(user_id: str) -> bool:
    """Count the user's tasks while nobody changes them; return whether there is such a user still.

    In a statement after the one that locks, so that it sees what was committed while that one waited.
    """
    number = select(func.count()).where(OWN_TASKS)
    values = {
        "version": TaskList.version + 1,
        "live": number.where(LIVE).scalar_subquery(),
        "trashed": number.where(TRASHED).scalar_subquery(),
    }
    raised = update(TaskList).where(OWN_LIST).values(values).returning(TaskList.user_id)

    def counted() -> bool:
        made = insert(TaskList).from_select(["user_id"], select(Task.user_id).where(OWN_TASKS).limit(1))
        fetch_all(made.on_conflict_do_nothing().returning(TaskList.user_id), {"owner_id": user_id})
        fetch_all(LOCK_LIST, {"owner_id": user_id})
        return fetch_one(raised, {"owner_id": user_id}) is not None

    return transaction(counted)
