"""Our Blueprint: bodies in, rows out, and all of it in the OpenAPI document.

flask-smorest gathers the document from the same decorators that do the work; this module adds what it lacks: bodies
that are JSON or a form, problems as answers, and a row written by its schema.
"""

from __future__ import annotations

from copy import deepcopy
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import flask
import flask_smorest
from flask import Response

from todo_api.answers import AUTH, CONTENT_TYPE, FORM_TYPES, empty
from todo_api.bodies import BodyParser
from todo_api.errors import (
    ContentTooLarge,
    InternalError,
    InvalidInput,
    MalformedJSON,
    Problem,
    UnsupportedMediaType,
)
from todo_api.openapi import describe_problem

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
        "json_or_nothing": "application/json",
    }

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        """Take what Flask's blueprint takes, and `description` for the document."""
        super().__init__(name, import_name, **options)
        self._prepare_doc_cbks += [self._describe_form, self._describe_null, self._describe_problems]

    def body(
        self, schema: type[Schema], *, form: bool = False, optional: bool = False, example: dict[str, Any]
    ) -> Callable[[View], View]:
        """Load the body by the schema and pass the result as the view's first argument.

        With `form`, an urlencoded or multipart body is taken as well; with `optional`, no body at all.

        Raises:
            MalformedJSON: 400.
            ContentTooLarge: 413.
            UnsupportedMediaType: 415.
            InvalidInput: 422, naming each field that is wrong.

        """
        location = "json_or_form" if form else "json_or_nothing" if optional else "json"
        load = self.arguments(schema, location=location, unknown=None, required=not optional, example=example)

        def decorator(view: View) -> View:
            loaded: View = load(view)
            apidoc = loaded._apidoc  # type: ignore[attr-defined]  # noqa: SLF001 - where flask-smorest keeps it
            del apidoc["arguments"]["responses"]  # its 422; the problems below say it better
            apidoc["form"] = form
            return document(loaded, MalformedJSON, ContentTooLarge, UnsupportedMediaType, InvalidInput)

        return decorator

    def response(self, status_code: int, schema: Schema | None = None, **documentation: Any) -> ResponseDecorator:
        """Answer with what the view returns, written by the schema, or with no body where there is no schema.

        A view may return its headers beside the object: `return task, {"Location": …}`. With `nullable`, it may return
        None, which is answered as JSON's null.
        """
        nullable = documentation.pop("nullable", False)
        describe = super().response(status_code, schema, **documentation)

        def decorator(view: Callable[..., Any]) -> Callable[..., Response]:
            @wraps(view)
            def responding(*args: Any, **kwargs: Any) -> Response:
                result = view(*args, **kwargs)
                value, headers = result if isinstance(result, tuple) else (result, {})
                if schema is None:
                    return empty(status_code, headers)
                text = "null" if value is None else flask.current_app.json.dumps(schema.dump(value))
                return Response(text, status_code, headers, content_type="application/json")

            apidoc = responding._apidoc = describe(view)._apidoc  # type: ignore[attr-defined]  # noqa: SLF001
            apidoc["nullable"] = nullable
            return responding

        return decorator

    def _describe_form(self, doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Document that a route that takes a form takes both encodings of it, beside JSON."""
        if doc_info.get("form"):
            content = doc["requestBody"]["content"]
            for media_type in FORM_TYPES:
                content[media_type] = deepcopy(content["application/json"])
        return doc

    def _describe_null(self, doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Document that an answer may be null."""
        if doc_info.get("nullable"):
            content = doc["responses"][200]["content"]["application/json"]
            content["schema"] = {"anyOf": [content["schema"], {"type": "null"}]}
        return doc

    def _describe_problems(self, doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Document the problems of a view by status, each with its code as an example."""
        for problem in dict.fromkeys([*doc_info.get("problems", []), InternalError]):
            statuses = {problem.status, problem.better_auth_status if f"{self.url_prefix}/" == AUTH else None} - {None}
            for status in sorted(statuses):
                answer = doc.setdefault("responses", {}).setdefault(status, describe_problem(problem, status))
                media_type = answer["content"][CONTENT_TYPE]
                media_type["examples"][problem.code] = {
                    "summary": problem.detail,
                    "value": problem.example().members(status),
                }
        return doc
