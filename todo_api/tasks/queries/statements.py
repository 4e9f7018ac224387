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

from todo_api.auth.guard import ALIVE, HELD
from todo_api.database.statements import Statement
from todo_api.tasks.models import LIVE, TRASHED, Task, TaskList, Tombstone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import CTE, ColumnElement, SQLColumnExpression

OWNER_ID: ColumnElement[str] = bindparam("owner_id")
THEIRS = Task.user_id == OWNER_ID
MINE = TaskList.user_id == OWNER_ID
THIS = and_(THEIRS, Task.id == bindparam("task_id"))
VERSIONS = ARRAY(BigInteger)
IF_MATCH = bindparam("if_match", type_=VERSIONS)
"""The versions of which one is asked for, or null where any will do."""
ORDER_STEP = 1024
"""How far apart tasks are placed, so that others can be moved in between."""

SHOWN = [column for column in Task.__table__.c if column.name not in {"uid", "deleted_at"}]
"""What is read of a task that is not in the trash; its version is its ETag."""

LOCKED = (
    select(TaskList.user_id, (TaskList.version + 1).label("version"))
    .where(MINE, exists(select(HELD.c.one)))
    .with_for_update()
    .cte("locked")
)
"""The user's counter, raised, for whom the session lives; nobody else changes tasks of the user from here on."""
FROM_LOCKED = Task.user_id == LOCKED.c.user_id

GET = Statement(select(*SHOWN).select_from(ALIVE.outerjoin(Task.__table__, and_(THIS, LIVE))))


def is_asked_for(version: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that If-Match makes."""
    return or_(IF_MATCH.is_(None), version == any_(IF_MATCH))


def counted(changed: CTE, **deltas: Any) -> CTE:
    """Return the part of a statement that raises the counter, and moves the numbers, if anything was changed."""
    values = {name: getattr(TaskList, name) + delta for name, delta in deltas.items()}
    raised = update(TaskList).where(MINE, exists(select(changed.c.id)))
    return raised.values(version=TaskList.version + 1, **values).cte("counted")


def outcome(changed: CTE, state: ColumnElement[bool], *also: CTE) -> Statement:
    """Return the statement that makes the change and gives its row: none to the dead, nulls where nothing was changed.

    Its column `present` tells a task of another version than was asked for from none at all.
    """
    present = case((IF_MATCH.is_not(None), exists(select(Task.id).where(THIS, state)))).label("present")
    return Statement(select(changed, present).select_from(HELD.outerjoin(changed, true())).add_cte(*also))


def change_of(values: Mapping[str, Any], *, state: ColumnElement[bool] = LIVE, live: int = 0) -> Statement:
    """Return the statement that sets the values of a task; `live` is what it adds to the tasks outside the trash."""
    changed = (
        update(Task)
        .where(THIS, state, FROM_LOCKED, is_asked_for(Task.version))
        .values(version=LOCKED.c.version, **values)
        .returning(*SHOWN)
        .cte("changed")
    )
    return outcome(changed, state, counted(changed, live=live, trashed=-live) if live else counted(changed))


@cache
def change(members: frozenset[str]) -> Statement:
    """Return the statement that sets these members, which are the schema's."""
    values = {name: typed(name) for name in sorted(members)}
    if "completed" in members:
        values["completed_at"] = case((typed("completed"), func.coalesce(Task.completed_at, func.now())))
    return change_of({"updated_at": func.now(), **values})


def erasure(*which: ColumnElement[bool]) -> tuple[CTE, CTE, CTE]:
    """Return the parts that delete tasks for good, leave their tombstones, and count."""
    erased = (
        delete(Task)
        .where(THEIRS, FROM_LOCKED, *which)
        .returning(Task.id, Task.deleted_at, LOCKED.c.version.label("version"))
        .cte("erased")
    )
    stones = select(OWNER_ID, erased.c.id, erased.c.version)
    buried = insert(Tombstone).from_select(["user_id", "id", "version"], stones).cte("buried")
    live = select(func.count()).where(erased.c.deleted_at.is_(None)).scalar_subquery()
    trashed = select(func.count()).where(erased.c.deleted_at.is_not(None)).scalar_subquery()
    return erased, buried, counted(erased, live=-live, trashed=-trashed)


def erase_one() -> Statement:
    """Return the statement that deletes a task for good, in the trash or not."""
    erased, *also = erasure(THIS, is_asked_for(Task.version))
    return outcome(erased, true(), *also)


TOGGLE = change_of(
    {
        "completed": not_(Task.completed),
        "completed_at": case((not_(Task.completed), func.now())),
        "updated_at": func.now(),
    }
)
TRASH = change_of({"deleted_at": func.now()}, live=-1)
RESTORE = change_of({"deleted_at": None}, state=TRASHED, live=1)
ERASE = erase_one()


@cache
def create(members: frozenset[str]) -> Statement:
    """Return the statement that adds a task with these members, which are the schema's.

    It gives nulls where the user has as many tasks as a user may have.
    """
    listed = raise_counter()
    values: dict[str, Any] = {"user_id": OWNER_ID, "version": listed.c.version, "order": default_order(listed)}
    values |= {name: typed(name) for name in sorted(members)}
    if "completed" in members:
        values["completed_at"] = case((typed("completed"), func.now()))
    created = insert(Task).from_select(list(values), select(*values.values())).returning(*SHOWN).cte("created")
    return Statement(select(created).select_from(HELD.outerjoin(created, true())))


def raise_counter() -> CTE:
    """Return the part that raises the user's counter for a new task, or makes the row; none over the limit."""
    row = select(OWNER_ID, literal(1), literal(1)).select_from(HELD)
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
    highest = select(func.coalesce(func.max(Task.order), 0)).where(THEIRS, LIVE).scalar_subquery()
    seen = select(TaskList.version).where(MINE).scalar_subquery()
    return highest + ORDER_STEP * (listed.c.version - func.coalesce(seen, 0))


def typed(name: str) -> Any:
    """Return the parameter of a column, of the column's type."""
    return bindparam(name, type_=Task.__table__.c[name].type)
