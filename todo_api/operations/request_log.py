"""What is seen of each request: an id that its answer carries, and its lines in the log.

A line names the route and never the path, the query, a header or a body, since each of them may hold a secret.
"""

from __future__ import annotations

import random
import re
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING

from flask import request

from server.logging import CONTEXT, log_event
from todo_api.http.current_request import current_request

if TYPE_CHECKING:
    from flask import Flask, Request, Response

REQUEST_ID = "X-Request-Id"

REQUEST_ID_PATTERN = re.compile("[A-Za-z0-9._-]{1,128}")
"""An id that a proxy or a client may have chosen."""

STARTED_AT: ContextVar[float] = ContextVar("BEGAN")
"""When the request in hand began, by the clock that tells how long it takes."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

AUTH_EVENTS = {
    "auth.sign_up": "sign_up",
    "auth.sign_in": "sign_in",
    "auth.sign_out": "sign_out",
    "auth.refresh_tokens": "refresh",
    "auth.change_password": "change_password",
    "auth.delete_user": "delete_user",
    "auth.request_password_reset": "request_password_reset",
    "auth.reset_password": "reset_password",
    "auth.revoke_session": "revoke_session",
    "auth.revoke_sessions": "revoke_sessions",
    "auth.revoke_other_sessions": "revoke_other_sessions",
}
"""The log event of a POST to each of these endpoints."""

FAILURE = 400
"""The first status that is one."""


def init_app(app: Flask) -> None:
    """See each request from its first moment to its last, so before everything else is registered."""
    app.before_request(before_request)
    app.after_request(after_request)
    app.teardown_request(teardown_request)


def before_request() -> None:
    """Give the request its id, or take over the one that it came with."""
    given = request.headers.get(REQUEST_ID)
    CONTEXT.set({"request_id": given if given and REQUEST_ID_PATTERN.fullmatch(given) else new_id(), "user": None})
    STARTED_AT.set(perf_counter())


def new_id() -> str:
    """Return an id of 128 random bits. It is told to whoever asks, and so need not be hard to guess."""
    return f"{random.getrandbits(128):032x}"


def after_request(response: Response) -> Response:
    """Put the id on the answer and write the lines."""
    context = CONTEXT.get() or {}
    response.headers.add(REQUEST_ID, context["request_id"])
    req = current_request()
    event = auth_event(req)
    if event:
        log_event(event, outcome=outcome(response))
    log_event(
        "request",
        method=method(req),
        route=route(req),
        status=response.status_code,
        duration_ms=round(elapsed() * 1000, 1),
        address=req.remote_addr,
    )
    return response


def teardown_request(_: BaseException | None) -> None:
    """Let the thread's next lines say nothing of this request."""
    CONTEXT.set(None)


def method(req: Request) -> str:
    """Return the method; one that nobody knows may be any text."""
    return req.method if req.method in METHODS else "OTHER"


def route(req: Request) -> str | None:
    """Return the rule that the path follows, if any does."""
    return req.url_rule.rule if req.url_rule else None


def elapsed() -> float:
    """Return how long the request has taken so far."""
    return perf_counter() - STARTED_AT.get()


def auth_event(req: Request) -> str | None:
    """Return the log event of this request to an auth endpoint, if it has one; a preflight has none."""
    return AUTH_EVENTS.get(req.endpoint or "") if req.method == "POST" else None


def outcome(response: Response) -> str:
    """Return how it ended; the line says a failure's code besides."""
    return "success" if response.status_code < FAILURE else "failure"
