"""Request bodies: JSON or a form, read strictly; what is wrong with one is said by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import flask
import orjson
from flask.json.provider import JSONProvider
from webargs.flaskparser import FlaskParser

from todo_api.errors import InvalidInput, MalformedJSON, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marshmallow import Schema, ValidationError

BODY_MAX = 1024 * 1024
MULTIPART = "multipart/form-data"
FORM_TYPES = ("application/x-www-form-urlencoded", MULTIPART)
FORM_FIELDS_MAX = 100


class Json(JSONProvider):
    """JSON as the service reads and writes it: strict in, by orjson out."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Write a JSON text that ends in a new line, as terminals like it."""
        return orjson.dumps(obj, option=orjson.OPT_APPEND_NEWLINE).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Read one JSON text (RFC 8259) in UTF-8.

        The standard library's reader, since it lets a lone surrogate through to the field that can name it.

        Raises:
            MalformedJSON: 400, for whatever is no such text, NaN and bottomless nesting included.

        """
        try:
            text = s.decode() if isinstance(s, bytes) else s
            return json.loads(text, parse_constant=refuse_constant)
        except RecursionError:
            raise MalformedJSON("The body is not valid JSON: it is nested too deeply.") from None
        except ValueError as error:
            raise MalformedJSON(f"The body is not valid JSON: {error}.") from None


def refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads and JSON does not know."""
    message = f"{name} is no JSON value"
    raise ValueError(message)


class BodyParser(FlaskParser):
    """Reads a body where its Content-Type says it is what the route takes, and says precisely what is wrong with it."""

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value of the body.

        Raises:
            UnsupportedMediaType: 415, for another or a compressed type.
            MalformedJSON: 400.

        """
        if not req.is_json or req.content_encoding:
            raise UnsupportedMediaType
        return flask.current_app.json.loads(req.get_data())

    def load_json_or_form(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value or the form's fields. No body at all is a form without fields."""
        if req.mimetype in FORM_TYPES or not req.mimetype:
            return dict(form_fields(req, schema))
        if not req.is_json:
            raise UnsupportedMediaType("The Content-Type must be application/json or a form's.")
        return self.load_json(req, schema)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Raise what the schema found as one problem (422)."""
        (messages,) = error.messages_dict.values()  # by location, of which there is one
        raise InvalidInput(list(faults(messages))) from None


def form_fields(req: flask.Request, schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield the fields of a form that the schema has. Bytes that are no UTF-8 become lone surrogates, which none takes.

    Raises:
        InvalidInput: 422, for a field given twice.

    """
    seen: set[str] = set()
    for name, value in multipart_fields(req) if req.mimetype == MULTIPART else urlencoded_fields(req):
        if name in seen:
            raise InvalidInput([(f"#/{name}", "Given more than once.")])
        if name in schema.fields:
            seen.add(name)
            yield name, value


def urlencoded_fields(req: flask.Request) -> Iterator[tuple[str, str]]:
    """Yield the fields; werkzeug would leave bytes that are not UTF-8 as they were written, %FF as the text %FF."""
    text = req.get_data().decode(errors="surrogateescape")
    try:
        yield from parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise InvalidInput([("#", f"A form has at most {FORM_FIELDS_MAX} fields.")]) from None


def multipart_fields(req: flask.Request) -> Iterator[tuple[str, str]]:
    """Yield the fields; werkzeug puts U+FFFD for bytes that are not UTF-8, which would make passwords equal."""
    for name, value in req.form.items(multi=True):
        yield name, value.replace("\ufffd", "\udcff")


def faults(messages: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's tree of messages to pairs of JSON Pointer fragment (RFC 6901) and text."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from faults(inner, pointer if name == "_schema" else f"{pointer}/{name}")
    else:
        yield from ((pointer, text) for text in messages)
