"""Redirects from mailed links to their `callbackURL`."""

from __future__ import annotations

from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import request

from server.logging import bind_context
from todo_api.auth.errors import InvalidCallbackURL
from todo_api.auth.schemas.sign_in import REDIRECT
from todo_api.auth.sessions.csrf import check_redirect
from todo_api.auth.verification.errors import InvalidLink
from todo_api.http.documentation import View, accepts_query_parameter, document
from todo_api.http.errors import TooManyRequests
from todo_api.http.responses import empty_response

LOCATION = {"Location": {"schema": {"type": "string"}, "required": True}}
FOUND = {"description": "With a `callbackURL`, to which a link that fails adds `?error=CODE`.", "headers": LOCATION}

accepts_callback_url = accepts_query_parameter(
    "callbackURL", "The redirect's target: a path, or a URL of a trusted origin.", pattern=REDIRECT
)


def with_query(url: str, parameters: dict[str, str]) -> str:
    """Return the URL with further query parameters."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return parts._replace(query=query).geturl()


def redirects_to_callback(view: View) -> View:
    """Redirect to the query's `callbackURL`, with `?error=CODE` if the link is not valid or was followed too often.

    Without it, change nothing.

    Raises:
        InvalidCallbackURL: 403.

    """

    @wraps(view)
    def redirecting(*args: Any, **kwargs: Any) -> Any:
        callback = request.args.get("callbackURL")
        if not callback:
            return view(*args, **kwargs)
        check_redirect(callback, InvalidCallbackURL)
        try:
            response = view(*args, **kwargs)
        except (InvalidLink, TooManyRequests) as problem:
            bind_context(code=problem.code)
            return empty_response(302, {"Location": with_query(callback, {"error": problem.code})})
        headers = [header for header in response.headers if not header[0].startswith("Content-")]
        return empty_response(302, [*headers, ("Location", callback)])

    document(redirecting, InvalidCallbackURL, responses={"302": FOUND})
    return accepts_callback_url(redirecting)  # type: ignore[return-value]  # the same view, for mypy too
