"""The routes of the OpenAPI document and of its page, Swagger UI, with a strict Content-Security-Policy."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import flask_swagger_ui
from flask import Flask, Response, current_app, send_from_directory

if TYPE_CHECKING:
    from todo_api.openapi.api import Api

SWAGGER_UI_FOLDER = str(files(flask_swagger_ui) / "dist")
"""The folder of Swagger UI's files. Its own page has an inline script, which the policy below forbids."""

SWAGGER_UI_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")

STATIC_FOLDER = str(Path(__file__).with_name("static"))
"""The folder of docs.html and docs.js."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MAX_AGE = 3600
"""Seconds for which a browser caches a script, style sheet or image of the page."""

EXTENSION_KEY = "todo_api.openapi"


def init_app(app: Flask, api: Api) -> None:
    """Add the routes."""
    app.extensions[EXTENSION_KEY] = api
    app.add_url_rule("/openapi.json", view_func=openapi_json)
    app.add_url_rule("/docs", view_func=docs_page)
    app.add_url_rule("/docs/docs.js", view_func=docs_script)
    app.add_url_rule(f"/docs/<any({', '.join(map(repr, SWAGGER_UI_FILES))}):name>", view_func=docs_asset)


def openapi_json() -> Response:
    """Return the OpenAPI 3.1 document."""
    return Response(current_app.extensions[EXTENSION_KEY].text(), content_type="application/json")


def docs_page() -> Response:
    """Return the page of the API reference."""
    response = send_from_directory(STATIC_FOLDER, "docs.html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


def docs_script() -> Response:
    """Return the script that starts Swagger UI."""
    return send_from_directory(STATIC_FOLDER, "docs.js", max_age=MAX_AGE)


def docs_asset(name: str) -> Response:
    """Return one of Swagger UI's files."""
    return send_from_directory(SWAGGER_UI_FOLDER, name, max_age=MAX_AGE)
