"""The page that a browser gets at /."""

from __future__ import annotations

from base64 import b64encode
from functools import wraps
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flask import Response, request
from markupsafe import Markup

from todo_api.openapi.document import VERSION
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.http.documentation import View

STYLE = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.8rem; margin-bottom: 0; }
dt { margin-top: 1rem; }
dd { margin: 0; opacity: 0.75; }
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Vary": "Accept, Origin"}

PAGE = Markup("""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{name}</title>
    <style>{style}</style>
  </head>
  <body>
    <h1>{name}</h1>
    <p>A to-do service, version {version}: accounts, sessions and tasks over HTTP.</p>
    <dl>
      <dt><a href="{prefix}/docs">API reference</a></dt><dd>Read it, and try requests.</dd>
      <dt><a href="{prefix}/openapi.json">OpenAPI document</a></dt><dd>Generate a client from it.</dd>
      <dt><a href="{prefix}/healthz">Liveness</a> and <a href="{prefix}/readyz">readiness</a></dt>
      <dd>For monitoring and load balancers.</dd>
    </dl>
    <p>The guides are in the folder <code>docs</code> of the project.</p>
  </body>
</html>
""")


def page_for_browsers(view: View) -> View:
    """Answer a request that prefers HTML over JSON with the page."""

    @wraps(view)
    def responding(*args: Any, **kwargs: Any) -> Any:
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            config = settings()
            page = PAGE.format(name=config.app_name, style=Markup(STYLE), version=VERSION, prefix=config.public_path)  # noqa: S704 - our own text
            return Response(page, content_type="text/html; charset=utf-8", headers=HEADERS)
        response = view(*args, **kwargs)
        response.headers["Vary"] = HEADERS["Vary"]
        return response

    return responding  # type: ignore[return-value]  # the same view, for mypy too
