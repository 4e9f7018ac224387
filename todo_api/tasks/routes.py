"""The six task routes of the seed. Each is one SQL statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from todo_api.api import Blueprint, raises
from todo_api.auth.guard import Owner, owner_required
from todo_api.errors import TaskNotFound
from todo_api.tasks import queries
from todo_api.tasks.schemas import TaskPostSchema, TaskPutSchema, TaskSchema

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

tasks = Blueprint("tasks", __name__, url_prefix="/api/<user_id>/tasks", description="Tasks of one user.")

NEW = {"title": "File taxes", "description": "Form 1040", "completed": False}
SHOWN = {
    "id": 7,
    "user_id": "5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11",
    **NEW,
    "created_at": "2026-09-20T08:00:00.000Z",
    "updated_at": "2026-09-20T08:00:00.000Z",
}
LOCATION = {"Location": {"description": "Path of the new task", "schema": {"type": "string"}, "required": True}}


@tasks.get("")
@owner_required
@tasks.response(200, TaskSchema(many=True), example=[SHOWN])
def list_tasks(owner: Owner) -> list[RowMapping]:
    """List your tasks, oldest first."""
    return queries.list_owned(owner)


@tasks.post("")
@owner_required
@tasks.body(TaskPostSchema, example=NEW)
@tasks.response(201, TaskSchema(), headers=LOCATION, example=SHOWN)
def create_task(members: dict[str, Any], owner: Owner) -> tuple[RowMapping, dict[str, str]]:
    """Create a task."""
    task = queries.create(owner, members)
    return task, {"Location": url_for("tasks.get_task", user_id=owner.user_id, task_id=task["id"])}


@tasks.get("/<id:task_id>")
@owner_required
@tasks.response(200, TaskSchema(), example=SHOWN)
@raises(TaskNotFound)
def get_task(owner: Owner, task_id: int) -> RowMapping:
    """Read a task."""
    return queries.get_owned(owner, task_id)


@tasks.put("/<id:task_id>")
@owner_required
@tasks.body(TaskPutSchema, example={"title": "File taxes early", "completed": True})
@tasks.response(200, TaskSchema(), example=SHOWN)
@raises(TaskNotFound)
def update_task(members: dict[str, Any], owner: Owner, task_id: int) -> RowMapping:
    """Change a task.

    A member that is absent or null stays as it is.
    """
    return queries.change(owner, task_id, members)


@tasks.delete("/<id:task_id>")
@owner_required
@tasks.response(204)
@raises(TaskNotFound)
def delete_task(owner: Owner, task_id: int) -> None:
    """Delete a task."""
    queries.remove(owner, task_id)


@tasks.patch("/<id:task_id>/complete")
@owner_required
@tasks.response(200, TaskSchema(), example=SHOWN)
@raises(TaskNotFound)
def toggle_task_completion(owner: Owner, task_id: int) -> RowMapping:
    """Complete an open task, or reopen a completed one."""
    return queries.toggle(owner, task_id)
