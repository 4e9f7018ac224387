"""One task: create, read, change, delete. Each function runs one statement, but for tasks that repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from todo_api.auth.guard import Owner, fetch_owned, lock_owner
from todo_api.database.execution import transaction
from todo_api.settings import settings
from todo_api.tasks.errors import PreconditionFailed, TaskLimitReached, TaskNotFound
from todo_api.tasks.queries import statements
from todo_api.tasks.queries.checks import write_checked
from todo_api.tasks.recurrence.completion import set_completed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.database.statements import Row, Statement


def create(owner: Owner, fields: Mapping[str, Any]) -> Row:
    """Create a task and return its row. One that repeats and is completed is completed after its creation.

    Raises:
        TaskLimitReached: 403.
        RecurrenceNeedsDue: 422.

    """
    if fields.get("completed") and fields.get("recurrence"):
        return transaction(lambda: create_completed(owner, fields))
    limit = {"task_limit": settings().max_tasks_per_user}
    row = write_checked(owner, statements.create(frozenset(fields)), {**fields, **limit})
    if row["id"] is None:
        raise TaskLimitReached
    return row


def create_completed(owner: Owner, fields: Mapping[str, Any]) -> Row:
    """Create a task that repeats, complete it, and return its row."""
    lock_owner(owner)
    task = create(owner, {**fields, "completed": False})
    return update(owner, task["id"], {"completed": True}, None)


def get(owner: Owner, task_id: int) -> Row:
    """Return the row of a task outside the trash."""
    return require_task(fetch_owned(owner, statements.GET, {"task_id": task_id})[0])


def update(owner: Owner, task_id: int, fields: Mapping[str, Any], if_match: Sequence[int] | None) -> Row:
    """Set fields of a task and return its row. Without fields, write nothing."""
    if "completed" in fields:
        return set_completed(owner, task_id, fields, if_match)
    if fields:
        return write_task(owner, statements.set_fields(frozenset(fields)), task_id, if_match, fields)
    row = get(owner, task_id)
    if if_match is not None and row["version"] not in if_match:
        raise PreconditionFailed
    return row


def toggle(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> Row:
    """Complete an open task or reopen a completed one, and return its row."""
    return set_completed(owner, task_id, {}, if_match)


def trash(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> Row:
    """Move a task to the trash and return its row."""
    return write_task(owner, statements.TRASH, task_id, if_match)


def restore(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> Row:
    """Restore a task from the trash and return its row."""
    return write_task(owner, statements.RESTORE, task_id, if_match)


def delete_permanently(owner: Owner, task_id: int, if_match: Sequence[int] | None) -> None:
    """Delete a task permanently, in the trash or outside."""
    write_task(owner, statements.DELETE_PERMANENTLY, task_id, if_match)


def write_task(
    owner: Owner,
    statement: Statement,
    task_id: int,
    if_match: Sequence[int] | None,
    fields: Mapping[str, Any] = {},
) -> Row:
    """Write a task and return its row; `if_match` lists the versions that are accepted, None accepts any."""
    return require_task(write_checked(owner, statement, {**fields, "task_id": task_id, "if_match": if_match}))


def require_task(row: Row) -> Row:
    """Return the row of the task that a statement has read or written.

    Raises:
        TaskNotFound: 404, if the owner has no such task.
        PreconditionFailed: 412, if If-Match does not accept the task's version.

    """
    if row["id"] is None:
        raise PreconditionFailed if row.get("present") else TaskNotFound
    return row
