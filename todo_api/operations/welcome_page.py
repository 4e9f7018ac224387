"""The page that a browser gets at /."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import request
from markupsafe import Markup

from todo_api.http.html_page import html_page
from todo_api.openapi.document import VERSION
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.http.documentation import View

VARY = {"Vary": "Accept, Origin"}

CONTENT = Markup("""\
    <h1>{name}</h1>
    <p>A to-do service, version {version}: accounts, sessions and tasks over HTTP.</p>
    <dl>
      <dt><a href="{prefix}/docs">API reference</a></dt><dd>Read it, and try requests.</dd>
      <dt><a href="{prefix}/openapi.json">OpenAPI document</a></dt><dd>Generate a client from it.</dd>
      <dt><a href="{prefix}/healthz">Liveness</a> and <a href="{prefix}/readyz">readiness</a></dt>
      <dd>For monitoring and load balancers.</dd>
    </dl>
    <p>The guides are in the folder <code>docs</code> of the project.</p>
""")


def page_for_browsers(view: View) -> View:
    """Answer a request that prefers HTML over JSON with the page."""

    @wraps(view)
    def responding(*args: Any, **kwargs: Any) -> Any:
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            config = settings()
            content = CONTENT.format(name=config.app_name, version=VERSION, prefix=config.public_path)
            return html_page(config.app_name, content, VARY)
        response = view(*args, **kwargs)
        response.headers.update(VARY)
        return response

    return responding  # type: ignore[return-value]  # the same view, for mypy too
