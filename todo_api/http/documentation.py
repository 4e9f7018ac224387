"""The OpenAPI documentation of views: decorators record it on the view, and callbacks of flask-smorest write it.

flask-smorest keeps a view's documentation in its attribute `_apidoc`. It passes that dictionary to each callback as
`doc_info`, and the OpenAPI operation object as `doc`.
"""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from todo_api.http.error_handlers import AUTH_PREFIX
from todo_api.http.errors import InternalServerError, Problem
from todo_api.http.media_types import JSON, MULTIPART, PROBLEM_JSON, URLENCODED

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import Schema

View = TypeVar("View", bound="Callable[..., Any]")
Doc = dict[str, Any]

BEARER, API_KEY = "bearer", "apiKey"
"""The names of the security schemes in the document."""

REQUEST_ID = "X-Request-Id"
"""The header that every operation reads, and the name of its parameter in the document."""

FORM_SUFFIXES = {URLENCODED: "Form", MULTIPART: "Multipart"}
"""What the name of a form's schema adds to the name of the JSON schema, by media type."""

PROBLEM_HEADERS = {
    "Allow": "The methods that the path allows.",
    "Retry-After": "The seconds to wait before the next attempt.",
    "WWW-Authenticate": "The challenge (RFC 6750).",
    "X-Retry-After": "The value of Retry-After, for Better Auth's client.",
}
"""The description of each header of a problem, by name."""


def documentation_of(view: View) -> Doc:
    """Return the view's documentation, for changes.

    `functools.wraps` makes a wrapper share the dictionary of the view that it wraps. Hence the copy.
    """
    apidoc: Doc = deepcopy(getattr(view, "_apidoc", {}))
    view._apidoc = apidoc  # type: ignore[attr-defined]  # noqa: SLF001 - flask-smorest's attribute
    return apidoc


def document(view: View, *problems: type[Problem], **operation: Any) -> View:
    """Add problems, and fields of the operation object, to the view's documentation."""
    apidoc = documentation_of(view)
    apidoc.setdefault("problems", []).extend(problems)
    apidoc.setdefault("manual_doc", {}).update(operation)
    return view


def raises(*problems: type[Problem]) -> Callable[[View], View]:
    """Document problems that the view raises."""
    return lambda view: document(view, *problems)


optional_credential = partial(document, security=[{BEARER: []}, {}])
"""Document that the view reads a credential and works without one."""


def accepts_parameter(
    location: str, name: str, description: str, *, required: bool = False, **schema: Any
) -> Callable[[View], View]:
    """Document a string in a header or in the query, with keywords of JSON Schema.

    It has no example, because "Try it out" would send the example.
    """
    parameter: Doc = {"in": location, "name": name, "description": description, "schema": {"type": "string", **schema}}
    if required:
        parameter["required"] = True

    def decorator(view: View) -> View:
        documentation_of(view).setdefault("parameters", []).append(parameter)
        return view

    return decorator


accepts_header = partial(accepts_parameter, "header")
accepts_query_parameter = partial(accepts_parameter, "query")


def describe_request(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Add the view's headers and query parameters, the request id, and that no credential is needed."""
    doc.setdefault("parameters", []).extend([*deepcopy(doc_info.get("parameters", [])), REQUEST_ID])
    doc["security"] = []  # what a guard documents replaces it
    return doc


def describe_media_types(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Add the media types of the request body. A merge patch has the schema of JSON, a form has its own."""
    for media_type in doc_info.get("media_types", []):
        content = doc["requestBody"]["content"]
        content.setdefault(media_type, deepcopy(content[JSON]))
        if media_type in FORM_SUFFIXES:
            content[media_type]["schema"] = form_schema(content[JSON]["schema"], FORM_SUFFIXES[media_type])
    return doc


def form_schema(schema: Schema, suffix: str) -> Schema:
    """Return the schema of a form: no field is null, and no required field is empty.

    Each media type has a schema of its own, because clients of openapi-python-client tell bodies apart by their class.
    """
    name = type(schema).__name__.removesuffix("Schema")
    form: Schema = type(f"{name}{suffix}Schema", (type(schema),), {})()
    for field in form.fields.values():
        field.allow_none = False
        if field.required:
            field.metadata = {"minLength": 1, **field.metadata}
    return form


def describe_null(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Add null to the schema of a response that can be null."""
    if doc_info.get("nullable"):
        content = doc["responses"][200]["content"][JSON]
        content["schema"] = {"anyOf": [content["schema"], {"type": "null"}]}
    return doc


def describe_not_modified(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Add the response 304 of a conditional request."""
    if doc_info.get("conditional"):
        doc.setdefault("responses", {})[304] = {"description": "Not Modified: If-None-Match names the current ETag."}
    return doc


def describe_problems(doc: Doc, doc_info: Doc, *, url_prefix: str, **_: Any) -> Doc:
    """Add the problems by status, each as an example named by its code. Every request can be malformed (400)."""
    for problem in dict.fromkeys([Problem, *doc_info.get("problems", []), InternalServerError]):
        statuses = {problem.status}
        if f"{url_prefix}/" == AUTH_PREFIX and problem.better_auth_status:
            statuses.add(problem.better_auth_status)
        for status in sorted(statuses):
            response = doc.setdefault("responses", {}).setdefault(status, describe_problem(problem, status))
            response["content"][PROBLEM_JSON]["examples"][problem.code] = {
                "summary": problem.detail,
                "value": problem.example().to_dict(status),
            }
    return doc


def describe_problem(problem: type[Problem], status: int) -> Doc:
    """Return the response object of a problem, without examples."""
    return {
        "description": HTTPStatus(status).phrase,
        "headers": {
            name: {
                "description": PROBLEM_HEADERS[name],
                "schema": {"type": "string"},
                "required": True,
                "example": value,
            }
            for name, value in problem.headers.items()
        },
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
    }
