"""The OpenAPI document: what the service says of itself beyond what its views declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask_smorest

from todo_api.http.converters import ID_MAX, IdConverter
from todo_api.http.documentation import BEARER
from todo_api.http.fields import Due
from todo_api.http.json_provider import StrictJSONProvider
from todo_api.http.request_body import BODY_MAX

if TYPE_CHECKING:
    import flask
    from marshmallow.fields import Field


PROBLEM_SCHEMA = {
    "type": "object",
    "description": "An RFC 9457 problem. Branch on `code`, show `message`, log `detail`.",
    "required": ["type", "title", "status", "detail", "code", "message"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Each fault, with its place: a JSON Pointer (RFC 6901) into the body, or a query parameter.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}

DESCRIPTION = """
A to-do list for each of your users. Sign up, press **Authorize** and paste the answer's `token`; its `user.id`, or
`me`, is the `user_id` of every path below. Failures are `application/problem+json` (RFC 9457) with a stable `code`.

Every answer has an `X-Request-Id`, by which the log knows it. Answers of the auth routes that are limited tell in
`RateLimit` what is left; a 429 tells in `Retry-After` when to come again.
"""


TAGS = [
    {"name": "auth", "description": "Sign up, sign in, refresh tokens and sign out."},
    {"name": "tasks", "description": "Create, read, change and delete the tasks of a user."},
    {"name": "sync", "description": "Keep an offline copy: changes since a sync token, and batches."},
    {"name": "transfer", "description": "Export and import all tasks."},
    {"name": "sessions", "description": "List and revoke sessions; tokens for other services."},
    {"name": "account", "description": "Change, reset and delete."},
    {"name": "system", "description": "Health checks."},
]
"""The groups of operations, in the order in which a newcomer needs them."""


def describe_due(_converter: object, field: Field[Any], **_: Any) -> dict[str, Any]:
    """Return what JSON Schema says of a due date, for which apispec has no words."""
    if not isinstance(field, Due):
        return {}
    kinds = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}, {"type": "null"}]
    return {"anyOf": kinds if field.allow_none else kinds[:2]}


def create_api(app: flask.Flask, title: str) -> flask_smorest.Api:
    """Return the collector of the application's OpenAPI document."""
    app.json = StrictJSONProvider(app)
    app.url_map.converters["id"] = IdConverter
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX + 1
    api = flask_smorest.Api(
        app,
        spec_kwargs={
            "title": title,
            "version": "1.0.0",
            "openapi_version": "3.1.0",
            "info": {"description": DESCRIPTION, "license": {"name": "MIT"}},
            "tags": TAGS,
        },
    )
    api.DEFAULT_ERROR_RESPONSE_NAME = None
    api.register_converter(IdConverter, lambda _: {"type": "integer", "minimum": 1, "maximum": ID_MAX})
    api.ma_plugin.converter.add_attribute_function(describe_due)
    api.spec.components.schema("Problem", PROBLEM_SCHEMA)
    for unused in ("Error", "PaginationMetadata"):  # flask-smorest's, for features that are not used
        del api.spec.components.schemas[unused]
    api.spec.components.security_scheme(BEARER, {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    return api
