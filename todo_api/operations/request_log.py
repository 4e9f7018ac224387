"""The request log: each request has an id, which its response carries, and a line in the log.

A line has the route. It never has the path, the query, a header or the body, which may contain secrets.
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
"""A request id that is accepted from a proxy or a client."""

STARTED_AT: ContextVar[float] = ContextVar("STARTED_AT")
"""The start of the current request on the performance counter."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

AUTH_EVENTS = {
    "auth.sign_up": "sign_up",
    "auth.sign_in": "sign_in",
    "auth.sign_out": "sign_out",
    "auth.refresh_tokens": "refresh",
    "auth.send_verification_email": "send_verification_email",
    "auth.verify_email": "verify_email",
    "auth.change_email": "change_email",
    "auth.change_password": "change_password",
    "auth.verify_password": "verify_password",
    "auth.delete_user": "delete_user",
    "auth.follow_deletion_link": "delete_user",
    "auth.request_password_reset": "request_password_reset",
    "auth.reset_password": "reset_password",
    "auth.revoke_session": "revoke_session",
    "auth.revoke_sessions": "revoke_sessions",
    "auth.revoke_other_sessions": "revoke_other_sessions",
    "auth.create_api_key": "create_api_key",
    "auth.update_api_key": "update_api_key",
    "auth.delete_api_key": "delete_api_key",
}
"""The log event of a request, by endpoint."""


def init_app(app: Flask) -> None:
    """Register the hooks. They must be the first ones of the application, so that they see the whole request."""
    app.before_request(before_request)
    app.after_request(after_request)
    app.teardown_request(teardown_request)


def before_request() -> None:
    """Give the request an id: the client's own if that is acceptable, else a new one."""
    sent_id = request.headers.get(REQUEST_ID)
    request_id = sent_id if sent_id and REQUEST_ID_PATTERN.fullmatch(sent_id) else new_request_id()
    CONTEXT.set({"request_id": request_id, "user": None})
    STARTED_AT.set(perf_counter())


def new_request_id() -> str:
    """Return 128 random bits. The id is not a secret, so a fast generator is enough."""
    return f"{random.getrandbits(128):032x}"


def after_request(response: Response) -> Response:
    """Add the id to the response, and log the request."""
    context = CONTEXT.get() or {}
    response.headers.add(REQUEST_ID, context["request_id"])
    req = current_request()
    event = auth_event(req)
    if event:
        log_event(event, outcome=outcome())
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
    """Clear the context, so that later lines of this thread do not carry it."""
    CONTEXT.set(None)


def method(req: Request) -> str:
    """Return the method, or OTHER for an unknown one, which may be any text."""
    return req.method if req.method in METHODS else "OTHER"


def route(req: Request) -> str | None:
    """Return the URL rule that matches the path, if any."""
    return req.url_rule.rule if req.url_rule else None


def elapsed() -> float:
    """Return the seconds since the start of the request."""
    return perf_counter() - STARTED_AT.get()


def auth_event(req: Request) -> str | None:
    """Return the log event of a request to an auth endpoint, if it has one. A preflight has none."""
    return None if req.method == "OPTIONS" else AUTH_EVENTS.get(req.endpoint or "")


def outcome() -> str:
    """Return the outcome of an auth event. A failure has bound the code of its problem."""
    return "failure" if "code" in (CONTEXT.get() or {}) else "success"
