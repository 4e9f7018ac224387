"""The routes of a user's tasks: listing, creating, deleting by filter, batches, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from flask import request, url_for

from todo_api.auth.guard import Owner, owner_required
from todo_api.http.blueprint import Blueprint, no_parameters
from todo_api.http.conditional_requests import if_match, known, validators
from todo_api.http.documentation import raises, takes_header
from todo_api.http.errors import TooManyRequests
from todo_api.http.query_string import AS_SENT
from todo_api.tasks.errors import (
    FilterRequired,
    InvalidSyncToken,
    PreconditionFailed,
    SyncTokenExpired,
    TaskLimitReached,
    TaskNotFound,
)
from todo_api.tasks.examples import BATCH, CHANGES, ETAG, LOCATION, NEW, PAGE_HEADERS, RESULTS, SHOWN
from todo_api.tasks.parameters import ChangesParameters, DeleteManyParameters, ListParameters
from todo_api.tasks.queries import item, listing
from todo_api.tasks.schemas import TaskPostSchema, TaskSchema
from todo_api.tasks.sync import batch
from todo_api.tasks.sync.changes import changes_since
from todo_api.tasks.sync.idempotency import idempotent
from todo_api.tasks.sync.schemas import BatchSchema, ChangesSchema, DeletedSchema, ResultsSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from todo_api.database.statements import Row


tasks = Blueprint("tasks", __name__, url_prefix="/api/<user_id>/tasks", description="The tasks of one user.")


@tasks.get("")
@owner_required
@tasks.query(ListParameters)
@tasks.response(200, TaskSchema(many=True), headers=PAGE_HEADERS, example=[SHOWN], conditional=True)
@takes_header("If-None-Match", "Answer 304 if the list's ETag is one of these.")
def list_tasks(parameters: dict[str, Any], owner: Owner) -> tuple[Sequence[Row], dict[str, str]]:
    """List your tasks, oldest first.

    Without `limit` all of them; with it, `X-Total-Count` says how many there are and `Link` (RFC 8288) leads to the
    `next` page and the `first`. The ETag is the same until any of your tasks changes.
    """
    page = listing.list_owned(owner, parameters, known())
    headers = validators(page.version)
    if "limit" in parameters:
        headers |= {"X-Total-Count": str(page.total), "Link": links(page.cursor)}
    return page.tasks, headers


def links(cursor: str | None) -> str:
    """Return the Link header of a page of this request: the same query from the cursor on, and from the beginning."""
    text = request.query_string.decode(errors=AS_SENT)
    query = [(name, value) for name, value in parse_qsl(text, errors=AS_SENT) if name != "cursor"]
    path = quote(request.path)
    first = f'<{path}?{urlencode(query, errors=AS_SENT)}>; rel="first"'
    if cursor is None:
        return first
    return f'<{path}?{urlencode([*query, ("cursor", cursor)], errors=AS_SENT)}>; rel="next", {first}'


@tasks.post("")
@owner_required
@no_parameters
@idempotent
@tasks.body(TaskPostSchema, example=NEW)
@tasks.response(201, TaskSchema(), headers={**LOCATION, **ETAG}, example=SHOWN)
@raises(TaskLimitReached, TooManyRequests)
def create_task(members: dict[str, Any], owner: Owner) -> tuple[Row, dict[str, str]]:
    """Create a task.

    Without `order` it is placed behind the last one.
    """
    row = item.create(owner, members)
    location = url_for("task.get_task", user_id=owner.user_id, task_id=row["id"])
    return row, {"Location": location, **validators(row["version"])}


@tasks.delete("")
@owner_required
@tasks.query(DeleteManyParameters)
@tasks.response(200, DeletedSchema(), example={"deleted": 12})
@takes_header("If-Match", "Delete only if the list's ETag is one of these; else 412.")
@raises(FilterRequired, PreconditionFailed, TooManyRequests)
def delete_tasks(parameters: dict[str, Any], owner: Owner) -> dict[str, int]:
    """Delete the tasks that a filter chooses.

    They go into the trash together, or with `permanent=true` for good; `deleted=true&permanent=true` empties the
    trash.
    """
    return {"deleted": listing.delete_many(owner, parameters, if_match())}


@tasks.post("/batch")
@owner_required
@no_parameters
@idempotent
@tasks.body(BatchSchema, example=BATCH)
@tasks.response(200, ResultsSchema(), example=RESULTS)
@raises(TaskNotFound, PreconditionFailed, TaskLimitReached, TooManyRequests)
def batch_tasks(members: dict[str, Any], owner: Owner) -> dict[str, Any]:
    """Do up to a hundred operations at once.

    In order, each seeing those before it, all of them or none: the first that fails answers with its own status and
    names itself, and nothing is done. `update` is a merge patch, as PATCH.
    """
    return {"results": batch.run(owner, members["operations"])}


@tasks.get("/changes")
@owner_required
@tasks.query(ChangesParameters)
@tasks.response(200, ChangesSchema(), example=CHANGES)
@raises(InvalidSyncToken, SyncTokenExpired)
def list_changes(parameters: dict[str, Any], owner: Owner) -> dict[str, Any]:
    """List what has changed since the last time.

    A copy of the tasks that takes over `tasks` and drops `deleted` is that of the service, once `has_more` is false.
    Keep `sync_token` for the next time. After 410, and after 400, start again with an empty copy and no token.
    """
    return changes_since(owner, parameters.get("sync_token"), parameters["limit"])
