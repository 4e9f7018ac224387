"""The routes of a user's tasks: list, create, delete by filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from flask import request, url_for

from todo_api.auth.guard import Owner, owner_required
from todo_api.http.blueprint import no_query_parameters
from todo_api.http.conditional_requests import ENTITY_TAGS_PATTERN, if_match, if_none_match, validator_headers, versions
from todo_api.http.documentation import accepts_header, raises
from todo_api.http.errors import InvalidEntityTag, TooManyRequests
from todo_api.http.query_string import KEEP_BYTES
from todo_api.tasks.blueprint import tasks
from todo_api.tasks.errors import FilterRequired, PreconditionFailed, RecurrenceNeedsDue, TaskLimitReached
from todo_api.tasks.examples import ETAG, LOCATION, NEW_TASK, PAGE_HEADERS, TASK
from todo_api.tasks.parameters import DeleteManyParameters, ListParameters
from todo_api.tasks.queries import item, listing
from todo_api.tasks.queries.projection import task_fragment
from todo_api.tasks.schemas import DeletedSchema, TaskPostSchema, TaskSchema
from todo_api.tasks.sync.idempotency import idempotent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orjson import Fragment


@tasks.get("/tasks")
@owner_required("tasks:read")
@tasks.query(ListParameters)
@tasks.response(200, TaskSchema(many=True), headers=PAGE_HEADERS, example=[TASK], conditional=True)
@accepts_header(
    "If-None-Match",
    "The ETag of your copy. If it is current, the response is 304 without a body.",
    pattern=ENTITY_TAGS_PATTERN,
)
def list_tasks(parameters: dict[str, Any], owner: Owner) -> tuple[Sequence[Fragment], dict[str, str]]:
    """List tasks.

    Returns your tasks, oldest first, or filtered and sorted by the parameters. Without `limit` it returns all of them.
    With `limit`, `X-Total-Count` is their number on all pages, and `Link` (RFC 8288) has the `next` and the `first`
    page. The ETag changes when any of your tasks changes.
    """
    page = listing.list_page(owner, parameters, versions(if_none_match()))
    headers = validator_headers(page.version)
    if "limit" in parameters:
        headers |= {"X-Total-Count": str(page.total), "Link": links(page.next_cursor)}
    return page.tasks, headers


def links(cursor: str | None) -> str:
    """Return the Link header of a page: this request with the cursor of the next page, and without a cursor."""
    text = request.query_string.decode(errors=KEEP_BYTES)
    query = [(name, value) for name, value in parse_qsl(text, errors=KEEP_BYTES) if name != "cursor"]
    path = request.root_path + quote(request.path)
    first = f'<{path}?{urlencode(query, errors=KEEP_BYTES)}>; rel="first"'
    if cursor is None:
        return first
    return f'<{path}?{urlencode([*query, ("cursor", cursor)], errors=KEEP_BYTES)}>; rel="next", {first}'


@tasks.post("/tasks")
@owner_required("tasks:write")
@no_query_parameters
@idempotent
@tasks.body(TaskPostSchema, example=NEW_TASK)
@tasks.response(201, TaskSchema(), headers={**LOCATION, **ETAG}, example=TASK)
@raises(RecurrenceNeedsDue, TaskLimitReached, TooManyRequests)
def create_task(fields: dict[str, Any], owner: Owner) -> tuple[Fragment, dict[str, str]]:
    """Create a task.

    Only the title is required. Without `order` the task comes last. A task with a `recurrence` needs a `due`.
    """
    row = item.create(owner, fields)
    location = url_for("tasks.get_task", user_id=owner.user_id, task_id=row["id"])
    return task_fragment(row), {"Location": location, **validator_headers(row["version"])}


@tasks.delete("/tasks")
@owner_required("tasks:write")
@tasks.query(DeleteManyParameters)
@tasks.response(200, DeletedSchema(), example={"deleted": 12})
@accepts_header(
    "If-Match",
    "The ETag of the list. If the list has another, nothing is deleted and the response is 412.",
    pattern=ENTITY_TAGS_PATTERN,
)
@raises(FilterRequired, InvalidEntityTag, PreconditionFailed, TooManyRequests)
def delete_tasks(parameters: dict[str, Any], owner: Owner) -> dict[str, int]:
    """Delete tasks by filter.

    Moves the tasks that match the filter to the trash, or deletes them permanently with `permanent=true`. Empty the
    trash with `deleted=true&permanent=true`.
    """
    return {"deleted": listing.delete_many(owner, parameters, if_match())}
