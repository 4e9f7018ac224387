"""The six task routes of the seed. Each is one SQL statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from todo_api.api import Blueprint, raises
from todo_api.auth.guard import owner_required
from todo_api.errors import TaskNotFound
from todo_api.tasks import queries
from todo_api.tasks.schemas import TaskPutSchema, TaskSchema

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

tasks = Blueprint("tasks", __name__, url_prefix="/api/<user_id>/tasks", description="Tasks of one user.")

EXAMPLE = {"title": "File taxes", "description": "Form 1040", "completed": False}
LOCATION = {"Location": {"description": "Path of the new task", "schema": {"type": "string"}, "required": True}}


@tasks.get("")
@owner_required
@tasks.response(200, TaskSchema(many=True))
def list_tasks(user_id: str) -> list[RowMapping]:
    """List your tasks, oldest first."""
    return queries.list_owned(user_id)


@tasks.post("")
@owner_required
@tasks.body(TaskSchema, example=EXAMPLE)
@tasks.response(201, TaskSchema(), headers=LOCATION)
def create_task(members: dict[str, Any], user_id: str) -> tuple[RowMapping, dict[str, str]]:
    """Create a task."""
    task = queries.create(user_id, members)
    return task, {"Location": url_for("tasks.get_task", user_id=user_id, task_id=task["id"])}


@tasks.get("/<id:task_id>")
@owner_required
@tasks.response(200, TaskSchema())
@raises(TaskNotFound)
def get_task(user_id: str, task_id: int) -> RowMapping:
    """Read a task."""
    return queries.get_owned(user_id, task_id)


@tasks.put("/<id:task_id>")
@owner_required
@tasks.body(TaskPutSchema, example={"title": "File taxes early", "completed": True})
@tasks.response(200, TaskSchema())
@raises(TaskNotFound)
def update_task(members: dict[str, Any], user_id: str, task_id: int) -> RowMapping:
    """Change a task.

    A member that is absent or null stays as it is.
    """
    return queries.change(user_id, task_id, members)


@tasks.delete("/<id:task_id>")
@owner_required
@tasks.response(204)
@raises(TaskNotFound)
def delete_task(user_id: str, task_id: int) -> None:
    """Delete a task."""
    queries.remove(user_id, task_id)


@tasks.patch("/<id:task_id>/complete")
@owner_required
@tasks.response(200, TaskSchema())
@raises(TaskNotFound)
def toggle_task_completion(user_id: str, task_id: int) -> RowMapping:
    """Complete an open task, or reopen a completed one."""
    return queries.toggle(user_id, task_id)
