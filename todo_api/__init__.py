"""A to-do service: accounts, bearer tokens and tasks over HTTP, on PostgreSQL."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Config
from todo_api import settings
from todo_api.auth import cli
from todo_api.auth.routes.account import account_routes
from todo_api.auth.routes.sessions import session_routes
from todo_api.auth.routes.sign_in import auth
from todo_api.auth.tokens import external_users
from todo_api.database import connections
from todo_api.extensions import db, migrate
from todo_api.http import headers, responses
from todo_api.openapi import document, page
from todo_api.operations import metrics, request_log
from todo_api.operations.health import system
from todo_api.rate_limiting import consumption
from todo_api.service import Service
from todo_api.tasks.routes.collection import tasks
from todo_api.tasks.routes.item import task
from todo_api.tasks.routes.transfer import transfer


def create_app(config: Config) -> Flask:
    """Return the WSGI application. It opens no connection until the first request, so that it may be forked."""
    app = Service(__name__, static_folder=None)
    # A path has one spelling: no redirect from another one.
    app.url_map.merge_slashes = False
    settings.bind(app, config)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=config.trusted_proxies)  # type: ignore[method-assign]
    request_log.init_app(app)

    app.config.from_mapping(connections.options(config))
    db.init_app(app)
    migrate.init_app(app, db, render_as_batch=False)

    headers.init_app(app, config)
    consumption.init_app(app, config)
    metrics.init_app(app, config)
    external_users.init_app(app, config)

    reference = document.create_api(app, config.app_name)
    for blueprint in (system, auth, session_routes, account_routes, tasks, task, transfer):
        reference.register_blueprint(blueprint)
    page.init_app(app, reference)
    responses.init_app(app)
    cli.init_app(app)
    return app
