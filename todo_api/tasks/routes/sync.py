"""The routes for synchronisation: batches and changes."""

from __future__ import annotations

from typing import Any

from todo_api.auth.guard import Owner, owner_required
from todo_api.http.blueprint import no_query_parameters
from todo_api.http.documentation import raises
from todo_api.http.errors import TooManyRequests
from todo_api.tasks.blueprint import tasks
from todo_api.tasks.errors import (
    InvalidSyncToken,
    PreconditionFailed,
    RecurrenceNeedsDue,
    SyncTokenExpired,
    TaskLimitReached,
    TaskNotFound,
)
from todo_api.tasks.examples import BATCH, CHANGES, RESULTS
from todo_api.tasks.parameters import ChangesParameters
from todo_api.tasks.sync import batch
from todo_api.tasks.sync.changes import changes_since
from todo_api.tasks.sync.idempotency import idempotent
from todo_api.tasks.sync.schemas import BatchResultsSchema, BatchSchema, ChangesSchema


@tasks.post("/tasks/batch", tags=["sync"])
@owner_required("tasks:write")
@no_query_parameters
@idempotent
@tasks.body(BatchSchema, example=BATCH)
@tasks.response(200, BatchResultsSchema(), example=RESULTS)
@raises(TaskNotFound, PreconditionFailed, RecurrenceNeedsDue, TaskLimitReached, TooManyRequests)
def batch_tasks(body: dict[str, Any], owner: Owner) -> dict[str, Any]:
    """Run a batch of operations.

    Runs up to 100 operations in order, all of them or none; each sees the changes of those before it. If an operation
    fails, nothing is changed and the response names the operation. `update` is a merge patch, as in PATCH.
    """
    return {"results": batch.run_batch(owner, body["operations"])}


@tasks.get("/tasks/changes", tags=["sync"])
@owner_required("tasks:read")
@tasks.query(ChangesParameters)
@tasks.response(200, ChangesSchema(), example=CHANGES)
@raises(InvalidSyncToken, SyncTokenExpired)
def list_task_changes(parameters: dict[str, Any], owner: Owner) -> dict[str, Any]:
    """List changes since a sync token.

    Use it to keep an offline copy. Put `tasks` into the copy and remove `deleted` from it, until `has_more` is false;
    then the copy equals the list. Keep `sync_token` for the next request. After 400 or 410 start again with an empty
    copy and no token.
    """
    return changes_since(owner, parameters.get("sync_token"), parameters["limit"])
