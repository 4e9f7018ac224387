"""The error handlers: each turns a failure into a problem response (RFC 9457)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import psycopg2
from flask import current_app, request
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from server.logging import bind_context
from todo_api.http.errors import (
    ContentTooLarge,
    InternalServerError,
    InvalidToken,
    MethodNotAllowed,
    NotFound,
    Problem,
    RangeNotSatisfiable,
    ServiceUnavailable,
)
from todo_api.http.json_provider import dumps
from todo_api.http.media_types import FORMS, PROBLEM_JSON
from todo_api.http.responses import JSONResponse

if TYPE_CHECKING:
    from flask import Flask, Response

AUTH_PREFIX = "/api/auth/"

ROUTING_PROBLEMS = {
    problem.status: problem for problem in (NotFound, MethodNotAllowed, ContentTooLarge, RangeNotSatisfiable)
}
"""The problems for werkzeug's exceptions, by status. The others mean that the request cannot be read."""

FOREIGN_KEY_VIOLATION = "23503"
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, handle_http_exception)
    app.register_error_handler(psycopg2.Error, handle_database_error)
    app.register_error_handler(PoolTimeoutError, handle_database_error)
    app.register_error_handler(OSError, handle_os_error)
    app.register_error_handler(Exception, handle_unexpected_error)


def problem_response(problem: Problem) -> Response:
    """Return the problem as application/problem+json."""
    bind_context(code=problem.code)
    status = (uses_better_auth_dialect() and problem.better_auth_status) or problem.status
    return JSONResponse(dumps(problem.to_dict(status)), status, problem.headers, PROBLEM_JSON)


def uses_better_auth_dialect() -> bool:
    """Return whether the client expects Better Auth's statuses: on an auth route, unless it sent a form."""
    return request.path.startswith(AUTH_PREFIX) and request.mimetype not in FORMS


def handle_http_exception(error: HTTPException) -> Response:
    """Handle an exception of werkzeug: no route for the path or method, or a body that is too large or unreadable."""
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Content-Range"}}
    return problem_response(ROUTING_PROBLEMS.get(error.code or 400, Problem)(headers=headers))


def handle_database_error(error: psycopg2.Error | PoolTimeoutError) -> Response:
    """Handle a failure of the database: 401 if the token's user is deleted, else 503.

    The log names the failure without PostgreSQL's details, which would show rows.
    """
    code = getattr(error, "pgcode", None)
    if code == FOREIGN_KEY_VIOLATION:
        return problem_response(InvalidToken())
    current_app.logger.error("database: %s (%s): %s", type(error).__name__, code, database_message(error))
    return problem_response(ServiceUnavailable())


def database_message(error: Exception) -> str:
    """Return the message of a database error without its details, which would show rows."""
    return getattr(getattr(error, "diag", None), "message_primary", None) or str(error).strip()


def handle_os_error(error: OSError) -> Response:
    """Handle a full disk, which an import or an export can meet, as 503, and every other error as unexpected."""
    if error.errno not in DISK_FULL:
        return handle_unexpected_error(error)
    current_app.logger.error("no room for a file: %s", error.strerror)
    return problem_response(ServiceUnavailable())


def handle_unexpected_error(error: Exception) -> Response:
    """Handle a bug. The cause is in the log and not in the response."""
    current_app.logger.error("unexpected: %s", error.__class__.__name__, exc_info=error)
    return problem_response(InternalServerError())
