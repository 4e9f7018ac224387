"""Batches: operations that run in order in one transaction, all or none; each sees the changes of those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from todo_api.auth.guard import lock_owner
from todo_api.database.execution import transaction
from todo_api.http.conditional_requests import etag, parse_if_match
from todo_api.http.converters import ID_MAX, NO_ID
from todo_api.tasks.errors import PreconditionFailed, RecurrenceNeedsDue, TaskLimitReached, TaskNotFound
from todo_api.tasks.queries import item
from todo_api.tasks.queries.projection import task_fragment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.auth.guard import Owner
    from todo_api.database.statements import Row


def run_batch(owner: Owner, operations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Run the operations and return their results. The first failure rolls all of them back and names its operation.

    Raises:
        TaskNotFound: 404.
        PreconditionFailed: 412.
        TaskLimitReached: 403.
        RecurrenceNeedsDue: 422.

    """

    def run() -> list[dict[str, Any]]:
        lock_owner(owner)
        return [run_operation(owner, index, operation) for index, operation in enumerate(operations)]

    return transaction(run)


def run_operation(owner: Owner, index: int, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Run one operation and return its result."""
    try:
        row = execute_operation(owner, operation)
    except (TaskNotFound, PreconditionFailed, TaskLimitReached, RecurrenceNeedsDue) as problem:
        problem.errors = [(f"#/operations/{index}", problem.detail)]
        raise
    version = {"etag": etag(row["version"])}
    if operation["op"] == "delete":
        return {"status": 204, **version}
    return {"status": 201 if operation["op"] == "create" else 200, **version, "task": task_fragment(row)}


def execute_operation(owner: Owner, operation: Mapping[str, Any]) -> Row:
    """Execute one operation and return the task's row."""
    if operation["op"] == "create":
        return item.create(owner, operation["task"])
    task_id = operation["id"] if operation["id"] <= ID_MAX else NO_ID
    if_match = parse_if_match(operation["if_match"]) if "if_match" in operation else None
    if operation["op"] == "update":
        return item.update(owner, task_id, operation["task"], if_match)
    return (item.trash if operation["op"] == "delete" else item.restore)(owner, task_id, if_match)
