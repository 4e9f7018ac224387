"""Completion: a task with a rule is completed and gets exactly one successor, from any number of devices and requests.

The uid of the successor follows from the uid and the due date of the task. So two devices, a retry, and a task that is
reopened and completed again give the same uid, and the unique constraint keeps the first successor.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from todo_api.auth.guard import lock_owner
from todo_api.database.execution import transaction
from todo_api.settings import settings
from todo_api.tasks.errors import PreconditionFailed, RecurrenceNeedsDue, TaskLimitReached, TaskNotFound
from todo_api.tasks.queries.checks import write_checked
from todo_api.tasks.recurrence import statements
from todo_api.tasks.recurrence.series import Series
from todo_api.tasks.schemas import due_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.auth.guard import Owner
    from todo_api.database.statements import Row


def set_completed(owner: Owner, task_id: int, fields: Mapping[str, Any], if_match: Sequence[int] | None) -> Row:
    """Set `completed` and other fields of a task, or toggle it if there are no fields; return its row.

    Another request may change the task between the two statements of a completion. In a transaction it cannot: the
    first statement locks the user's tasks, and those after it see everything that was committed before the lock.

    Raises:
        TaskNotFound: 404.
        PreconditionFailed: 412.
        TaskLimitReached: 403, if there is no room for the successor.

    """

    def attempt() -> Row | None:
        return attempt_completion(owner, task_id, fields, if_match)

    def complete() -> Row:
        lock_owner(owner)
        return attempt() or complete()

    return attempt() or transaction(complete)


def attempt_completion(
    owner: Owner, task_id: int, fields: Mapping[str, Any], if_match: Sequence[int] | None
) -> Row | None:
    """Set `completed` and return the row of the task, or None if another request has changed it meanwhile.

    Raises:
        RecurrenceNeedsDue: 422.

    """
    statement = statements.set_completed(frozenset(fields) - {"completed"}) if fields else statements.TOGGLE
    row = write_checked(owner, statement, {**fields, "task_id": task_id, "if_match": if_match})
    if row["id"] is not None:
        return row
    if row["unwritten"] is None:
        raise TaskNotFound
    seen = task_of_json(row["unwritten"])
    if if_match is not None and seen["version"] not in if_match:
        raise PreconditionFailed
    task = {**seen, **fields}
    if seen["completed"] or not task["recurrence"]:
        return None
    due = task["due_on"] or task["due_at"]
    if not due:
        raise RecurrenceNeedsDue
    return complete_series(owner, task_id, fields, task, Series.of_task(task, due))


def complete_series(
    owner: Owner, task_id: int, fields: Mapping[str, Any], task: Mapping[str, Any], series: Series
) -> Row | None:
    """Complete a task with a rule, and return its row, or None if another request has changed it meanwhile."""
    following = series.after(task["now"])
    if following is None:
        return end_series(owner, task_id, fields, task["version"])
    values = {
        **fields,
        "task_id": task_id,
        "task_limit": settings().max_tasks_per_user,
        "seen_version": task["version"],
        "successor_uid": series.successor_uid(task["uid"]),
        "successor_recurrence": str(following.rule),
        **{f"successor_{name}": value for name, value in due_columns(following.due).items()},
    }
    statement = statements.complete_repeating(frozenset(fields) - {"completed"})
    row = write_checked(owner, statement, values)
    if row["id"] is None and row["is_full"]:
        raise TaskLimitReached
    return None if row["id"] is None else row


def end_series(owner: Owner, task_id: int, fields: Mapping[str, Any], version: int) -> Row | None:
    """Complete the last task of a series in a version, and return its row, or None if it has another version."""
    last = {**fields, "completed": True, "recurrence": None}
    statement = statements.set_completed(frozenset(last) - {"completed"})
    row = write_checked(owner, statement, {**last, "task_id": task_id, "if_match": [version]})
    return None if row["id"] is None else row


def task_of_json(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a statement has seen of a task, with dates and timestamps in UTC."""
    due_on, due_at = seen["due_on"], seen["due_at"]
    return {
        **seen,
        "due_on": due_on and date.fromisoformat(due_on),
        "due_at": due_at and datetime.fromisoformat(due_at).astimezone(UTC),
        "now": datetime.fromisoformat(seen["now"]),
    }
