"""The statements about one task: one round trip each, each for one user's tasks and a live session only.

They are built once; what a request brings are parameters. A statement that writes locks the user's row and then the
one in `task_lists`, before any task, so that the writes of a user follow one another and deadlock with none. A
condition is part of the statement, which PostgreSQL evaluates anew on the row as it is when the lock is had.
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
    not_,
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import CTE, ColumnElement, SQLColumnExpression

OWNER_ID: ColumnElement[str] = bindparam("owner_id")
OWN_TASKS = Task.user_id == OWNER_ID
OWN_LIST = TaskList.user_id == OWNER_ID
THIS_TASK = and_(OWN_TASKS, Task.id == bindparam("task_id"))
VERSIONS = ARRAY(BigInteger)
IF_MATCH = bindparam("if_match", type_=VERSIONS)
"""The versions of which one is asked for, or null where any will do."""
ORDER_STEP = 1024
"""How far apart tasks are placed, so that others can be moved in between."""

TASK_COLUMNS = [column for column in Task.__table__.c if column.name not in {"uid", "deleted_at"}]
"""What is read of a task that is not in the trash; its version is its ETag."""

LOCKED_LIST = (
    select(TaskList.user_id, (TaskList.version + 1).label("version"))
    .where(OWN_LIST, exists(select(LOCKED_OWNER.c.one)))
    .with_for_update()
    .cte("locked")
)
"""The user's counter, raised, for whom the session lives; nobody else changes tasks of the user from here on."""
IN_LOCKED_LIST = Task.user_id == LOCKED_LIST.c.user_id

GET = Statement(select(*TASK_COLUMNS).select_from(LIVE_SESSION.outerjoin(Task.__table__, and_(THIS_TASK, LIVE))))


def matches_if_match(version: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that If-Match makes."""
    return or_(IF_MATCH.is_(None), version == any_(IF_MATCH))


def count_change(changed: CTE, **deltas: Any) -> CTE:
    """Return the part of a statement that raises the counter, and moves the numbers, if anything was changed."""
    values = {name: getattr(TaskList, name) + delta for name, delta in deltas.items()}
    raised = update(TaskList).where(OWN_LIST, exists(select(changed.c.id)))
    return raised.values(version=TaskList.version + 1, **values).cte("counted")


def result_statement(changed: CTE, state: ColumnElement[bool], *also: CTE) -> Statement:
    """Return the statement that makes the change and gives its row: none to the dead, nulls where nothing was changed.

    Its column `present` tells a task of another version than was asked for from none at all.
    """
    present = case((IF_MATCH.is_not(None), exists(select(Task.id).where(THIS_TASK, state)))).label("present")
    return Statement(select(changed, present).select_from(LOCKED_OWNER.outerjoin(changed, true())).add_cte(*also))


def update_statement(values: Mapping[str, Any], *, state: ColumnElement[bool] = LIVE, live: int = 0) -> Statement:
    """Return the statement that sets the values of a task; `live` is what it adds to the tasks outside the trash."""
    changed = (
        update(Task)
        .where(THIS_TASK, state, IN_LOCKED_LIST, matches_if_match(Task.version))
        .values(version=LOCKED_LIST.c.version, **values)
        .returning(*TASK_COLUMNS)
        .cte("changed")
    )
    return result_statement(
        changed, state, count_change(changed, live=live, trashed=-live) if live else count_change(changed)
    )


@cache
def change(members: frozenset[str]) -> Statement:
    """Return the statement that sets these members, which are the schema's."""
    values = {name: column_parameter(name) for name in sorted(members)}
    if "completed" in members:
        values["completed_at"] = case((column_parameter("completed"), func.coalesce(Task.completed_at, func.now())))
    return update_statement({"updated_at": func.now(), **values})


def permanent_deletion(*which: ColumnElement[bool]) -> tuple[CTE, CTE, CTE]:
    """Return the parts that delete tasks for good, leave their tombstones, and count."""
    erased = (
        delete(Task)
        .where(OWN_TASKS, IN_LOCKED_LIST, *which)
        .returning(Task.id, Task.deleted_at, LOCKED_LIST.c.version.label("version"))
        .cte("erased")
    )
    stones = select(OWNER_ID, erased.c.id, erased.c.version)
    buried = insert(Tombstone).from_select(["user_id", "id", "version"], stones).cte("buried")
    live = select(func.count()).where(erased.c.deleted_at.is_(None)).scalar_subquery()
    trashed = select(func.count()).where(erased.c.deleted_at.is_not(None)).scalar_subquery()
    return erased, buried, count_change(erased, live=-live, trashed=-trashed)


def delete_permanently_statement() -> Statement:
    """Return the statement that deletes a task for good, in the trash or not."""
    erased, *also = permanent_deletion(THIS_TASK, matches_if_match(Task.version))
    return result_statement(erased, true(), *also)


TOGGLE = update_statement(
    {
        "completed": not_(Task.completed),
        "completed_at": case((not_(Task.completed), func.now())),
        "updated_at": func.now(),
    }
)
TRASH = update_statement({"deleted_at": func.now()}, live=-1)
RESTORE = update_statement({"deleted_at": None}, state=TRASHED, live=1)
DELETE_PERMANENTLY = delete_permanently_statement()


@cache
def create(members: frozenset[str]) -> Statement:
    """Return the statement that adds a task with these members, which are the schema's.

    It gives nulls where the user has as many tasks as a user may have.
    """
    listed = next_version()
    values: dict[str, Any] = {"user_id": OWNER_ID, "version": listed.c.version, "order": default_order(listed)}
    values |= {name: column_parameter(name) for name in sorted(members)}
    if "completed" in members:
        values["completed_at"] = case((column_parameter("completed"), func.now()))
    created = insert(Task).from_select(list(values), select(*values.values())).returning(*TASK_COLUMNS).cte("created")
    return Statement(select(created).select_from(LOCKED_OWNER.outerjoin(created, true())))


def next_version() -> CTE:
    """Return the part that raises the user's counter for a new task, or makes the row; none over the limit."""
    row = select(OWNER_ID, literal(1), literal(1)).select_from(LOCKED_OWNER)
    made = upsert(TaskList).from_select(["user_id", "version", "live"], row)
    fits = TaskList.live + TaskList.trashed < bindparam("task_limit")
    raised = {"version": TaskList.version + 1, "live": TaskList.live + 1}
    return (
        made.on_conflict_do_update(index_elements=["user_id"], set_=raised, where=fits)
        .returning(TaskList.version)
        .cte("listed")
    )


def default_order(listed: CTE) -> ColumnElement[float]:
    """Return the place behind the last task.

    The statement does not see tasks that were added while it waited for the counter; as many steps as the counter has
    gone on meanwhile are left for them.
    """
    highest = select(func.coalesce(func.max(Task.order), 0)).where(OWN_TASKS, LIVE).scalar_subquery()
    seen = select(TaskList.version).where(OWN_LIST).scalar_subquery()
    return highest + ORDER_STEP * (listed.c.version - func.coalesce(seen, 0))


def column_parameter(name: str) -> Any:
    """Return the parameter of a column, of the column's type."""
    return bindparam(name, type_=Task.__table__.c[name].type)
