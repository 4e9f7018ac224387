"""Request bodies: JSON or a form, read strictly; what is wrong with one is said by field."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import flask
import orjson
from flask.json.provider import JSONProvider
from marshmallow import fields
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser

from todo_api.answers import FORM_TYPES, MULTIPART, URLENCODED
from todo_api.errors import ContentTooLarge, InvalidInput, MalformedJSON, UnreadableBody, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marshmallow import Schema, ValidationError

BODY_MAX = 1024 * 1024
JSON = "application/json"
FORM_FIELDS_MAX = 100


class Json(JSONProvider):
    """JSON as the service reads and writes it: strict in, by orjson out."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Write a JSON text that ends in a new line, as terminals like it."""
        return orjson.dumps(obj, option=orjson.OPT_APPEND_NEWLINE).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Read one JSON text (RFC 8259) in UTF-8, each name of an object given once.

        The standard library's reader, since it lets a lone surrogate through to the field that can name it.

        Raises:
            MalformedJSON: 400, for whatever is no such text, NaN and bottomless nesting included.

        """
        try:
            text = s.decode() if isinstance(s, bytes) else s
            return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=object_of)
        except RecursionError:
            raise MalformedJSON("The body is not valid JSON: it is nested too deeply.") from None
        except json.JSONDecodeError as error:
            place = f"at line {error.lineno}, column {error.colno}"
            raise MalformedJSON(f"The body is not valid JSON: {error.msg} {place}.") from None
        except UnicodeDecodeError as error:
            raise MalformedJSON(f"The body is not UTF-8 at byte {error.start}.") from None
        except ValueError:  # Python bounds the digits of an integer
            raise MalformedJSON("A number of the body has too many digits.") from None


def refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads and JSON does not know."""
    raise MalformedJSON(f"The body is not valid JSON: {name} is no value.")


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; a name given twice means different things to different readers."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise MalformedJSON("An object of the body gives a name twice.")
    return members


class BodyParser(FlaskParser):
    """Reads a body where its Content-Type says it is what the route takes, and says precisely what is wrong with it."""

    __location_map__ = {**FlaskParser.__location_map__, "json_or_nothing": "load_json_or_nothing"}

    def load_json(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value of the body.

        Raises:
            UnsupportedMediaType: 415, for another or a compressed type.
            ContentTooLarge: 413.
            MalformedJSON: 400.

        """
        if not req.is_json or req.content_encoding:
            raise unsupported(req, JSON)
        return flask.current_app.json.loads(read_body(req))

    def load_json_or_nothing(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value, or an object without members where nothing is sent."""
        return self.load_json(req, schema) if req.mimetype or read_body(req) else {}

    def load_json_or_form(self, req: flask.Request, schema: Schema) -> Any:
        """Return the JSON value or the form's fields. No body at all is a form without fields."""
        if req.is_json:
            return self.load_json(req, schema)
        if (req.mimetype and req.mimetype not in FORM_TYPES) or req.content_encoding:
            raise unsupported(req, f"{URLENCODED}, {JSON}")
        return dict(form_fields(req, schema))

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Raise what the schema found as one problem (422)."""
        (messages,) = error.messages_dict.values()  # by location, of which there is one
        raise InvalidInput(list(faults(messages))) from None


def unsupported(req: flask.Request, allowed: str) -> UnsupportedMediaType:
    """Return the refusal of a body's type, in Better Auth's words."""
    return UnsupportedMediaType(f'Content-Type "{req.mimetype}" is not allowed. Allowed types: {allowed}')


def read_body(req: flask.Request) -> bytes:
    """Return the whole body, sent with its length or in chunks.

    Raises:
        ContentTooLarge: 413. werkzeug ends a stream of chunks at its limit without a word, hence the one byte more.
        UnreadableBody: 400, for chunks that are none.

    """
    with transport():
        body = req.get_data()
    if len(body) > BODY_MAX:
        raise ContentTooLarge
    return body


@contextmanager
def transport() -> Iterator[None]:
    """Tell a body that breaks off or breaks its framing apart from a fault of ours."""
    try:
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
            yield name, typed(value, schema.fields[name])


def typed(value: str, field: fields.Field[Any]) -> str | bool:
    """Return a form's value as the field's type: all that a form has is text."""
    words = {"true": True, "false": False} if isinstance(field, fields.Boolean) else {}
    return words.get(value, value)


def urlencoded_fields(req: flask.Request) -> Iterator[tuple[str, str]]:
    """Yield the fields. Bytes that are no UTF-8 become lone surrogates, which no field takes.

    werkzeug would leave them as they were written, %FF as the text %FF.
    """
    text = read_body(req).decode(errors="surrogateescape")
    try:
        yield from parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise ContentTooLarge from None


def multipart_fields(req: flask.Request) -> Iterator[tuple[str, str]]:
    """Yield the fields. werkzeug puts U+FFFD for bytes that are no UTF-8, which would make different passwords equal.

    Raises:
        ContentTooLarge: 413.
        UnreadableBody: 400, for parts that are none.
        InvalidInput: 422, for a field that is not UTF-8.

    """
    parser = FormDataParser(max_form_memory_size=BODY_MAX, max_form_parts=FORM_FIELDS_MAX, silent=False)
    with transport():
        _, form, _ = parser.parse(req.stream, req.mimetype, req.content_length, req.mimetype_params)
    for name, value in form.items(multi=True):
        if "\ufffd" in value:
            raise InvalidInput([(f"#/{name}", "Not valid UTF-8, or holds U+FFFD, which stands for what is not.")])
        yield name, value


def faults(messages: Any, pointer: str = "#") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's tree of messages to pairs of JSON Pointer fragment (RFC 6901) and text."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from faults(inner, pointer if name == "_schema" else f"{pointer}/{name}")
    else:
        yield from ((pointer, text) for text in messages)
