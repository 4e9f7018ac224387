"""A to-do service: accounts, bearer tokens and tasks over HTTP, on PostgreSQL."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Config
from todo_api import answers, cli, connections, docs, headers, metrics, observe, openapi, settings, throttle
from todo_api.auth import foreign
from todo_api.auth.account_routes import account_routes
from todo_api.auth.routes import auth
from todo_api.auth.session_routes import session_routes
from todo_api.extensions import db, migrate
from todo_api.service import Service
from todo_api.system import system
from todo_api.tasks.routes import tasks
from todo_api.tasks.task_routes import task
from todo_api.tasks.transfer_routes import transfer


def create_app(config: Config) -> Flask:
    """Return the WSGI application. It opens no connection until the first request, so that it may be forked."""
    app = Service(__name__, static_folder=None)
    # A path has one spelling: no redirect from another one.
    app.url_map.merge_slashes = False
    settings.bind(app, config)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=config.trusted_proxies)  # type: ignore[method-assign]
    observe.init_app(app)

    app.config.from_mapping(connections.options(config))
    db.init_app(app)
    migrate.init_app(app, db, render_as_batch=False)

    headers.init_app(app, config)
    throttle.init_app(app, config)
    metrics.init_app(app, config)
    foreign.init_app(app, config)

    reference = openapi.create_api(app, config.app_name)
    for blueprint in (system, auth, session_routes, account_routes, tasks, task, transfer):
        reference.register_blueprint(blueprint)
    docs.init_app(app, reference)
    answers.init_app(app)
    cli.init_app(app)
    return app
