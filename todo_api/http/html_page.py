"""HTML pages for browsers, under a Content-Security-Policy that permits nothing but their own style."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from flask import Response
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping

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

PAGE = Markup("""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <style>{style}</style>
  </head>
  <body>
{content}  </body>
</html>
""")


def html_page(title: str, content: Markup, headers: Mapping[str, str] | None = None) -> Response:
    """Return a page with this content."""
    page = PAGE.format(title=title, style=Markup(STYLE), content=content)  # noqa: S704 - our own text
    policy = {"Content-Security-Policy": POLICY}
    return Response(page, content_type="text/html; charset=utf-8", headers={**policy, **(headers or {})})
