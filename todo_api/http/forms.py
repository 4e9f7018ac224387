"""Forms: the fields of a URL-encoded or multipart body."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from marshmallow import fields
from werkzeug.formparser import FormDataParser

from todo_api.http.errors import ContentTooLarge, InvalidInput, UnreadableBody
from todo_api.http.media_types import MULTIPART
from todo_api.http.query_string import BOOLEANS, KEEP_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Request
    from marshmallow import Schema

FIELDS_MAX = 100


def form_fields(req: Request, body: bytes, schema: Schema) -> Iterator[tuple[str, str | bool]]:
    """Yield the fields of a form that are also fields of the schema. An empty field counts as absent.

    Raises:
        ContentTooLarge: 413, for too many fields.
        UnreadableBody: 400, for invalid parts.
        InvalidInput: 422, for a repeated field, and for bytes of a part that are not UTF-8.

    """
    seen: set[str] = set()
    for name, value in multipart_fields(req, body) if req.mimetype == MULTIPART else urlencoded_fields(body):
        if name in seen:
            raise InvalidInput([(f"#/{name}", "Given more than once.")])
        if name in schema.fields:
            seen.add(name)
            if value:
                yield name, form_value(value, schema.fields[name])


def form_value(value: str, field: fields.Field[Any]) -> str | bool:
    """Return a form's text as the field's type."""
    return BOOLEANS.get(value, value) if isinstance(field, fields.Boolean) else value


def urlencoded_fields(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the fields. Bytes that are not UTF-8 become lone surrogates, which every field rejects.

    werkzeug would keep them percent-encoded, as the text %FF.
    """
    text = body.decode(errors=KEEP_BYTES)
    try:
        yield from parse_qsl(text, keep_blank_values=True, errors=KEEP_BYTES, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise ContentTooLarge from None


def multipart_fields(req: Request, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the fields. werkzeug replaces bytes that are not UTF-8 by U+FFFD: different passwords would be equal."""
    parser = FormDataParser(max_form_parts=FIELDS_MAX, silent=False)
    try:
        _, form, _ = parser.parse(BytesIO(body), req.mimetype, req.content_length, req.mimetype_params)
    except ValueError as error:
        raise UnreadableBody from error
    for name, value in form.items(multi=True):
        if "\ufffd" in value:
            raise InvalidInput([(f"#/{name}", "Not valid UTF-8, or holds U+FFFD, which stands for what is not.")])
        yield name, value
