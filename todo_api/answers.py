"""The one place that turns a failure into an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, current_app, json, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from todo_api.errors import (
    ContentTooLarge,
    InternalError,
    InvalidToken,
    MethodNotAllowed,
    NotFound,
    Problem,
    ServiceUnavailable,
)

if TYPE_CHECKING:
    from flask import Flask

CONTENT_TYPE = "application/problem+json"

ROUTING = {error.status: error for error in (NotFound, MethodNotAllowed, ContentTooLarge)}
"""What werkzeug raises by itself, by status; its other failures are all about a request that cannot be read."""

FOREIGN_KEY_VIOLATION = "23503"


def speaks_better_auth() -> bool:
    """Tell whether Better Auth's dialect is asked for: a JSON body on an auth route. A form there speaks the seed's."""
    return request.blueprint == "auth" and request.is_json


def respond(problem: Problem) -> Response:
    """Answer with the problem, as application/problem+json."""
    status = (speaks_better_auth() and problem.better_auth_status) or problem.status
    return Response(json.dumps(problem.members(status)), status, problem.headers, content_type=CONTENT_TYPE)


def respond_http(error: HTTPException) -> Response:
    """Answer what werkzeug refused: an unknown path or method, a body too large or unreadable."""
    allow = dict(header for header in error.get_headers() if header[0] == "Allow")
    return respond(ROUTING.get(error.code or 400, Problem)(headers=allow))


def respond_database(error: DBAPIError | PoolTimeoutError) -> Response:
    """Answer a failure of the database: its user is gone, or it cannot serve now."""
    if isinstance(error, DBAPIError) and getattr(error.orig, "pgcode", None) == FOREIGN_KEY_VIOLATION:
        return respond(InvalidToken())
    current_app.logger.error("database: %s", error.__class__.__name__, exc_info=error)
    return respond(ServiceUnavailable())


def respond_unexpected(error: Exception) -> Response:
    """Answer a fault of ours, whose cause goes to the log and nowhere else."""
    current_app.logger.error("unexpected: %s", error.__class__.__name__, exc_info=error)
    return respond(InternalError())


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(Problem, respond)
    app.register_error_handler(HTTPException, respond_http)
    app.register_error_handler(DBAPIError, respond_database)
    app.register_error_handler(PoolTimeoutError, respond_database)
    app.register_error_handler(Exception, respond_unexpected)
