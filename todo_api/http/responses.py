"""The one place that turns a failure into an answer."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import psycopg2
from flask import Response, current_app, request
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from server.logging import note
from todo_api.http.errors import (
    ContentTooLarge,
    InternalError,
    InvalidToken,
    MethodNotAllowed,
    NotFound,
    Problem,
    RangeNotSatisfiable,
    ServiceUnavailable,
)
from todo_api.http.serialization import json_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask import Flask
    from werkzeug.datastructures import Headers as SentHeaders

CONTENT_TYPE = "application/problem+json"
AUTH = "/api/auth/"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FORM_TYPES = (URLENCODED, MULTIPART)

Headers = Mapping[str, str] | Sequence[tuple[str, str]]

ROUTING = {problem.status: problem for problem in (NotFound, MethodNotAllowed, ContentTooLarge, RangeNotSatisfiable)}
"""What werkzeug raises by itself, by status; its other failures are all about a request that cannot be read."""

FOREIGN_KEY_VIOLATION = "23503"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class JSONAnswer(Response):
    """An answer whose body is a JSON text, and to which nothing is to be added.

    werkzeug copies headers to complete their length and to make an address of a Location, and wraps a body to close
    it. Here the length is told from the start, there is nothing to close, and a Location is a URI already.
    """

    def __init__(self, text: bytes, status: int, headers: Headers, content_type: str = "application/json") -> None:
        """Take a text and the headers beside its type and length."""
        super().__init__([text], status, headers, content_type=content_type, direct_passthrough=True)
        self.headers.add("Content-Length", str(len(text)))

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> SentHeaders:
        """Return the headers as they are."""
        return self.headers


def empty(status: int, headers: Headers | None = None) -> Response:
    """Return an answer without a body, and so without a type of it."""
    answer = Response(status=status, headers=headers)
    answer.headers.remove("Content-Type")
    return answer


def speaks_better_auth() -> bool:
    """Tell whether Better Auth's dialect is asked for: on an auth route, unless a form there speaks the seed's."""
    return request.path.startswith(AUTH) and request.mimetype not in FORM_TYPES


def respond(problem: Problem) -> Response:
    """Answer with the problem, as application/problem+json."""
    note(code=problem.code)
    status = (speaks_better_auth() and problem.better_auth_status) or problem.status
    return JSONAnswer(json_text(problem.members(status)), status, problem.headers, CONTENT_TYPE)


def respond_http(error: HTTPException) -> Response:
    """Answer what werkzeug refused: an unknown path or method, a body too large or unreadable."""
    if request.path.startswith(AUTH) and error.code in {NotFound.status, MethodNotAllowed.status}:
        return empty(NotFound.status)  # as Better Auth answers
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Content-Range"}}
    return respond(ROUTING.get(error.code or 400, Problem)(headers=headers))


def respond_database(error: psycopg2.Error | PoolTimeoutError) -> Response:
    """Answer a failure of the database: the token's user is gone, or it cannot serve now.

    What is logged names the failure and shows no row, as PostgreSQL's details would.
    """
    code = getattr(error, "pgcode", None)
    if code == FOREIGN_KEY_VIOLATION:
        return respond(InvalidToken())
    current_app.logger.error("database: %s (%s): %s", type(error).__name__, code, database_words(error))
    return respond(ServiceUnavailable())


def database_words(error: Exception) -> str:
    """Return what is said of a failure, without the rows that PostgreSQL's details would show."""
    return getattr(getattr(error, "diag", None), "message_primary", None) or str(error).strip()


def respond_system(error: OSError) -> Response:
    """Answer what the system refuses: no room for the file of an import or an export, which may pass, or a fault."""
    if error.errno not in NO_ROOM:
        return respond_unexpected(error)
    current_app.logger.error("no room for a file: %s", error.strerror)
    return respond(ServiceUnavailable())


def respond_unexpected(error: Exception) -> Response:
    """Answer a fault of ours, whose cause goes to the log and nowhere else."""
    current_app.logger.error("unexpected: %s", error.__class__.__name__, exc_info=error)
    return respond(InternalError())


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(Problem, respond)
    app.register_error_handler(HTTPException, respond_http)
    app.register_error_handler(psycopg2.Error, respond_database)
    app.register_error_handler(PoolTimeoutError, respond_database)
    app.register_error_handler(OSError, respond_system)
    app.register_error_handler(Exception, respond_unexpected)
