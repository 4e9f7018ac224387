"""The statements about tasks: one each, one round trip each, each for one user's tasks and a live session only.

They are built once; what a request brings are parameters.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, exists, func, insert, not_, select, true, update

from todo_api.auth.guard import ALIVE, Owner, fetch_owned
from todo_api.errors import TaskNotFound
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from sqlalchemy import CTE, Executable, RowMapping, Select

THEIRS = Task.user_id == bindparam("owner_id")
THIS = and_(THEIRS, Task.id == bindparam("task_id"))
WHILE_ALIVE = exists(select(ALIVE.c.one))


def outcome(changed: CTE) -> Select[Any]:
    """Return the statement that makes the change and gives its row: none to the dead, nulls where nothing was met."""
    return select(changed).select_from(ALIVE.outerjoin(changed, true()))


LIST = select(Task).select_from(ALIVE.outerjoin(Task.__table__, THEIRS)).order_by(Task.id)
GET = select(Task).select_from(ALIVE.outerjoin(Task.__table__, THIS))
DELETE = outcome(delete(Task).where(THIS, WHILE_ALIVE).returning(Task.id).cte("deleted"))
TOGGLE = outcome(
    update(Task)
    .where(THIS, WHILE_ALIVE)
    .values(completed=not_(Task.completed), updated_at=func.now())
    .returning(Task)
    .cte("toggled"),
)


@cache
def create_statement(members: frozenset[str]) -> Select[Any]:
    """Return the statement that adds a task with these members, which are the schema's."""
    values = {"user_id": bindparam("owner_id"), **{name: typed(name) for name in sorted(members)}}
    row = select(*values.values()).select_from(ALIVE)
    return outcome(insert(Task).from_select(list(values), row).returning(Task).cte("created"))


@cache
def change_statement(members: frozenset[str]) -> Select[Any]:
    """Return the statement that sets these members, which are the schema's."""
    values = {"updated_at": func.now(), **{name: typed(name) for name in sorted(members)}}
    return outcome(update(Task).where(THIS, WHILE_ALIVE).values(values).returning(Task).cte("changed"))


def typed(name: str) -> Any:
    """Return the parameter of a column, of the column's type."""
    return bindparam(name, type_=Task.__table__.c[name].type)


def list_owned(owner: Owner) -> list[RowMapping]:
    """Return the owner's tasks, oldest first."""
    rows = fetch_owned(owner, LIST, {})
    return [row for row in rows if row["id"] is not None]


def create(owner: Owner, members: dict[str, Any]) -> RowMapping:
    """Add a task and return its row."""
    return found(owner, create_statement(frozenset(members)), members)


def get_owned(owner: Owner, task_id: int) -> RowMapping:
    """Return the task's row."""
    return found(owner, GET, {"task_id": task_id})


def change(owner: Owner, task_id: int, members: dict[str, Any]) -> RowMapping:
    """Set the members and return the row; where there is nothing to set, nothing is written."""
    if not members:
        return get_owned(owner, task_id)
    return found(owner, change_statement(frozenset(members)), {"task_id": task_id, **members})


def toggle(owner: Owner, task_id: int) -> RowMapping:
    """Complete an open task or reopen a completed one, and return its row."""
    return found(owner, TOGGLE, {"task_id": task_id})


def remove(owner: Owner, task_id: int) -> None:
    """Delete the task."""
    found(owner, DELETE, {"task_id": task_id})


def found(owner: Owner, statement: Executable, parameters: dict[str, Any]) -> RowMapping:
    """Run the statement and return its row.

    Raises:
        TaskNotFound: 404, where it met no task of this owner.

    """
    row = fetch_owned(owner, statement, parameters)[0]
    if row["id"] is None:
        raise TaskNotFound
    return row
