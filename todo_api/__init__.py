"""A to-do service: accounts, bearer tokens and tasks over HTTP, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from todo_api import settings
from todo_api.auth import auth
from todo_api.auth.cli import SESSIONS, USERS
from todo_api.auth.tokens import external_users
from todo_api.database import connections
from todo_api.extensions import db, migrate
from todo_api.http import error_handlers, headers
from todo_api.openapi import document, page
from todo_api.operations import metrics, request_log
from todo_api.operations.doctor import doctor
from todo_api.operations.health import system
from todo_api.rate_limiting import enforcement
from todo_api.tasks import tasks
from todo_api.tasks.cli import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from config import Config


class SyncFlask(Flask):
    """Flask without async views."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: Flask's check for a coroutine, seven times a request, is 2.9 % of the CPU of a read."""
        return func


def create_app(config: Config) -> Flask:
    """Return the WSGI application. It opens no connection until the first request, so that it may be forked."""
    app = SyncFlask(__name__, static_folder=None)
    # A path has one spelling: no redirect from another one.
    app.url_map.merge_slashes = False
    settings.init_app(app, config)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=config.trusted_proxies)  # type: ignore[method-assign]
    request_log.init_app(app)

    app.config.from_mapping(connections.engine_config(config))
    db.init_app(app)
    migrate.init_app(app, db, render_as_batch=False)

    headers.init_app(app, config)
    enforcement.init_app(app, config)
    metrics.init_app(app, config)
    external_users.init_app(app, config)

    reference = document.create_api(app, config.app_name)
    for blueprint in (system, auth, tasks):
        reference.register_blueprint(blueprint)
    page.init_app(app, reference)
    error_handlers.init_app(app)
    for command in (USERS, SESSIONS, TASKS, doctor):
        app.cli.add_command(command)
    return app
