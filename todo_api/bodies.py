"""Request bodies: JSON or a form, read strictly; what is wrong with one is said by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import flask
import orjson
from flask.json.provider import JSONProvider
from webargs.flaskparser import FlaskParser

from todo_api.errors import InvalidInput, MalformedJSON, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marshmallow import Schema, ValidationError
    from werkzeug.datastructures import MultiDict

BODY_MAX = 1024 * 1024
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


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
            return dict(single_values(req.form))
        if not req.is_json:
            raise UnsupportedMediaType("The Content-Type must be application/json or a form's.")
        return self.load_json(req, schema)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Raise what the schema found as one problem (422)."""
        (messages,) = error.messages_dict.values()  # by location, of which there is one
        raise InvalidInput(list(faults(messages))) from None


def single_values(form: MultiDict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield a form's fields.

    Raises:
        InvalidInput: 422, for a field given twice, or with bytes that are not UTF-8: werkzeug puts U+FFFD for each of
            them, which would make different passwords equal.

    """
    for name, values in form.lists():
        if len(values) > 1:
            raise InvalidInput([(f"#/{name}", "Given more than once.")])
        if "\ufffd" in values[0]:
            raise InvalidInput([(f"#/{name}", "Not valid UTF-8.")])
        yield name, values[0]


def faults(messages: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's tree of messages to pairs of JSON Pointer fragment (RFC 6901) and text."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from faults(inner, pointer if name == "_schema" else f"{pointer}/{name}")
    else:
        yield from ((pointer, text) for text in messages)
