"""Our Blueprint: bodies in, rows out, and all of it in the OpenAPI document.

flask-smorest gathers the document from the same decorators that do the work; this module adds what it lacks: bodies
that are JSON or a form, problems as answers, and a row written by its schema.
"""

from __future__ import annotations

from copy import deepcopy
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import flask
import flask_smorest
from flask import Response

from todo_api.answers import CONTENT_TYPE
from todo_api.bodies import BODY_MAX, FORM_TYPES, BodyParser, Json
from todo_api.errors import (
    ContentTooLarge,
    InternalError,
    InvalidInput,
    MalformedJSON,
    Problem,
    UnsupportedMediaType,
)
from todo_api.paths import ID_MAX, IdConverter

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import Schema

View = TypeVar("View", bound="Callable[..., Any]")
ResponseDecorator: TypeAlias = "Callable[[Callable[..., Any]], Callable[..., Response]]"


def document(view: View, *problems: type[Problem], **operation: Any) -> View:
    """Add to what the OpenAPI document says of a view: problems it answers with, members of its operation."""
    apidoc = deepcopy(getattr(view, "_apidoc", {}))
    apidoc.setdefault("problems", []).extend(problems)
    apidoc.setdefault("manual_doc", {}).update(operation)
    view._apidoc = apidoc  # type: ignore[attr-defined]  # noqa: SLF001 - where flask-smorest keeps it
    return view


def raises(*problems: type[Problem]) -> Callable[[View], View]:
    """Document the problems that a view answers with."""
    return lambda view: document(view, *problems)


class Blueprint(flask_smorest.Blueprint, flask.Blueprint):
    """A Flask blueprint whose views declare their bodies, answers and problems."""

    ARGUMENTS_PARSER = BodyParser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING = {
        "json": "application/json",
        "json_or_form": "application/json",
    }

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        """Take what Flask's blueprint takes, and `description` for the document."""
        super().__init__(name, import_name, **options)
        self._prepare_doc_cbks += [self._describe_form, self._describe_problems]

    def body(self, schema: type[Schema], *, form: bool = False, example: dict[str, Any]) -> Callable[[View], View]:
        """Load the body by the schema and pass the result as the view's first argument.

        With `form`, an urlencoded or multipart body is taken as well.

        Raises:
            MalformedJSON: 400.
            ContentTooLarge: 413.
            UnsupportedMediaType: 415.
            InvalidInput: 422, naming each field that is wrong.

        """
        load = self.arguments(schema, location="json_or_form" if form else "json", unknown=None, example=example)

        def decorator(view: View) -> View:
            loaded: View = load(view)
            apidoc = loaded._apidoc  # type: ignore[attr-defined]  # noqa: SLF001 - where flask-smorest keeps it
            del apidoc["arguments"]["responses"]  # its 422; the problems below say it better
            apidoc["form"] = form
            return document(loaded, MalformedJSON, ContentTooLarge, UnsupportedMediaType, InvalidInput)

        return decorator

    def response(self, status_code: int, schema: Schema | None = None, **documentation: Any) -> ResponseDecorator:
        """Answer with what the view returns, written by the schema, or with no body where there is no schema.

        A view may return its headers beside the object: `return task, {"Location": …}`.
        """
        describe = super().response(status_code, schema, **documentation)

        def decorator(view: Callable[..., Any]) -> Callable[..., Response]:
            @wraps(view)
            def responding(*args: Any, **kwargs: Any) -> Response:
                result = view(*args, **kwargs)
                value, headers = result if isinstance(result, tuple) else (result, {})
                if schema is None:
                    answer = Response(status=status_code, headers=headers)
                    answer.headers.remove("Content-Type")
                    return answer
                text = flask.current_app.json.dumps(schema.dump(value))
                return Response(text, status_code, headers, content_type="application/json")

            responding._apidoc = describe(view)._apidoc  # type: ignore[attr-defined]  # noqa: SLF001
            return responding

        return decorator

    def _describe_form(self, doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Document that a route that takes a form takes both encodings of it, beside JSON."""
        if doc_info.get("form"):
            content = doc["requestBody"]["content"]
            for media_type in FORM_TYPES:
                content[media_type] = deepcopy(content["application/json"])
        return doc

    def _describe_problems(self, doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Document the problems of a view by status, each with its code as an example."""
        for problem in dict.fromkeys([*doc_info.get("problems", []), InternalError]):
            statuses = {problem.status, problem.better_auth_status if self.name == "auth" else None} - {None}
            for status in sorted(statuses):
                answer = doc.setdefault("responses", {}).setdefault(status, describe_problem(problem, status))
                media_type = answer["content"][CONTENT_TYPE]
                media_type["examples"][problem.code] = {
                    "summary": problem.detail,
                    "value": problem.example().members(status),
                }
        return doc


def describe_problem(problem: type[Problem], status: int) -> dict[str, Any]:
    """Return the OpenAPI response object of a problem."""
    return {
        "description": HTTPStatus(status).phrase,
        "headers": {
            name: {"schema": {"type": "string"}, "required": True, "example": value}
            for name, value in problem.headers.items()
        },
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
    }


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
            "description": "Each fault of the input, with the JSON Pointer (RFC 6901) of its place.",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

DESCRIPTION = """
A to-do list for each of your users. Sign up, press **Authorize** and paste the answer's `token`; its `user.id` is the
`user_id` of every path below. Failures are `application/problem+json` (RFC 9457) with a stable `code`.
"""

BEARER = "bearer"
"""The name of the security scheme in the document."""


def create_api(app: flask.Flask, title: str) -> flask_smorest.Api:
    """Return the collector of the application's OpenAPI document."""
    app.json = Json(app)
    app.url_map.converters["id"] = IdConverter
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX + 1
    api = flask_smorest.Api(
        app,
        spec_kwargs={
            "title": title,
            "version": "1.0.0",
            "openapi_version": "3.1.0",
            "info": {"description": DESCRIPTION, "license": {"name": "MIT"}},
        },
    )
    api.DEFAULT_ERROR_RESPONSE_NAME = None
    api.register_converter(IdConverter, lambda _: {"type": "integer", "minimum": 1, "maximum": ID_MAX})
    api.spec.components.schema("Problem", PROBLEM_SCHEMA)
    for unused in ("Error", "PaginationMetadata"):  # flask-smorest's, for features that are not used
        del api.spec.components.schemas[unused]
    api.spec.components.security_scheme(BEARER, {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    return api
