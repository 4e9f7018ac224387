"""The statements about one task. Each is one round trip, limited to the tasks of one user and to a live session.

They are built once; the values of a request are parameters. A statement that writes locks the user's row, then the row
in `task_lists`, and only then tasks: the writes of a user are serialised and cannot deadlock. Conditions are part of
the statement: PostgreSQL evaluates them again on the current row once it holds the lock.
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
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_api.auth.guard import LIVE_SESSION, LOCKED_OWNER
from todo_api.database.statements import Statement
from todo_api.tasks.models import LIVE, TRASHED, Task, TaskList, Tombstone
from todo_api.tasks.queries.projection import task_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, SQLColumnExpression

OWNER_ID: ColumnElement[str] = bindparam("owner_id")
OWN_TASKS = Task.user_id == OWNER_ID
OWN_LIST = TaskList.user_id == OWNER_ID
THIS_TASK = and_(OWN_TASKS, Task.id == bindparam("task_id"))
VERSIONS = ARRAY(BigInteger)
IF_MATCH = bindparam("if_match", type_=VERSIONS)
"""The versions that If-Match accepts; null accepts any version."""
ORDER_STEP = 1024
"""The distance between the `order` of two new tasks, so that others can be moved between them."""

LOCKED_LIST = (
    select(
        TaskList.user_id,
        (TaskList.version + 1).label("version"),
        (TaskList.live + TaskList.trashed).label("number"),
    )
    .where(OWN_LIST, exists(select(LOCKED_OWNER.c.one)))
    .with_for_update()
    .cte("locked_list")
)
"""The user's task list, locked, with its next version and its number of tasks; no row if the session has ended.

No other transaction changes tasks of the user until this one ends."""
IN_LOCKED_LIST = Task.user_id == LOCKED_LIST.c.user_id

GET = Statement(
    select(*task_columns(Task.__table__.c)).select_from(LIVE_SESSION.outerjoin(Task.__table__, and_(THIS_TASK, LIVE)))
)


def matches_if_match(version: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that If-Match accepts the version."""
    return or_(IF_MATCH.is_(None), version == any_(IF_MATCH))


def update_list(written: CTE, **deltas: Any) -> CTE:
    """Return the CTE that raises the list's version and adds the deltas to its counts, if tasks were written."""
    values = {name: getattr(TaskList, name) + delta for name, delta in deltas.items()}
    statement = update(TaskList).where(OWN_LIST, exists(select(written.c.id)))
    return statement.values(version=TaskList.version + 1, **values).cte("updated_list")


def write_statement(written: CTE, columns: Sequence[Any], state: ColumnElement[bool], *ctes: CTE) -> Statement:
    """Return the statement that writes a task and returns columns of it.

    It returns no row if the session has ended, and a row of nulls if no task was written. `present` then distinguishes
    a task of another version from a missing one.
    """
    present = case((IF_MATCH.is_not(None), exists(select(Task.id).where(THIS_TASK, state)))).label("present")
    return Statement(select(*columns, present).select_from(LOCKED_OWNER.outerjoin(written, true())).add_cte(*ctes))


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
    return update_statement({"updated_at": func.now(), **{name: column_parameter(name) for name in sorted(fields)}})


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


TRASH = update_statement({"deleted_at": func.now()}, live=-1)
RESTORE = update_statement({"deleted_at": None}, state=TRASHED, live=1)
DELETE_PERMANENTLY = delete_permanently_statement()


@cache
def create(fields: frozenset[str]) -> Statement:
    """Return the statement that creates a task with these fields.

    It returns a row of nulls if the user has reached the task limit.
    """
    new_version = next_version()
    values: dict[str, Any] = {
        "user_id": OWNER_ID,
        "version": new_version.c.version,
        "order": default_order(new_version),
        **{name: column_parameter(name) for name in sorted(fields)},
    }
    if "completed" in fields:
        values["completed_at"] = case((column_parameter("completed"), func.now()))
    created = insert(Task).from_select(list(values), select(*values.values())).returning(Task).cte("created")
    return Statement(select(*task_columns(created.c)).select_from(LOCKED_OWNER.outerjoin(created, true())))


def next_version() -> CTE:
    """Return the CTE that counts a new task in the list, or creates the list; no row at the task limit."""
    first = select(OWNER_ID, literal(1), literal(1)).select_from(LOCKED_OWNER)
    insertion = upsert(TaskList).from_select(["user_id", "version", "live"], first)
    values = {"version": TaskList.version + 1, "live": TaskList.live + 1}
    below_limit = TaskList.live + TaskList.trashed < bindparam("task_limit")
    insertion = insertion.on_conflict_do_update(index_elements=["user_id"], set_=values, where=below_limit)
    return insertion.returning(TaskList.version).cte("new_version")


def default_order(new_version: CTE) -> ColumnElement[float]:
    """Return the `order` after the last task.

    The snapshot of the statement lacks tasks that were created while it waited for the lock on the list. One step is
    left for each version that the list has gained meanwhile.
    """
    highest = select(func.coalesce(func.max(Task.order), 0)).where(OWN_TASKS, LIVE).scalar_subquery()
    snapshot_version = select(TaskList.version).where(OWN_LIST).scalar_subquery()
    return highest + ORDER_STEP * (new_version.c.version - func.coalesce(snapshot_version, 0))


def column_parameter(name: str) -> Any:
    """Return the bind parameter of a column, with the column's type."""
    return bindparam(name, type_=Task.__table__.c[name].type)
