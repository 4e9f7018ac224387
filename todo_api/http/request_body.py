"""Request bodies: JSON or a form, read strictly, with a list of errors by field."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import flask
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException

from todo_api.database import timeouts
from todo_api.http.current_request import current_request
from todo_api.http.errors import ContentTooLarge, InvalidInput, InvalidParameter, UnreadableBody, UnsupportedMediaType
from todo_api.http.forms import form_fields
from todo_api.http.media_types import FORMS, JSON, MERGE_PATCH, URLENCODED
from todo_api.http.query_string import query_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from marshmallow import Schema, ValidationError

BODY_MAX = 1024 * 1024
ACCEPTED = {
    "json": (JSON,),
    "json_or_form": (JSON, *FORMS),
    "json_or_nothing": (JSON,),
    "merge_patch": (JSON, MERGE_PATCH),
}
"""The kinds of bodies that a route can accept, and their media types."""
ERRORS_MAX = 100


def init_app(app: flask.Flask) -> None:
    """Limit the length of bodies. werkzeug cuts a chunked body at its limit silently, so `read_body` checks again."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX + 1


class RequestParser(FlaskParser):
    """The webargs parser of the blueprints. A location of webargs is a kind of body, or the query."""

    __location_map__ = {
        **FlaskParser.__location_map__,
        "json_or_nothing": "load_json_or_nothing",
        "merge_patch": "load_merge_patch",
    }

    def get_default_request(self) -> flask.Request:
        """Return the request."""
        return current_request()

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value of the body.

        Raises:
            UnsupportedMediaType: 415, for another media type or a Content-Encoding.
            ContentTooLarge: 413.
            MalformedJSON: 400.

        """
        return parse_json(req, ACCEPTED["json"])

    def load_merge_patch(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value of the body, a merge patch (RFC 7396) with either media type."""
        return parse_json(req, ACCEPTED["merge_patch"])

    def load_json_or_nothing(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value of the body, or an empty object if there is no body."""
        return self.load_json(req, schema) if req.mimetype or read_body(req) else {}

    def load_json_or_form(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value or the fields of the form. An empty body is a form without fields."""
        if req.mimetype == JSON:
            return self.load_json(req, schema)
        if (req.mimetype and req.mimetype not in FORMS) or req.content_encoding:
            raise unsupported_media_type(req, (URLENCODED, JSON))
        return dict(form_fields(req, read_body(req), schema))

    def load_querystring(self, req: flask.Request, schema: Schema) -> Any:
        """Return the query parameters."""
        return query_values(req, schema)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Raise the schema's errors as one problem (422)."""
        ((location, messages),) = error.messages_dict.items()
        if location == "query":
            errors = [(name, text) for name, texts in messages.items() for _, text in flatten_errors(texts)]
            raise InvalidParameter(errors)
        raise InvalidInput(list(islice(flatten_errors(messages), ERRORS_MAX))) from None


def parse_json(req: flask.Request, media_types: Sequence[str]) -> Any:
    """Return the JSON value of a body with one of the media types."""
    if req.mimetype not in media_types or req.content_encoding:
        raise unsupported_media_type(req, media_types)
    return flask.current_app.json.loads(read_body(req))


def unsupported_media_type(req: flask.Request, allowed: Sequence[str]) -> UnsupportedMediaType:
    """Return the problem of a body's media type, worded as by Better Auth, or of its encoding."""
    if req.content_encoding:
        return UnsupportedMediaType(f'Content-Encoding "{req.content_encoding}" is not taken; send the body as it is.')
    return UnsupportedMediaType(f'Content-Type "{req.mimetype}" is not allowed. Allowed types: {", ".join(allowed)}')


def read_body(req: flask.Request) -> bytes:
    """Return the body, sent with a Content-Length or in chunks.

    Raises:
        ContentTooLarge: 413.
        UnreadableBody: 400, for invalid chunks and for less than the Content-Length.

    """
    with reading_body():
        body = req.get_data()
    if len(body) > BODY_MAX:
        raise ContentTooLarge
    if len(body) < (req.content_length or 0):
        raise UnreadableBody
    return body


@contextmanager
def reading_body() -> Iterator[None]:
    """Raise UnreadableBody if reading fails, and pause the deadline of the database meanwhile."""
    try:
        with timeouts.pause_deadline():
            yield
    except HTTPException:
        raise
    except Exception as error:  # each WSGI server has its own exceptions
        raise UnreadableBody from error


def flatten_errors(messages: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """Yield marshmallow's tree of messages as pairs of JSON Pointer fragment (RFC 6901) and text."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from flatten_errors(inner, pointer if name == "_schema" else f"{pointer}/{name}")
    else:
        yield from ((pointer, text) for text in messages)
