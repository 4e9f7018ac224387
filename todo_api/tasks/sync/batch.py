"""Many operations as one: in order, each seeing those before it, all of them or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from todo_api.database.execution import transaction
from todo_api.http.conditional_requests import etag, parse_if_match
from todo_api.http.converters import ID_MAX, NO_ID
from todo_api.tasks.errors import PreconditionFailed, TaskLimitReached, TaskNotFound
from todo_api.tasks.queries import item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.auth.guard import Owner
    from todo_api.database.statements import Row


def run_batch(owner: Owner, operations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Do the operations and return the result of each; the first that fails undoes all.

    Raises:
        TaskNotFound: 404, and its like, each naming the operation.

    """
    return transaction(lambda: [run_operation(owner, number, each) for number, each in enumerate(operations)])


def run_operation(owner: Owner, number: int, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Do one operation and return its result."""
    try:
        task = execute_operation(owner, operation)
    except (TaskNotFound, PreconditionFailed, TaskLimitReached) as problem:
        problem.errors = [(f"#/operations/{number}", problem.detail)]
        raise
    tag = {"etag": etag(task["version"])}
    if operation["op"] == "delete":
        return {"status": 204, **tag}
    return {"status": 201 if operation["op"] == "create" else 200, **tag, "task": task}


def execute_operation(owner: Owner, operation: Mapping[str, Any]) -> Row:
    """Do what one operation says and return the task."""
    if operation["op"] == "create":
        return item.create(owner, operation["task"])
    task_id = operation["id"] if operation["id"] <= ID_MAX else NO_ID
    if_match = parse_if_match(operation["if_match"]) if "if_match" in operation else None
    if operation["op"] == "update":
        return item.update(owner, task_id, operation["task"], if_match)
    return (item.trash if operation["op"] == "delete" else item.restore)(owner, task_id, if_match)
