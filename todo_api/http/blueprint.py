"""The Blueprint of all views: its decorators load requests, serialize responses and document both.

flask-smorest makes the OpenAPI document from the decorators that do the work. This subclass adds bodies that are JSON
or a form, strict query parameters, problems, conditional requests and a faster serialization.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import flask
import flask_smorest
from flask import Response

from todo_api.http.conditional_requests import matches_if_none_match, not_modified_headers
from todo_api.http.documentation import (
    View,
    describe_media_types,
    describe_not_modified,
    describe_null,
    describe_problems,
    describe_request,
    document,
    documentation_of,
)
from todo_api.http.errors import (
    ContentTooLarge,
    InvalidEntityTag,
    InvalidInput,
    InvalidParameter,
    MalformedJSON,
    UnsupportedMediaType,
)
from todo_api.http.json_provider import dumps
from todo_api.http.query_string import reject_parameters
from todo_api.http.request_body import ACCEPTED, RequestParser
from todo_api.http.responses import JSONResponse, empty_response
from todo_api.http.serialization import serializer

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import Schema

ResponseDecorator: TypeAlias = "Callable[[Callable[..., Any]], Callable[..., Response]]"


def no_query_parameters(view: View) -> View:
    """Reject every query parameter of the view's requests (422)."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        reject_parameters(flask.request)
        return view(*args, **kwargs)

    return document(wrapper, InvalidParameter)  # type: ignore[return-value]  # of the same signature


def camel_case(name: str) -> str:
    """Return a view's name as an operationId: `list_tasks` as `listTasks`."""
    first, *words = name.split("_")
    return first + "".join(word.capitalize() for word in words)


class Blueprint(flask_smorest.Blueprint, flask.Blueprint):
    """A Flask blueprint whose views declare their parameters, bodies, responses and problems."""

    ARGUMENTS_PARSER = RequestParser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING = {location: types[0] for location, types in ACCEPTED.items()}

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        """Take the arguments of Flask's blueprint."""
        super().__init__(name, import_name, **options)
        self._prepare_doc_cbks += [
            describe_request,
            describe_media_types,
            describe_null,
            describe_not_modified,
            partial(describe_problems, url_prefix=self.url_prefix or ""),
        ]

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,  # noqa: FBT001 - Flask's signature
        **options: Any,
    ) -> None:
        """Add a view. Its name gives the operationId, and the first line of its docstring the summary."""
        summary = (view_func.__doc__ or "").partition("\n")[0].removesuffix(".")
        document(view_func, operationId=camel_case(view_func.__name__), summary=summary)
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)

    def register_views_in_doc(self, api: Any, *arguments: Any, **options: Any) -> None:
        """Defer the documentation of the views until the document is requested."""
        api.defer(partial(super().register_views_in_doc, api, *arguments, **options))

    def body(self, schema: type[Schema], *, accepts: str = "json", example: dict[str, Any]) -> Callable[[View], View]:
        """Load the request body by the schema and pass the result as the view's next argument.

        `accepts` is a key of `request_body.ACCEPTED`.

        Raises:
            MalformedJSON: 400.
            ContentTooLarge: 413.
            UnsupportedMediaType: 415.
            InvalidInput: 422, with the location of each error.

        """
        required = accepts != "json_or_nothing"
        load = self.arguments(schema(), location=accepts, unknown=None, required=required, example=example)

        def decorator(view: View) -> View:
            wrapper: View = load(view)
            apidoc = documentation_of(wrapper)
            del apidoc["arguments"]["responses"]  # flask-smorest's 422; InvalidInput replaces it
            apidoc["media_types"] = ACCEPTED[accepts]
            return document(wrapper, MalformedJSON, ContentTooLarge, UnsupportedMediaType, InvalidInput)

        return decorator

    def query(self, schema: type[Schema]) -> Callable[[View], View]:
        """Load the query parameters by the schema and pass the result as the view's next argument.

        Raises:
            InvalidParameter: 422, with the name of each wrong parameter.

        """
        load = self.arguments(schema(), location="query", unknown=None)

        def decorator(view: View) -> View:
            wrapper: View = load(view)
            del documentation_of(wrapper)["arguments"]["responses"]  # flask-smorest's 422
            return document(wrapper, InvalidParameter)

        return decorator

    def response(
        self,
        status_code: int,
        schema: Schema | None = None,
        *,
        conditional: bool = False,
        nullable: bool = False,
        **documentation: Any,
    ) -> ResponseDecorator:
        """Serialize the view's result by the schema, or send no body if there is no schema.

        A view may return response headers with its result: `return task, {"Location": ...}`. With `conditional`, they
        include an ETag, and the response is 304 if the request's If-None-Match names it. With `nullable`, the result
        may be None, which is sent as null.
        """
        describe = super().response(status_code, schema, **documentation)
        serialize = serializer(schema) if schema else None

        def decorator(view: Callable[..., Any]) -> Callable[..., Response]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                result = view(*args, **kwargs)
                value, headers = result if isinstance(result, tuple) else (result, {})
                if conditional and matches_if_none_match(headers["ETag"]):
                    return empty_response(304, not_modified_headers(headers))
                if serialize is None:
                    return empty_response(status_code, headers)
                return JSONResponse(b"null" if value is None else dumps(serialize(value)), status_code, headers)

            # Of flask-smorest's wrapper only the documentation is used.
            wrapper._apidoc = describe(view)._apidoc  # type: ignore[attr-defined]  # noqa: SLF001
            documentation_of(wrapper).update(conditional=conditional, nullable=nullable)
            return document(wrapper, InvalidEntityTag) if conditional else wrapper

        return decorator
