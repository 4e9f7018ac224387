"""The statements about tasks: one each, one round trip each, each for one user's tasks only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, insert, not_, select, update

from todo_api.database import fetch_all, fetch_one
from todo_api.errors import TaskNotFound
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Executable, RowMapping


def owned(user_id: str, task_id: int) -> ColumnElement[bool]:
    """Return the condition that a row is this task of this user."""
    return and_(Task.user_id == user_id, Task.id == task_id)


def list_owned(user_id: str) -> list[RowMapping]:
    """Return the user's tasks, oldest first."""
    return fetch_all(select(Task).where(Task.user_id == user_id).order_by(Task.id))


def create(user_id: str, members: dict[str, Any]) -> RowMapping:
    """Add a task and return its row."""
    return found(insert(Task).values(user_id=user_id, **members).returning(Task))


def get_owned(user_id: str, task_id: int) -> RowMapping:
    """Return the task's row."""
    return found(select(Task).where(owned(user_id, task_id)))


def change(user_id: str, task_id: int, members: dict[str, Any]) -> RowMapping:
    """Set the members and return the row; where there is nothing to set, nothing is written."""
    if not members:
        return get_owned(user_id, task_id)
    return found(
        update(Task).where(owned(user_id, task_id)).values(updated_at=func.now(), **members).returning(Task),
    )


def toggle(user_id: str, task_id: int) -> RowMapping:
    """Complete an open task or reopen a completed one, and return its row."""
    flipped = {"completed": not_(Task.completed), "updated_at": func.now()}
    return found(update(Task).where(owned(user_id, task_id)).values(flipped).returning(Task))


def remove(user_id: str, task_id: int) -> None:
    """Delete the task."""
    found(delete(Task).where(owned(user_id, task_id)).returning(Task.id))


def found(statement: Executable) -> RowMapping:
    """Run the statement and return its row.

    Raises:
        TaskNotFound: 404, where it met no task of this user.

    """
    row = fetch_one(statement)
    if row is None:
        raise TaskNotFound
    return row
