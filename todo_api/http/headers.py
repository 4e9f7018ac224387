"""The headers of every response: security headers and CORS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import current_app, request
from flask_cors.core import get_cors_options, set_cors_headers

if TYPE_CHECKING:
    from flask import Flask, Response

    from config import Config
    from todo_api.http.documentation import View

DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Origin",
}
"""The headers of a response for which its view sets no value.

They forbid MIME sniffing, caching, scripts, frames, referrers, and reading by other origins without CORS. The CORS
headers depend on Origin, so every response varies by it (Fetch standard, "CORS protocol and HTTP caches").
"""

HSTS = {"Strict-Transport-Security": "max-age=31536000"}
"""The additional header of a service with an https address: browsers use nothing but TLS for a year."""

EXPOSED_HEADERS = [
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "X-Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "X-Total-Count",
    "Idempotency-Replayed",
    "X-Request-Id",
    "set-auth-token",
    "set-auth-jwt",
]
"""The response headers that scripts of the trusted origins may read."""


PREFLIGHT_MAX_AGE = 7200
"""Seconds for which a browser may keep a preflight response. Chromium keeps none longer."""


def init_app(app: Flask, config: Config) -> None:
    """Add the default and CORS headers to every response, errors included.

    The extension of flask-cors also works on requests without an Origin, so only its functions are used.
    """
    # flask-cors takes a string with brackets, as of an IPv6 origin, for a regular expression. Hence the escape.
    origins = [re.compile(f"{re.escape(origin)}\\Z") for origin in config.cors_origins]
    cors = get_cors_options(
        app,
        {
            "origins": origins,
            "supports_credentials": True,
            "expose_headers": EXPOSED_HEADERS,
            "max_age": PREFLIGHT_MAX_AGE,
            "vary_header": False,  # a default header
        },
    )
    defaults = {**DEFAULT_HEADERS, **(HSTS if config.public_url.startswith("https:") else {})}
    lowercase_defaults = [(name.lower(), name, value) for name, value in defaults.items()]

    def add_headers(response: Response) -> Response:
        """Add the headers. `setdefault` would search the headers for each default: 5.9 % of the CPU of a read."""
        present = {name.lower() for name, _ in response.headers}
        for lowercase_name, name, value in lowercase_defaults:
            if lowercase_name not in present:
                response.headers.add(name, value)
        return set_cors_headers(response, cors) if "Origin" in request.headers and allows_cors() else response

    app.after_request(add_headers)


def no_cors(view: View) -> View:
    """Let no page of another origin read the view's responses, not even one of the trusted origins."""
    view.no_cors = True  # type: ignore[attr-defined]  # as Flask marks views with `provide_automatic_options`
    return view


def allows_cors() -> bool:
    """Return whether pages of the trusted origins may read the response."""
    view = current_app.view_functions.get(request.endpoint or "")
    return not hasattr(view, "no_cors")
