"""The system routes: the welcome message, liveness and readiness."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from devtools.processes import free_port
from server import draining
from tests.support.databases import CONFIG, application, execute
from tests.support.processes import ROOT, clean_environ
from tests.support.statements import record_statements
from todo_api import create_app

if TYPE_CHECKING:
    from flask import Flask

READ_ONLY = "ALTER DATABASE {name} SET default_transaction_read_only = on"


def test_the_root_has_the_name_of_the_service() -> None:
    response = create_app(replace(CONFIG, app_name="My to-dos")).test_client().get("/")
    assert (response.status_code, response.json) == (200, {"message": "Welcome to My to-dos"})


def test_head_is_get_without_a_body(app: Flask) -> None:
    get, head = app.test_client().get("/"), app.test_client().head("/")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_wsgi_reads_the_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", CONFIG.better_auth_secret)
    monkeypatch.setenv("DATABASE_URL", "postgresql:///somewhere")
    monkeypatch.setenv("APP_NAME", "From the environment")
    monkeypatch.delenv("FLASK_RUN_FROM_CLI", raising=False)
    app = runpy.run_module("wsgi")["app"]
    assert app.test_client().get("/").json == {"message": "Welcome to From the environment"}
    assert "db" not in app.cli.commands
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    assert "db" in runpy.run_module("wsgi")["app"].cli.commands


def test_a_worker_does_not_load_what_only_commands_or_redis_need() -> None:
    environ = clean_environ(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL="postgresql:///somewhere")
    code = "import sys, wsgi; print({'alembic', 'flask_migrate', 'redis'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True, text=True).stdout
    assert loaded == "set()\n"


def test_liveness_uses_no_database(app: Flask) -> None:
    with record_statements() as statements:
        response = app.test_client().get("/healthz")
    assert (response.status_code, response.json, statements) == (200, {"status": "ok"}, [])


def test_readiness_is_one_statement(app: Flask) -> None:
    with record_statements() as statements:
        response = app.test_client().get("/readyz")
    assert (response.status_code, response.json, len(statements)) == (200, {"status": "ok"}, 1)


@pytest.mark.shows("PostgreSQL full")
@pytest.mark.parametrize("change", ["DROP TABLE idempotency_keys", READ_ONLY])
def test_missing_tables_or_a_read_only_database_is_not_ready(fresh_database: str, change: str) -> None:
    execute(fresh_database, change.format(name=urlsplit(fresh_database).path[1:]))
    assert_not_ready(application(fresh_database))


def test_an_unreachable_database_is_not_ready_but_alive() -> None:
    app = application(f"postgresql://nobody:x@127.0.0.1:{free_port()}/nothing")
    assert_not_ready(app)
    assert app.test_client().get("/healthz").status_code == 200


@pytest.mark.shows("gunicorn readiness")
def test_a_draining_service_is_not_ready_but_alive(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "SHARED", bytearray(1))
    assert app.test_client().get("/readyz").status_code == 200
    draining.start_draining()
    assert_not_ready(app)
    assert app.test_client().get("/healthz").status_code == 200


def assert_not_ready(app: Flask) -> None:
    response = app.test_client().get("/readyz")
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert response.headers["Retry-After"] == "2"
