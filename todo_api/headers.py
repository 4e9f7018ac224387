"""Headers of every answer."""

from flask import Flask, Response

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What an answer says unless its view says otherwise: no guessing of types, no copy kept, nothing to run or frame."""

EXPOSED = [
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


def init_app(app: Flask) -> None:
    """Complete the headers of every answer, errors included."""
    app.after_request(complete)


def complete(response: Response) -> Response:
    """Add what the view has not set."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
