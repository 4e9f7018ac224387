"""The statements about one task. Each is one round trip, limited to the tasks of one user and to a live session.

They are built once; the values of a request are parameters. Conditions are part of the statement: PostgreSQL evaluates
them again on the current row once it holds the lock of the list.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    and_,
    any_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_api.auth.guard import LIVE_SESSION
from todo_api.database.statements import Statement
from todo_api.tasks.models import LIVE, TRASHED, Task, TaskList, Tombstone
from todo_api.tasks.queries.locking import LOCKED_LIST, OWN_LIST, OWNER_ID, locked_result, update_list
from todo_api.tasks.queries.projection import task_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, SQLColumnExpression

OWN_TASKS = Task.user_id == OWNER_ID
THIS_TASK = and_(OWN_TASKS, Task.id == bindparam("task_id"))
VERSIONS = ARRAY(BigInteger)
IF_MATCH = bindparam("if_match", type_=VERSIONS)
"""The versions that If-Match accepts; null accepts any version."""
ORDER_STEP = 1024
"""The distance between the `order` of two new tasks, so that others can be moved between them."""

IN_LOCKED_LIST = Task.user_id == LOCKED_LIST.c.user_id
MOMENT = LOCKED_LIST.c.moment

GET = Statement(
    select(*task_columns(Task.__table__.c)).select_from(LIVE_SESSION.outerjoin(Task.__table__, and_(THIS_TASK, LIVE)))
)


def matches_if_match(version: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that If-Match accepts the version."""
    return or_(IF_MATCH.is_(None), version == any_(IF_MATCH))


def write_statement(written: CTE, columns: Sequence[Any], state: ColumnElement[bool], *ctes: CTE) -> Statement:
    """Return the statement that writes a task and returns columns of it.

    The columns are null if no task was written. `present` then distinguishes a task of another version from a missing
    one.
    """
    present = case((IF_MATCH.is_not(None), exists(select(Task.id).where(THIS_TASK, state)))).label("present")
    return Statement(locked_result(*columns, present, written=written).add_cte(*ctes))


def update_task(values: Mapping[str, Any], *conditions: ColumnElement[bool]) -> CTE:
    """Return the CTE that sets columns of the task if the conditions hold."""
    matching = update(Task).where(THIS_TASK, IN_LOCKED_LIST, *conditions)
    return matching.values(version=LOCKED_LIST.c.version, **values).returning(Task).cte("updated")


def update_statement(values: Mapping[str, Any], *, state: ColumnElement[bool] = LIVE, live: int = 0) -> Statement:
    """Return the statement that sets columns of a task; `live` is the change of the number of tasks outside the trash.

    Only a task in the given state, LIVE or TRASHED, is updated.
    """
    updated = update_task(values, state, matches_if_match(Task.version))
    deltas = {"live": live, "trashed": -live} if live else {}
    return write_statement(updated, task_columns(updated.c), state, update_list(updated, **deltas))


@cache
def set_fields(fields: frozenset[str]) -> Statement:
    """Return the statement that sets these fields of a task, but for `completed`."""
    return update_statement({"updated_at": MOMENT, **{name: column_parameter(name) for name in sorted(fields)}})


def permanent_deletion(*conditions: ColumnElement[bool]) -> tuple[CTE, CTE, CTE]:
    """Return the CTEs that delete tasks permanently, insert their tombstones and update the list."""
    deleted = (
        delete(Task)
        .where(OWN_TASKS, IN_LOCKED_LIST, *conditions)
        .returning(Task.id, Task.deleted_at, LOCKED_LIST.c.version.label("version"))
        .cte("deleted")
    )
    rows = select(OWNER_ID, deleted.c.id, deleted.c.version)
    tombstones = insert(Tombstone).from_select(["user_id", "id", "version"], rows).cte("tombstones")
    live = select(func.count()).where(deleted.c.deleted_at.is_(None)).scalar_subquery()
    trashed = select(func.count()).where(deleted.c.deleted_at.is_not(None)).scalar_subquery()
    return deleted, tombstones, update_list(deleted, live=-live, trashed=-trashed)


def delete_permanently_statement() -> Statement:
    """Return the statement that deletes a task permanently, in the trash or outside."""
    deleted, *ctes = permanent_deletion(THIS_TASK, matches_if_match(Task.version))
    return write_statement(deleted, (deleted.c.id,), true(), *ctes)


TRASH = update_statement({"deleted_at": MOMENT}, live=-1)
RESTORE = update_statement({"deleted_at": None}, state=TRASHED, live=1)
DELETE_PERMANENTLY = delete_permanently_statement()


@cache
def create(fields: frozenset[str]) -> Statement:
    """Return the statement that creates a task with these fields.

    The columns of the task are null if the user has reached the task limit.
    """
    values: dict[str, Any] = {
        "user_id": OWNER_ID,
        "version": LOCKED_LIST.c.version,
        "order": default_order(),
        **{name: column_parameter(name) for name in sorted(fields)},
    }
    if "completed" in fields:
        values["completed_at"] = case((column_parameter("completed"), MOMENT))
    rows = select(*values.values()).where(LOCKED_LIST.c.number < bindparam("task_limit"))
    created = insert(Task).from_select(list(values), rows).returning(Task).cte("created")
    result = locked_result(*task_columns(created.c), written=created)
    return Statement(result.add_cte(update_list(created, live=1)))


def default_order() -> ColumnElement[float]:
    """Return the `order` after the last task.

    The snapshot of the statement lacks tasks that were created while it waited for the lock on the list. One step is
    left for each version that the list has gained meanwhile.
    """
    highest = select(func.coalesce(func.max(Task.order), 0)).where(OWN_TASKS, LIVE).scalar_subquery()
    snapshot_version = select(TaskList.version).where(OWN_LIST).scalar_subquery()
    return highest + ORDER_STEP * (LOCKED_LIST.c.version - snapshot_version)


def column_parameter(name: str) -> Any:
    """Return the bind parameter of a column, with the column's type."""
    return bindparam(name, type_=Task.__table__.c[name].type)
