"""Routes about the service itself."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.databases import CONFIG
from todo_api import create_app

if TYPE_CHECKING:
    import pytest
    from flask import Flask


def test_the_root_welcomes_by_name() -> None:
    response = create_app(replace(CONFIG, app_name="My to-dos")).test_client().get("/")
    assert (response.status_code, response.json) == (200, {"message": "Welcome to My to-dos"})


def test_head_is_get_without_a_body(app: Flask) -> None:
    get, head = app.test_client().get("/"), app.test_client().head("/")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_wsgi_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", CONFIG.better_auth_secret)
    monkeypatch.setenv("DATABASE_URL", "postgresql:///somewhere")
    monkeypatch.setenv("APP_NAME", "From the environment")
    app = importlib.import_module("wsgi").app
    assert app.test_client().get("/").json == {"message": "Welcome to From the environment"}
