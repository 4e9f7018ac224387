"""The OpenAPI document, apart from the operations, which the views declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask_smorest.spec.plugins import FlaskPlugin

from todo_api.http.converters import ID_MAX, IdConverter
from todo_api.http.documentation import API_KEY, BEARER, REQUEST_ID
from todo_api.http.fields import DATE_PATTERN, DATE_TIME_PATTERN, Due
from todo_api.openapi.api import Api

if TYPE_CHECKING:
    import flask
    from marshmallow.fields import Field
    from werkzeug.routing import Rule

    from config import Config

VERSION = "1.0.0"

DESCRIPTION = """
A to-do list for each of your users.

1. Sign up with **POST /api/auth/sign-up/email**.
2. Press **Authorize** and paste the `token` of the response.
3. Call the routes of tasks. Their `user_id` is `me`, or the `user.id` of the response.

**Errors:** every error is a problem document (`application/problem+json`, RFC 9457). Branch on `code`, show `message`,
log `detail`.

**Rate limits:** a limited auth route returns the rest of its limits in `RateLimit`. A 429 returns the seconds to wait
in `Retry-After`.

**Support:** every response has an `X-Request-Id`, which is also in the log of the service.
"""

INFO = {
    "description": DESCRIPTION,
    "contact": {"name": "the todo_api authors"},
    "license": {"name": "MIT License", "identifier": "MIT"},
}

TAGS = [
    {"name": "auth", "description": "Sign up, sign in, refresh tokens and sign out."},
    {"name": "tasks", "description": "Create, list, change, complete, delete and restore tasks."},
    {"name": "sync", "description": "Keep an offline copy up to date, and send many changes at once."},
    {"name": "transfer", "description": "Export and import all tasks."},
    {"name": "feeds", "description": "Show due tasks in a calendar program."},
    {"name": "sessions", "description": "List and revoke your sessions, and get tokens for other services."},
    {"name": "api keys", "description": "Credentials for scripts: create, list, change and delete them."},
    {"name": "account", "description": "Change or reset your password, update your profile, delete your account."},
    {"name": "system", "description": "Check the health of the service."},
]
"""The groups of operations, in the order in which a newcomer needs them."""

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "user_id": {
        "description": "`me` for the user of the token, or the user's id.",
        "schema": {"type": "string", "maxLength": 255, "pattern": "^[!-.0-~]+$"},
    },
    "task_id": {"description": "The id of the task."},
    "feed_id": {"description": "The id of the feed."},
    "feed_token": {"description": "The token of the feed.", "schema": {"type": "string", "pattern": "^[^/]+$"}},
    "token": {"description": "The token of the mailed link.", "schema": {"type": "string", "pattern": "^[^/]+$"}},
}
"""What the document adds to each path parameter, by name. A user's id is visible ASCII without the slash."""

REQUEST_ID_PARAMETER = {
    "description": "The id of the request in the response and in the log: 1 to 128 letters, digits, `.`, `_` and `-`."
    " Without a valid one, the service makes one.",
    "schema": {"type": "string"},
}

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "A problem document (RFC 9457). Branch on `code`, show `message`, log `detail`.",
    "required": ["type", "title", "status", "detail", "code", "message"],
    "properties": {
        "type": {"type": "string", "description": "Always `about:blank`."},
        "title": {"type": "string", "description": "The phrase of the HTTP status."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "The error in words, for developers."},
        "code": {"type": "string", "description": "The error as a stable code, for programs."},
        "message": {"type": "string", "description": "The error in words, for users."},
        "errors": {
            "type": "array",
            "description": "The errors of the input, each with its location.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON Pointer fragment (RFC 6901) into the body."},
                    "parameter": {"type": "string", "description": "The name of a query parameter."},
                    "detail": {"type": "string", "description": "The error in words."},
                },
            },
        },
    },
}


BEARER_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "The `token` of a sign-in, the token of `set-auth-token`, or an API key with the route's scope.",
}
API_KEY_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "An API key. The scopes of an operation are those that the key must have.",
}


class DescribingPlugin(FlaskPlugin):  # type: ignore[misc]  # flask-smorest has no types
    """The plugin that derives the path parameters from Flask's URL rules, with our descriptions."""

    def rule_to_params(self, rule: Rule) -> list[dict[str, Any]]:
        """Return the path parameters of a URL rule."""
        parameters = super().rule_to_params(rule)
        return [{**parameter, **PATH_PARAMETERS[parameter["name"]]} for parameter in parameters]


class SchemaConverter(OpenAPIConverter):
    """The converter of schemas to JSON Schema, with two additions.

    `Meta.json_schema` of a schema adds keywords. `one_of` in the metadata of a nested schema names the alternatives
    that replace it in the document.
    """

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        """Return the JSON Schema of a schema."""
        keywords: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        return keywords | getattr(schema.Meta, "json_schema", {})

    def nested2properties(self, field: Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
        """Return the reference to a nested schema, or to its alternatives."""
        if alternatives := field.metadata.get("one_of"):
            return {"oneOf": [self.resolve_nested_schema(schema) for schema in alternatives]}  # type: ignore[no-untyped-call]
        nested: dict[str, Any] = super().nested2properties(field, ret)
        return nested


class SchemaPlugin(MarshmallowPlugin):
    """The plugin that derives JSON Schemas from marshmallow schemas, with our converter."""

    Converter = SchemaConverter


def describe_due(_converter: object, field: Field[Any], **_: Any) -> dict[str, Any]:
    """Return the JSON Schema of a `Due` field, which apispec does not know."""
    if not isinstance(field, Due):
        return {}
    types = [
        {"type": "string", "format": "date", "pattern": DATE_PATTERN},
        {"type": "string", "format": "date-time", "pattern": DATE_TIME_PATTERN},
        {"type": "null"},
    ]
    return {"anyOf": types if field.allow_none else types[:2]}


def create_api(app: flask.Flask, config: Config) -> Api:
    """Return the API of the application."""
    api = Api(
        app,
        spec_kwargs={
            "title": config.app_name,
            "version": VERSION,
            "openapi_version": "3.1.0",
            "info": INFO,
            "servers": [{"url": config.public_path or "/"}],
            "tags": TAGS,
            "flask_plugin": DescribingPlugin(),
            "marshmallow_plugin": SchemaPlugin(),
        },
    )
    api.DEFAULT_ERROR_RESPONSE_NAME = None
    api.register_converter(IdConverter, lambda _: {"type": "integer", "minimum": 1, "maximum": ID_MAX})
    api.ma_plugin.converter.add_attribute_function(describe_due)
    api.spec.components.schema("Problem", PROBLEM_SCHEMA)
    api.spec.components.parameter(REQUEST_ID, "header", REQUEST_ID_PARAMETER)
    for unused in ("Error", "PaginationMetadata"):  # of flask-smorest
        del api.spec.components.schemas[unused]
    api.spec.components.security_scheme(BEARER, BEARER_SCHEME)
    api.spec.components.security_scheme(API_KEY, API_KEY_SCHEME)
    return api
