"""A to-do service: accounts, bearer tokens and tasks over HTTP, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask

from todo_api import extensions, settings
from todo_api.auth import auth
from todo_api.auth.api_keys.cli import KEYS
from todo_api.auth.cli import SESSIONS, USERS
from todo_api.auth.tokens import external_users
from todo_api.database import connections
from todo_api.http import error_handlers, headers, request_body, reverse_proxy
from todo_api.http.converters import IdConverter
from todo_api.http.json_provider import StrictJSONProvider
from todo_api.openapi import document, page
from todo_api.operations import metrics, request_log
from todo_api.operations.doctor import doctor
from todo_api.operations.health import system
from todo_api.rate_limiting import enforcement
from todo_api.tasks import calendar_feeds, tasks
from todo_api.tasks.cli import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from config import Config


class SyncFlask(Flask):
    """Flask without async views."""

    json_provider_class = StrictJSONProvider

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function. Flask's checks for coroutine functions take 2.9 % of the CPU of a read."""
        return func


def create_app(config: Config) -> Flask:
    """Return the WSGI application. It opens no connection before the first request, so it can be forked."""
    app = SyncFlask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a path has one spelling, so there are no redirects
    app.url_map.converters["id"] = IdConverter
    settings.init_app(app, config)
    request_body.init_app(app)
    reverse_proxy.init_app(app, config)

    # Flask runs before_request hooks in this order, and after_request hooks in the reverse order.
    request_log.init_app(app)
    extensions.init_app(app, connections.engine_config(config))
    headers.init_app(app, config)
    enforcement.init_app(app, config)
    metrics.init_app(app, config)
    external_users.init_app(app, config)

    api = document.create_api(app, config)
    for blueprint in (system, auth, tasks, calendar_feeds):
        api.register_blueprint(blueprint)
    page.init_app(app, api)
    error_handlers.init_app(app)  # replaces the handler of flask-smorest

    for command in (USERS, SESSIONS, KEYS, TASKS, doctor):
        app.cli.add_command(command)
    return app
