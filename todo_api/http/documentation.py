"""What a view's decorators say of it in the OpenAPI document, and how that is written there."""

from __future__ import annotations

from copy import deepcopy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from todo_api.http.error_handlers import AUTH_PREFIX
from todo_api.http.errors import InternalError
from todo_api.http.media_types import PROBLEM_JSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from todo_api.http.errors import Problem

View = TypeVar("View", bound="Callable[..., Any]")
Doc = dict[str, Any]

BEARER = "bearer"
"""The name of the security scheme in the document."""


def documentation_of(view: View) -> Doc:
    """Return what is remembered of the view, which is its own and not that of a view it wraps."""
    apidoc: Doc = deepcopy(getattr(view, "_apidoc", {}))
    view._apidoc = apidoc  # type: ignore[attr-defined]  # noqa: SLF001 - where flask-smorest keeps it
    return apidoc


def document(view: View, *problems: type[Problem], **operation: Any) -> View:
    """Add to what the document says of a view: problems it answers with, members of its operation."""
    apidoc = documentation_of(view)
    apidoc.setdefault("problems", []).extend(problems)
    apidoc.setdefault("manual_doc", {}).update(operation)
    return view


def raises(*problems: type[Problem]) -> Callable[[View], View]:
    """Document the problems that a view answers with."""
    return lambda view: document(view, *problems)


def accepts_header(name: str, description: str) -> Callable[[View], View]:
    """Document a header that a view heeds. It has no example, which the page to try things on would send."""
    parameter = {"in": "header", "name": name, "description": description}

    def decorator(view: View) -> View:
        documentation_of(view).setdefault("headers", []).append({**parameter, "schema": {"type": "string"}})
        return view

    return decorator


def describe_headers(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Write the headers that an operation heeds."""
    if "headers" in doc_info:
        doc.setdefault("parameters", []).extend(deepcopy(doc_info["headers"]))
    return doc


def describe_media_types(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Write that a body may be of other types than JSON."""
    for media_type in doc_info.get("media_types", []):
        content = doc["requestBody"]["content"]
        content.setdefault(media_type, deepcopy(content["application/json"]))
    return doc


def describe_null(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Write that an answer may be null."""
    if doc_info.get("nullable"):
        content = doc["responses"][200]["content"]["application/json"]
        content["schema"] = {"anyOf": [content["schema"], {"type": "null"}]}
    return doc


def describe_not_modified(doc: Doc, doc_info: Doc, **_: Any) -> Doc:
    """Write that a read is answered by 304 where the client has it already."""
    if doc_info.get("conditional"):
        doc["responses"][304] = {"description": "Not Modified: the ETag is one of If-None-Match's."}
    return doc


def describe_problem(problem: type[Problem], status: int) -> Doc:
    """Return the OpenAPI response object of a problem."""
    return {
        "description": HTTPStatus(status).phrase,
        "headers": {
            name: {"schema": {"type": "string"}, "required": True, "example": value}
            for name, value in problem.headers.items()
        },
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
    }


def describe_problems(doc: Doc, doc_info: Doc, *, url_prefix: str) -> Doc:
    """Write the problems of a view by status, each with its code as an example."""
    for problem in dict.fromkeys([*doc_info.get("problems", []), InternalError]):
        statuses = {problem.status, problem.better_auth_status if f"{url_prefix}/" == AUTH_PREFIX else None} - {None}
        for status in sorted(statuses):
            answer = doc.setdefault("responses", {}).setdefault(status, describe_problem(problem, status))
            media_type = answer["content"][PROBLEM_JSON]
            media_type["examples"][problem.code] = {
                "summary": problem.detail,
                "value": problem.example().to_dict(status),
            }
    return doc
