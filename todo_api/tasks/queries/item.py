"""One task: made, read, changed, deleted. Each is one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from todo_api.auth.guard import Owner, fetch_owned, write_owned
from todo_api.settings import settings
from todo_api.tasks.errors import PreconditionFailed, TaskLimitReached, TaskNotFound
from todo_api.tasks.queries import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.database.statements import Row, Statement


def create(owner: Owner, members: Mapping[str, Any]) -> Row:
    """Add a task and return its row.

    Raises:
        TaskLimitReached: 403.

    """
    limit = {"task_limit": settings().max_tasks_per_user}
    row = write_owned(owner, statements.create(frozenset(members)), {**members, **limit})[0]
    if row["id"] is None:
        raise TaskLimitReached
    return row


def get(owner: Owner, task_id: int) -> Row:
    """Return the task's row."""
    return found_or_raise(fetch_owned(owner, statements.GET, {"task_id": task_id}))


def update(owner: Owner, task_id: int, members: Mapping[str, Any], if_match: Sequence[int] | None) -> Row:
    """Set the members and return the row; where there is nothing to set, nothing is written."""
    if members:
        return write_task(owner, statements.change(frozenset(members)), task_id, if_match, members)
    row = get(owner, task_id)
    if if_match is not None and row["version"] not in if_match:
        raise PreconditionFailed
    return row


def toggle(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> Row:
    """Complete an open task or reopen a completed one, and return its row."""
    return write_task(owner, statements.TOGGLE, task_id, if_match)


def trash(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> Row:
    """Move the task into the trash and return its row."""
    return write_task(owner, statements.TRASH, task_id, if_match)


def restore(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> Row:
    """Take the task out of the trash and return its row."""
    return write_task(owner, statements.RESTORE, task_id, if_match)


def delete_permanently(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> None:
    """Delete the task for good, in the trash or not."""
    write_task(owner, statements.DELETE_PERMANENTLY, task_id, if_match)


def write_task(
    owner: Owner,
    statement: Statement,
    task_id: int,
    if_match: Sequence[int] | None,
    members: Mapping[str, Any] = {},
) -> Row:
    """Change the task if it is of one of the versions, of any where they are None; return its row."""
    return found_or_raise(write_owned(owner, statement, {**members, "task_id": task_id, "if_match": if_match}))


def found_or_raise(rows: Sequence[Row]) -> Row:
    """Return the row of a task.

    Raises:
        TaskNotFound: 404, where the statement met no task of this owner.
        PreconditionFailed: 412, where the task is of another version than was asked for.

    """
    row = rows[0]
    if row["id"] is None:
        raise PreconditionFailed if row.get("present") else TaskNotFound
    return row
