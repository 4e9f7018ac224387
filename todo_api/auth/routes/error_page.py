"""The page that explains to a browser's user why a link or a sign-in did not work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import flask
from flask import request
from markupsafe import Markup

from todo_api.auth.blueprint import auth
from todo_api.http.html_page import html_page
from todo_api.settings import settings

if TYPE_CHECKING:
    from flask import Response

CODE = re.compile("[A-Za-z0-9_-]{1,64}")
"""An error code. No other text of the URL is shown: anyone can write a link to this page."""

EXPLANATIONS = {
    "INVALID_TOKEN": "The link is not valid, or no longer valid. Ask for a new one.",
    "TOKEN_EXPIRED": "The link has expired. Ask for a new one.",
    "USER_NOT_FOUND": "The account of this link is deleted, or its e-mail address has changed since.",
    "INVALID_USER": "The link belongs to another user than the one who is signed in. Sign out, and open it again.",
    "USER_ALREADY_EXISTS": "Another account has this e-mail address.",
}
OTHER = "Go back and try again. If it fails again, tell the operators of the service this code."

CONTENT = Markup("""\
    <h1>That did not work</h1>
    <p>{explanation}</p>
    <p>Code: <code>{code}</code></p>
    <p><a href="{prefix}/">{name}</a></p>
""")


def show_error() -> Response:
    """Return the page for the code of the query's `error`."""
    config = settings()
    error = request.args.get("error", "")
    code = error if CODE.fullmatch(error) else "UNKNOWN"
    explanation = EXPLANATIONS.get(code, OTHER)
    content = CONTENT.format(explanation=explanation, code=code, prefix=config.public_path, name=config.app_name)
    return html_page(f"Error - {config.app_name}", content)


# A page for browsers, not an operation of the API, so the OpenAPI document leaves it out.
flask.Blueprint.add_url_rule(auth, "/error", view_func=show_error)
