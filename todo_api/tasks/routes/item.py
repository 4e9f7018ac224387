"""The routes of one task. Each is one SQL statement, in a transaction where it comes with an Idempotency-Key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from todo_api.auth.guard import Owner, owner_required
from todo_api.http.blueprint import Blueprint, no_parameters
from todo_api.http.conditional_requests import etag, if_match, validators
from todo_api.http.documentation import raises, takes_header
from todo_api.http.errors import TooManyRequests
from todo_api.tasks.errors import PreconditionFailed, TaskNotFound
from todo_api.tasks.examples import ETAG, SHOWN
from todo_api.tasks.parameters import DeleteOneParameters
from todo_api.tasks.queries import item
from todo_api.tasks.schemas import TaskPatchSchema, TaskPutSchema, TaskSchema
from todo_api.tasks.sync.idempotency import idempotent

if TYPE_CHECKING:
    from todo_api.database.statements import Row
    from todo_api.http.documentation import View

task = Blueprint("task", __name__, url_prefix="/api/<user_id>/tasks", description="One task.")

Answer = tuple["Row", dict[str, str]]


def conditional(view: View) -> View:
    """Document what a view that changes a task, and heeds If-Match, takes and answers."""
    heeding = takes_header("If-Match", 'Change it only if its ETag is one of these, such as "42"; else 412.')
    return raises(TaskNotFound, PreconditionFailed, TooManyRequests)(heeding(view))


def shown(row: Row) -> Answer:
    """Return the answer that shows a task."""
    return row, validators(row["version"])


@task.get("/<id:task_id>")
@owner_required
@no_parameters
@task.response(200, TaskSchema(), headers=ETAG, example=SHOWN, conditional=True)
@takes_header("If-None-Match", "Answer 304 if the ETag is one of these.")
@raises(TaskNotFound)
def get_task(owner: Owner, task_id: int) -> Answer:
    """Read a task."""
    return shown(item.get_owned(owner, task_id))


@task.put("/<id:task_id>")
@owner_required
@no_parameters
@task.body(TaskPutSchema, example={"title": "File taxes early", "completed": True})
@task.response(200, TaskSchema(), headers=ETAG, example=SHOWN)
@conditional
def update_task(members: dict[str, Any], owner: Owner, task_id: int) -> Answer:
    """Change a task.

    A member that is absent or null stays as it is; PATCH can clear one.
    """
    return shown(item.change(owner, task_id, members, if_match()))


@task.patch("/<id:task_id>")
@owner_required
@no_parameters
@task.body(TaskPatchSchema, takes="merge_patch", example={"description": None, "priority": "low"})
@task.response(200, TaskSchema(), headers=ETAG, example=SHOWN)
@conditional
def patch_task(members: dict[str, Any], owner: Owner, task_id: int) -> Answer:
    """Change a task by a merge patch.

    As RFC 7396 has it: a member that is absent stays, null clears it, any other value replaces it. A `description`, a
    `due` and a `priority` can be cleared.
    """
    return shown(item.change(owner, task_id, members, if_match()))


@task.delete("/<id:task_id>")
@owner_required
@task.query(DeleteOneParameters)
@task.response(204, headers=ETAG)
@conditional
def delete_task(parameters: dict[str, Any], owner: Owner, task_id: int) -> tuple[None, dict[str, str]]:
    """Delete a task.

    It lies in the trash for thirty days, from where it can be restored by the ETag of this answer, too. With
    `permanent=true` it is gone at once, from the trash as well.
    """
    if parameters["permanent"]:
        item.erase(owner, task_id, if_match())
        return None, {}
    return None, {"ETag": etag(item.trash(owner, task_id, if_match())["version"])}


@task.post("/<id:task_id>/restore")
@owner_required
@no_parameters
@idempotent
@task.response(200, TaskSchema(), headers=ETAG, example=SHOWN)
@conditional
def restore_task(owner: Owner, task_id: int) -> Answer:
    """Take a task out of the trash."""
    return shown(item.restore(owner, task_id, if_match()))


@task.patch("/<id:task_id>/complete")
@owner_required
@no_parameters
@task.response(200, TaskSchema(), headers=ETAG, example=SHOWN)
@conditional
def toggle_task_completion(owner: Owner, task_id: int) -> Answer:
    """Complete an open task, or reopen a completed one."""
    return shown(item.toggle(owner, task_id, if_match()))
