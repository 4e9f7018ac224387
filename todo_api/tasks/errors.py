"""The failures of the task routes."""

from collections.abc import Mapping

from todo_api.http.errors import NotFound, Problem


class TaskNotFound(NotFound):
    """The user has no such task."""

    code = "TASK_NOT_FOUND"
    detail = "Task not found"


class PreconditionFailed(Problem):
    """The task, or the list, is not of a version that `If-Match` names (RFC 9110 section 13.1.1)."""

    status = 412
    code = "PRECONDITION_FAILED"
    detail = "It has changed since; read it again, and send its ETag as If-Match."


class TaskLimitReached(Problem):
    """The user has as many tasks as a user may have, those in the trash included."""

    status = 403
    code = "TASK_LIMIT_REACHED"
    detail = "There are as many tasks as there may be; delete some with ?permanent=true, or empty the trash."


class FilterRequired(Problem):
    """All tasks would be deleted, and nothing says that this is meant."""

    code = "FILTER_REQUIRED"
    detail = "Say which tasks by a filter such as completed=true, or say all=true."


class InvalidSyncToken(Problem):
    """The sync token is none that this user was given, or of a database that is no more."""

    code = "INVALID_SYNC_TOKEN"
    detail = "The sync token is not one of yours; start again without one."


class SyncTokenExpired(Problem):
    """What was deleted since the sync token has been purged."""

    status = 410
    code = "SYNC_TOKEN_EXPIRED"
    detail = "The sync token is older than what is remembered of deleted tasks; start again without one."


class InvalidIdempotencyKey(Problem):
    """The key is empty or too long."""

    code = "INVALID_IDEMPOTENCY_KEY"
    detail = "Idempotency-Key takes 1 to 255 characters."


class IdempotencyKeyReused(Problem):
    """The key came with another request before."""

    status = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    detail = "This Idempotency-Key came with another request; take a new key for each thing to do."


class RequestInProgress(Problem):
    """A request with the same key is being answered."""

    status = 409
    code = "REQUEST_IN_PROGRESS"
    detail = "A request with this Idempotency-Key is still being answered; send it again in a moment."
    headers: Mapping[str, str] = {"Retry-After": "1"}
