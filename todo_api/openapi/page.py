"""The OpenAPI document and the page that shows it: Swagger UI, served from here under a strict policy."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import flask_swagger_ui
from flask import Blueprint, Flask, Response, current_app, send_from_directory

if TYPE_CHECKING:
    from flask_smorest import Api

ASSETS = str(files(flask_swagger_ui) / "dist")
"""Swagger UI's own files; the package's page is not used, since its script is inline."""

PAGE = "openapi/static"
"""Our page and its script, beside this module."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MAX_AGE = 3600
"""Seconds for which a browser may keep an asset."""

KEY = "todo_api.openapi"

docs = Blueprint("docs", __name__)


def init_app(app: Flask, api: Api) -> None:
    """Serve the document of what is registered by now, written once."""
    app.extensions[KEY] = app.json.dumps(api.spec.to_dict())
    app.register_blueprint(docs)


@docs.get("/openapi.json")
def document() -> Response:
    """Return the OpenAPI 3.1 document."""
    return Response(current_app.extensions[KEY], content_type="application/json")


@docs.get("/docs")
def page() -> Response:
    """Return the page."""
    response = send_from_directory(f"{current_app.root_path}/{PAGE}", "docs.html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@docs.get("/docs/docs.js")
def script() -> Response:
    """Return the script that starts Swagger UI."""
    return send_from_directory(f"{current_app.root_path}/{PAGE}", "docs.js", max_age=MAX_AGE)


@docs.get("/docs/<any('swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'):name>")
def asset(name: str) -> Response:
    """Return one of Swagger UI's files."""
    return send_from_directory(ASSETS, name, max_age=MAX_AGE)
