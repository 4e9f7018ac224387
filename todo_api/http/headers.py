"""Headers of every answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import request
from flask_cors.core import get_cors_options, set_cors_headers

if TYPE_CHECKING:
    from flask import Flask, Response

    from config import Config

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What an answer says unless its view says otherwise: no guessing of types, no copy kept, nothing to run or frame.

Also that no address is told on, and that other sites' pages get it by CORS or not at all.
"""

HSTS = {"Strict-Transport-Security": "max-age=31536000"}
"""What an answer of a service that is reached by TLS adds: for a year, by nothing else."""

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
"""What scripts of the trusted origins may read."""


def init_app(app: Flask, config: Config) -> None:
    """Complete the headers of every answer, errors included; those for the pages of other origins are flask-cors's.

    It is asked by its functions rather than by its extension, which does its work for requests of no origin, too.
    """
    # Escaped, since flask-cors takes a string with brackets, as an IPv6 origin's, for a regular expression.
    origins = [re.compile(f"{re.escape(origin)}\\Z") for origin in config.cors_origins]
    cors = get_cors_options(app, {"origins": origins, "supports_credentials": True, "expose_headers": EXPOSED_HEADERS})
    always = {**HEADERS, **(HSTS if config.public_url.startswith("https:") else {})}
    wanted = [(name.lower(), name, value) for name, value in always.items()]

    def complete(response: Response) -> Response:
        """Add what the view has not set. Its headers are gone through once, not for each of ours as by `setdefault`."""
        headers = response.headers
        present = {name.lower() for name, _ in headers}
        for lowered, name, value in wanted:
            if lowered not in present:
                headers.add(name, value)
        return set_cors_headers(response, cors) if "Origin" in request.headers else response

    app.after_request(complete)
