"""The routes of the url_map. Tests that take their cases from here cover new routes too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.databases import CONFIG
from todo_api import create_app

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from werkzeug.routing import Rule

RULES = list(create_app(CONFIG).url_map.iter_rules())
USER_RULES = [rule for rule in RULES if "<user_id>" in rule.rule]
TASK_RULES = [rule for rule in USER_RULES if rule.rule.startswith("/api/<user_id>/tasks")]

UNDOCUMENTED = {
    *(
        "/openapi.json",
        "/docs",
        "/docs/docs.js",
        "/docs/<path:name>",
        "/api/auth/error",
        "/api/auth/callback/<provider>",
    ),
}
"""Routes of pages, and of redirects to them, which the OpenAPI document leaves out."""
ALWAYS_REFUSED = {
    ("post", "/api/auth/get-session"),
    ("post", "/api/auth/update-session"),
    ("post", "/api/auth/sign-in/social"),
    ("post", "/api/auth/link-social"),
    ("post", "/api/auth/unlink-account"),
    ("post", "/api/auth/get-access-token"),
    ("post", "/api/auth/refresh-token"),
    ("get", "/api/auth/account-info"),
}
"""Operations that the OpenAPI document leaves out, because they refuse every request."""


def operations(rules: Iterable[Rule], excluded: Collection[str] = ("HEAD", "OPTIONS")) -> list[tuple[str, str]]:
    """Return the pairs of method and path, such as PUT and /api/{user}/tasks/{task}."""
    return [
        (method, rule.rule.replace("<user_id>", "{user}").replace("<id:task_id>", "{task}"))
        for rule in rules
        for method in sorted((rule.methods or set()).difference(excluded))
    ]
