"""Problem responses to requests that do not reach the application."""

from __future__ import annotations

import json
from http import HTTPStatus


def error_response(status: int, request_id: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a problem response, after which the connection is closed."""
    # Imported here, because a reload (HUP) does not load again what the master has loaded.
    from todo_api.http.errors import InternalServerError, Problem  # noqa: PLC0415
    from todo_api.http.headers import DEFAULT_HEADERS  # noqa: PLC0415
    from todo_api.http.media_types import PROBLEM_JSON  # noqa: PLC0415

    problem = InternalServerError() if status == HTTPStatus.INTERNAL_SERVER_ERROR else Problem()
    body = json.dumps(problem.to_dict(status)).encode()
    specific = {"Content-Type": PROBLEM_JSON, "Content-Length": str(len(body)), "X-Request-Id": request_id}
    return {**DEFAULT_HEADERS, **specific, "Connection": "close"}, body
