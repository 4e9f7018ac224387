"""Reverse proxies in front of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

    from config import Config


def init_app(app: Flask, config: Config) -> None:
    """Trust the configured number of proxies, and build URLs under the path that the outermost one strips."""
    wsgi_app: WSGIApplication = app.wsgi_app
    if config.trusted_proxies:
        wsgi_app = ProxyFix(wsgi_app, x_for=config.trusted_proxies, x_proto=config.trusted_proxies)
    if config.public_path:
        wsgi_app = with_script_name(wsgi_app, config.public_path)
    app.wsgi_app = wsgi_app  # type: ignore[method-assign, assignment]


def with_script_name(wsgi_app: WSGIApplication, script_name: str) -> WSGIApplication:
    """Return the application with a SCRIPT_NAME, which Flask puts before URLs as it is: percent-encoded."""

    def prefixed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return wsgi_app({**environ, "SCRIPT_NAME": script_name}, start_response)

    return prefixed
