"""The problems of the task routes. Codes are append-only, because clients branch on them."""

from todo_api.http.errors import NotFound, Problem


class TaskNotFound(NotFound, code="TASK_NOT_FOUND"):
    """The user has no task with this id."""

    detail = "Task not found"


class PreconditionFailed(Problem, status=412, code="PRECONDITION_FAILED"):
    """`If-Match` does not name the current version of the task or the list (RFC 9110 section 13.1.1)."""

    detail = "It has changed since; read it again, and send its ETag as If-Match."


class TaskLimitReached(Problem, status=403, code="TASK_LIMIT_REACHED"):
    """The user has the maximum number of tasks, including those in the trash."""

    detail = "There are as many tasks as there may be; delete some with ?permanent=true, or empty the trash."


class FeedNotFound(NotFound, code="FEED_NOT_FOUND"):
    """The user has no calendar feed with this id."""

    detail = "Feed not found"


class FeedLimitReached(Problem, status=403, code="FEED_LIMIT_REACHED"):
    """The user has the maximum number of calendar feeds."""

    detail = "There are as many feeds as there may be; delete one first."


class RecurrenceNeedsDue(Problem, status=422, code="RECURRENCE_NEEDS_DUE"):
    """The task would have a recurrence rule without a due date, at which the rule starts."""

    detail = "A task that repeats needs a due date; send one, or clear recurrence."


class FilterRequired(Problem, code="FILTER_REQUIRED"):
    """The request would delete all tasks and does not say `all=true`."""

    detail = "Say which tasks by a filter such as completed=true, or say all=true."


class MalformedCalendar(Problem):
    """The body is not iCalendar (RFC 5545)."""

    detail = "The body is not a complete iCalendar document."


class InvalidSyncToken(Problem, code="INVALID_SYNC_TOKEN"):
    """The sync token was not issued to this user, or not by this database."""

    detail = "The sync token is not one of yours; start again without one."


class SyncTokenExpired(Problem, status=410, code="SYNC_TOKEN_EXPIRED"):
    """Tombstones of tasks that were deleted since the sync token are purged."""

    detail = "The sync token is older than what is remembered of deleted tasks; start again without one."


class InvalidIdempotencyKey(Problem, code="INVALID_IDEMPOTENCY_KEY"):
    """The idempotency key is empty or too long."""

    detail = "Idempotency-Key takes 1 to 255 characters."


class IdempotencyKeyReused(Problem, status=422, code="IDEMPOTENCY_KEY_REUSED"):
    """Another request had the same idempotency key."""

    detail = "This Idempotency-Key came with another request; take a new key for each thing to do."


class RequestInProgress(Problem, status=409, code="REQUEST_IN_PROGRESS"):
    """A request with the same idempotency key is in progress."""

    detail = "A request with this Idempotency-Key is still being answered; send it again in a moment."
    headers = {"Retry-After": "1"}
