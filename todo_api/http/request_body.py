"""Request bodies: JSON or a form, read strictly; what is wrong with one is said by field."""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import flask
from marshmallow import fields
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser

from todo_api.database import timeouts
from todo_api.http.current_request import current_request
from todo_api.http.errors import ContentTooLarge, InvalidInput, InvalidParameter, UnreadableBody, UnsupportedMediaType
from todo_api.http.media_types import FORMS, JSON, MERGE_PATCH, MULTIPART, URLENCODED
from todo_api.http.query_string import BOOLEANS, KEEP_BYTES, query_values

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
"""The bodies that a route can take, and their media types."""
FORM_FIELDS_MAX = 100
ERRORS_MAX = 100


class RequestParser(FlaskParser):
    """Reads what a route takes of a request, and says precisely what is wrong with it."""

    __location_map__ = {
        **FlaskParser.__location_map__,
        "json_or_nothing": "load_json_or_nothing",
        "merge_patch": "load_merge_patch",
    }

    def get_default_request(self) -> flask.Request:
        """Return the request itself, of which much is asked."""
        return current_request()

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value of the body.

        Raises:
            UnsupportedMediaType: 415, for another or a compressed type.
            ContentTooLarge: 413.
            MalformedJSON: 400.

        """
        return parse_json(req, ACCEPTED["json"])

    def load_merge_patch(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value of the body, which is a merge patch (RFC 7396) by whichever name it comes."""
        return parse_json(req, ACCEPTED["merge_patch"])

    def load_json_or_nothing(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value, or an object without members where nothing is sent."""
        return self.load_json(req, schema) if req.mimetype or read_body(req) else {}

    def load_json_or_form(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value or the form's fields. No body at all is a form without fields."""
        if req.mimetype == JSON:
            return self.load_json(req, schema)
        if (req.mimetype and req.mimetype not in FORMS) or req.content_encoding:
            raise unsupported_media_type(req, (URLENCODED, JSON))
        return dict(form_fields(req, schema))

    def load_querystring(self, req: flask.Request, schema: Schema) -> Any:
        """Return the query's parameters."""
        return query_values(req, schema)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Raise what the schema found as one problem (422)."""
        ((location, messages),) = error.messages_dict.items()
        if location == "query":
            raise InvalidParameter(
                [(name, text) for name, texts in messages.items() for _, text in flatten_errors(texts)]
            )
        raise InvalidInput(first_errors(messages)) from None


def parse_json(req: flask.Request, media_types: Sequence[str]) -> Any:
    """Return the JSON value of a body that is of one of the types."""
    if req.mimetype not in media_types or req.content_encoding:
        raise unsupported_media_type(req, media_types)
    return flask.current_app.json.loads(read_body(req))


def unsupported_media_type(req: flask.Request, allowed: Sequence[str]) -> UnsupportedMediaType:
    """Return the refusal of a body's type, in Better Auth's words, or of its encoding."""
    if req.content_encoding:
        return UnsupportedMediaType(f'Content-Encoding "{req.content_encoding}" is not taken; send the body as it is.')
    return UnsupportedMediaType(f'Content-Type "{req.mimetype}" is not allowed. Allowed types: {", ".join(allowed)}')


def read_body(req: flask.Request) -> bytes:
    """Return the whole body, sent with its length or in chunks.

    Raises:
        ContentTooLarge: 413. werkzeug ends a stream of chunks at its limit without a word, hence the one byte more.
        UnreadableBody: 400, for chunks that are none, and where less comes than the length says.

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
    """Tell a body that breaks off or breaks its framing apart from a fault of ours, and wait at nobody's cost."""
    try:
        with timeouts.pause_deadline():
            yield
    except HTTPException:
        raise
    except Exception as error:  # each WSGI server has classes of its own for it
        raise UnreadableBody from error


def form_fields(req: flask.Request, schema: Schema) -> Iterator[tuple[str, str | bool]]:
    """Yield the fields of a form that the schema has.

    Raises:
        InvalidInput: 422, for a field given twice.

    """
    seen: set[str] = set()
    for name, value in multipart_fields(req) if req.mimetype == MULTIPART else urlencoded_fields(req):
        if name in seen:
            raise InvalidInput([(f"#/{name}", "Given more than once.")])
        if name in schema.fields:
            seen.add(name)
            yield name, form_value(value, schema.fields[name])


def form_value(value: str, field: fields.Field[Any]) -> str | bool:
    """Return a form's value as the field's type: all that a form has is text."""
    return BOOLEANS.get(value, value) if isinstance(field, fields.Boolean) else value


def urlencoded_fields(req: flask.Request) -> Iterator[tuple[str, str]]:
    """Yield the fields. Bytes that are no UTF-8 become lone surrogates, which no field takes.

    werkzeug would leave them as they were written, %FF as the text %FF.
    """
    text = read_body(req).decode(errors=KEEP_BYTES)
    try:
        yield from parse_qsl(text, keep_blank_values=True, errors=KEEP_BYTES, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise ContentTooLarge from None


def multipart_fields(req: flask.Request) -> Iterator[tuple[str, str]]:
    """Yield the fields. werkzeug puts U+FFFD for bytes that are no UTF-8, which would make different passwords equal.

    Raises:
        ContentTooLarge: 413.
        UnreadableBody: 400, for parts that are none.
        InvalidInput: 422, for a field that is not UTF-8.

    """
    body = BytesIO(read_body(req))
    parser = FormDataParser(max_form_memory_size=BODY_MAX, max_form_parts=FORM_FIELDS_MAX, silent=False)
    with reading_body():
        _, form, _ = parser.parse(body, req.mimetype, req.content_length, req.mimetype_params)
    for name, value in form.items(multi=True):
        if "\ufffd" in value:
            raise InvalidInput([(f"#/{name}", "Not valid UTF-8, or holds U+FFFD, which stands for what is not.")])
        yield name, value


def first_errors(messages: Any) -> list[tuple[str, str]]:
    """Return what is wrong, as much of it as anybody mends at a time."""
    return list(islice(flatten_errors(messages), ERRORS_MAX))


def flatten_errors(messages: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's tree of messages to pairs of JSON Pointer fragment (RFC 6901) and text."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from flatten_errors(inner, pointer if name == "_schema" else f"{pointer}/{name}")
    else:
        yield from ((pointer, text) for text in messages)
