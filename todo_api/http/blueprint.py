"""Our Blueprint: bodies in, rows out, and all of it in the OpenAPI document.

flask-smorest gathers the document from the same decorators that do the work; this module adds what it lacks: bodies
that are JSON or a form, strict query parameters, problems as answers, and a row written by its schema.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import flask
import flask_smorest
from flask import Response

from todo_api.http.conditional_requests import matches_if_none_match, not_modified_headers
from todo_api.http.documentation import (
    View,
    describe_headers,
    describe_media_types,
    describe_not_modified,
    describe_null,
    describe_problems,
    document,
    documentation_of,
)
from todo_api.http.errors import ContentTooLarge, InvalidInput, InvalidParameter, MalformedJSON, UnsupportedMediaType
from todo_api.http.query_string import reject_parameters
from todo_api.http.request_body import ACCEPTED, RequestParser
from todo_api.http.responses import JSONResponse, empty_response
from todo_api.http.serialization import dumps, serializer

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import Schema

    from todo_api.http.documentation import Doc

ResponseDecorator: TypeAlias = "Callable[[Callable[..., Any]], Callable[..., Response]]"


def no_query_parameters(view: View) -> View:
    """Refuse whatever query parameter a request of this view has (422)."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        reject_parameters(flask.request)
        return view(*args, **kwargs)

    return document(checked, InvalidParameter)  # type: ignore[return-value]  # the same view, for mypy too


def camel_case(name: str) -> str:
    """Return a Python name as OpenAPI spells an operationId: list_tasks as listTasks."""
    first, *words = name.split("_")
    return first + "".join(word.capitalize() for word in words)


class Blueprint(flask_smorest.Blueprint, flask.Blueprint):
    """A Flask blueprint whose views declare their parameters, bodies, answers and problems."""

    ARGUMENTS_PARSER = RequestParser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING = {location: types[0] for location, types in ACCEPTED.items()}

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        """Take what Flask's blueprint takes."""
        super().__init__(name, import_name, **options)
        self._prepare_doc_cbks += [
            describe_headers,
            describe_media_types,
            describe_null,
            describe_not_modified,
            self._describe_problems,
        ]

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,  # noqa: FBT001 - Flask's signature
        **options: Any,
    ) -> None:
        """Add a view. Its operationId is its name, and the summary is the first line of its docstring."""
        summary = (view_func.__doc__ or "").partition("\n")[0].removesuffix(".")
        document(view_func, operationId=camel_case(view_func.__name__), summary=summary)
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)

    def body(self, schema: type[Schema], *, accepts: str = "json", example: dict[str, Any]) -> Callable[[View], View]:
        """Load the body by the schema and pass the result as the view's next argument.

        `takes` is one of bodies.MEDIA_TYPES.

        Raises:
            MalformedJSON: 400.
            ContentTooLarge: 413.
            UnsupportedMediaType: 415.
            InvalidInput: 422, naming each field that is wrong.

        """
        required = accepts != "json_or_nothing"
        load = self.arguments(schema(), location=accepts, unknown=None, required=required, example=example)

        def decorator(view: View) -> View:
            loaded: View = load(view)
            apidoc = documentation_of(loaded)
            del apidoc["arguments"]["responses"]  # its 422; the problems below say it better
            apidoc["media_types"] = ACCEPTED[accepts]
            return document(loaded, MalformedJSON, ContentTooLarge, UnsupportedMediaType, InvalidInput)

        return decorator

    def query(self, schema: type[Schema]) -> Callable[[View], View]:
        """Load the query parameters by the schema and pass the result as the view's next argument.

        Raises:
            InvalidParameter: 422, naming each parameter that is wrong.

        """
        load = self.arguments(schema(), location="query", unknown=None)

        def decorator(view: View) -> View:
            loaded: View = load(view)
            del documentation_of(loaded)["arguments"]["responses"]
            return document(loaded, InvalidParameter)

        return decorator

    def response(
        self, status_code: int, schema: Schema | None = None, *, conditional: bool = False, **documentation: Any
    ) -> ResponseDecorator:
        """Answer with what the view returns, written by the schema, or with no body where there is no schema.

        A view may return its headers beside the object: `return task, {"Location": …}`. With `conditional`, an ETag is
        among them, and the answer is 304 where the client has it already. With `nullable`, it may return None, which is
        answered as JSON's null.
        """
        remembered = {"nullable": documentation.pop("nullable", False), "conditional": conditional}
        describe = super().response(status_code, schema, **documentation)
        write = serializer(schema) if schema else None

        def decorator(view: Callable[..., Any]) -> Callable[..., Response]:
            @wraps(view)
            def responding(*args: Any, **kwargs: Any) -> Response:
                result = view(*args, **kwargs)
                value, headers = result if isinstance(result, tuple) else (result, {})
                if conditional and matches_if_none_match(headers["ETag"]):
                    return empty_response(304, not_modified_headers(headers))
                if write is None:
                    return empty_response(status_code, headers)
                return JSONResponse(b"null" if value is None else dumps(write(value)), status_code, headers)

            responding._apidoc = describe(view)._apidoc  # type: ignore[attr-defined]  # noqa: SLF001
            documentation_of(responding).update(remembered)
            return responding

        return decorator

    def _describe_problems(self, doc: Doc, doc_info: Doc, **_: Any) -> Doc:
        """Write the problems of a view, of which some depend on where it is."""
        return describe_problems(doc, doc_info, url_prefix=self.url_prefix or "")
