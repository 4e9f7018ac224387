"""The path under which a reverse proxy serves the service, such as /todo of https://example.com/todo."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

    from config import Config


def init_app(app: Flask, config: Config) -> None:
    """Set SCRIPT_NAME, from which Flask builds URLs (PEP 3333), if the service has a path prefix."""
    if config.public_path:
        app.wsgi_app = with_script_name(app.wsgi_app, unquote(config.public_path, "latin-1"))  # type: ignore[method-assign, assignment]


def with_script_name(wsgi_app: WSGIApplication, script_name: str) -> WSGIApplication:
    """Return the application with a SCRIPT_NAME. The proxy strips the prefix, so requests come without it."""

    def prefixed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return wsgi_app({**environ, "SCRIPT_NAME": script_name}, start_response)

    return prefixed
