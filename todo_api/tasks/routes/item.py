"""The routes of one task. Each runs one SQL statement; with an Idempotency-Key, it runs in a transaction."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from todo_api import clock
from todo_api.auth.guard import Owner, owner_required
from todo_api.http.blueprint import no_query_parameters
from todo_api.http.conditional_requests import ENTITY_TAGS_PATTERN, etag, if_match, validator_headers
from todo_api.http.documentation import accepts_header, raises
from todo_api.http.errors import InvalidEntityTag, TooManyRequests
from todo_api.tasks.blueprint import tasks
from todo_api.tasks.errors import PreconditionFailed, RecurrenceNeedsDue, TaskLimitReached, TaskNotFound
from todo_api.tasks.examples import ETAG, OCCURRENCES, TASK
from todo_api.tasks.icalendar import series_of
from todo_api.tasks.parameters import DeleteOneParameters, OccurrencesParameters
from todo_api.tasks.queries import item
from todo_api.tasks.queries.projection import task_fragment
from todo_api.tasks.schemas import OccurrenceListSchema, TaskPatchSchema, TaskPutSchema, TaskSchema
from todo_api.tasks.sync.idempotency import idempotent

if TYPE_CHECKING:
    from orjson import Fragment

    from todo_api.database.statements import Row
    from todo_api.http.documentation import View

TaskResponse = tuple["Fragment", dict[str, str]]

IF_MATCH_DESCRIPTION = (
    'The ETag of your copy, such as "42". If the task has another, nothing is changed and the response is 412.'
)


def conditional_write(view: View) -> View:
    """Document the header and the problems of a view that changes a task and evaluates If-Match."""
    documented = accepts_header("If-Match", IF_MATCH_DESCRIPTION, pattern=ENTITY_TAGS_PATTERN)(view)
    return raises(InvalidEntityTag, TaskNotFound, PreconditionFailed, TooManyRequests)(documented)


def may_complete(view: View) -> View:
    """Document the problems of a view that may complete a task or set its rule."""
    return raises(RecurrenceNeedsDue, TaskLimitReached)(conditional_write(view))


def task_response(row: Row) -> TaskResponse:
    """Return the task of a row, with its validator headers."""
    return task_fragment(row), validator_headers(row["version"])


@tasks.get("/tasks/<id:task_id>")
@owner_required("tasks:read")
@no_query_parameters
@tasks.response(200, TaskSchema(), headers=ETAG, example=TASK, conditional=True)
@accepts_header(
    "If-None-Match",
    "The ETag of your copy. If it is current, the response is 304 without a body.",
    pattern=ENTITY_TAGS_PATTERN,
)
@raises(TaskNotFound)
def get_task(owner: Owner, task_id: int) -> TaskResponse:
    """Get a task.

    Returns one task that is not in the trash.
    """
    return task_response(item.get(owner, task_id))


@tasks.put("/tasks/<id:task_id>")
@owner_required("tasks:write")
@no_query_parameters
@tasks.body(TaskPutSchema, example={"title": "File taxes early", "completed": True})
@tasks.response(200, TaskSchema(), headers=ETAG, example=TASK)
@may_complete
def update_task(fields: dict[str, Any], owner: Owner, task_id: int) -> TaskResponse:
    """Update a task.

    Changes the fields that are given. A field that is absent or null keeps its value; use PATCH to clear one.
    """
    return task_response(item.update(owner, task_id, fields, if_match()))


@tasks.patch("/tasks/<id:task_id>")
@owner_required("tasks:write")
@no_query_parameters
@tasks.body(TaskPatchSchema, accepts="merge_patch", example={"description": None, "priority": "low"})
@tasks.response(200, TaskSchema(), headers=ETAG, example=TASK)
@may_complete
def patch_task(fields: dict[str, Any], owner: Owner, task_id: int) -> TaskResponse:
    """Patch a task.

    Applies a merge patch (RFC 7396): an absent field keeps its value, null clears it, any other value replaces it.
    `description`, `due`, `priority`, `recurrence`, `repeat_from` and `timezone` can be cleared.
    """
    return task_response(item.update(owner, task_id, fields, if_match()))


@tasks.delete("/tasks/<id:task_id>")
@owner_required("tasks:write")
@tasks.query(DeleteOneParameters)
@tasks.response(204, headers=ETAG)
@conditional_write
def delete_task(parameters: dict[str, Any], owner: Owner, task_id: int) -> tuple[None, dict[str, str]]:
    """Delete a task.

    Moves the task to the trash, which keeps it for thirty days. Restoring the task accepts the ETag of this response as
    `If-Match`. With `permanent=true` the task is deleted permanently, in the trash or outside.
    """
    if parameters["permanent"]:
        item.delete_permanently(owner, task_id, if_match())
        return None, {}
    return None, {"ETag": etag(item.trash(owner, task_id, if_match())["version"])}


@tasks.post("/tasks/<id:task_id>/restore")
@owner_required("tasks:write")
@no_query_parameters
@idempotent
@tasks.response(200, TaskSchema(), headers=ETAG, example=TASK)
@conditional_write
def restore_task(owner: Owner, task_id: int) -> TaskResponse:
    """Restore a task.

    Takes the task out of the trash.
    """
    return task_response(item.restore(owner, task_id, if_match()))


@tasks.patch("/tasks/<id:task_id>/complete")
@owner_required("tasks:write")
@no_query_parameters
@tasks.response(200, TaskSchema(), headers=ETAG, example=TASK)
@may_complete
def toggle_task_completion(owner: Owner, task_id: int) -> TaskResponse:
    """Complete or reopen a task.

    Completes an open task and reopens a completed one. Completing a task with a `recurrence` creates the task that
    follows, once, and moves the rule to it: `next_id` is its id. `If-Match` keeps a retry from reopening the task.
    """
    return task_response(item.toggle(owner, task_id, if_match()))


@tasks.get("/tasks/<id:task_id>/occurrences")
@owner_required("tasks:read")
@tasks.query(OccurrencesParameters)
@tasks.response(200, OccurrenceListSchema(), example=OCCURRENCES)
@raises(TaskNotFound)
def list_occurrences(parameters: dict[str, Any], owner: Owner, task_id: int) -> dict[str, Any]:
    """Preview due dates.

    Returns the due dates of the tasks that follow if this one is completed now and each later one on its due date. It
    creates none of them. The list is empty if the task does not repeat.
    """
    task = orjson.loads(item.get(owner, task_id)["task"])
    due_dates = series_of(task).upcoming(clock.now()) if task["recurrence"] else ()
    return {"occurrences": list(islice(due_dates, parameters["limit"]))}
