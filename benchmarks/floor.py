"""The floor: a minimal WSGI application for tasks on PostgreSQL. It validates nothing.

It runs under the same gunicorn configuration as the service, so that the difference is the cost of the service.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import jwt
import orjson
import psycopg2
from psycopg2.extras import RealDictCursor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

SECRET, DATABASE = os.environ["BETTER_AUTH_SECRET"], os.environ["DATABASE_URL"]
COLUMNS = "id, user_id, title, description, completed, created_at, updated_at"
LIST = f"SELECT {COLUMNS} FROM tasks WHERE user_id = %s ORDER BY id"  # noqa: S608 - constants
GET = f"SELECT {COLUMNS} FROM tasks WHERE user_id = %s AND id = %s"  # noqa: S608
CREATE = f"INSERT INTO tasks (user_id, title, description) VALUES (%s, %s, %s) RETURNING {COLUMNS}"  # noqa: S608
UPDATE = f"UPDATE tasks SET title = %s, updated_at = now() WHERE user_id = %s AND id = %s RETURNING {COLUMNS}"  # noqa: S608
TOGGLE = f"UPDATE tasks SET completed = NOT completed WHERE user_id = %s AND id = %s RETURNING {COLUMNS}"  # noqa: S608

local = threading.local()


def rows(statement: str, *parameters: Any) -> list[Any]:
    """Run one statement on this thread's connection."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(DATABASE, cursor_factory=RealDictCursor)
        local.connection.autocommit = True
    with local.connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve /api/{user_id}/tasks[/{task_id}[/complete]] for the user of the token."""
    user_id, *task = environ["PATH_INFO"].removeprefix("/api/").replace("/tasks", "").split("/")
    status, result = "403 Forbidden", None
    token = environ.get("HTTP_AUTHORIZATION", "")[7:]
    if token and user_id == jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]:
        status, result = respond(environ, user_id, task)
    body = orjson.dumps(result)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def respond(environ: WSGIEnvironment, user_id: str, task: list[str]) -> tuple[str, Any]:
    """Return the status and the result."""
    method = environ["REQUEST_METHOD"]
    if method == "GET":
        return "200 OK", rows(GET, user_id, task[0])[0] if task else rows(LIST, user_id)
    if method == "PATCH":
        return "200 OK", rows(TOGGLE, user_id, task[0])[0]
    fields = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    if method == "PUT":
        return "200 OK", rows(UPDATE, fields["title"], user_id, task[0])[0]
    return "201 Created", rows(CREATE, user_id, fields["title"], fields["description"])[0]
