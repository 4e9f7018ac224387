"""JSON as it is sent, and objects written by a schema.

That is what its `dump` gives, with all decided beforehand that does not depend on the object:
marshmallow asks for each member of each object which attribute it is, how to get it and how to write it; a list of
tasks spent more time on that than on all the rest. The schema stays the one place that says what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import orjson
from marshmallow import Schema, fields

Get: TypeAlias = Callable[[Any, str], Any]
"""Gets a field's value of an object, by its attribute."""
Convert: TypeAlias = Callable[[Any, str, Any], Any]
"""Makes JSON of a value that is not null. It is given the attribute and the object too, as marshmallow's fields are."""

JSON_TYPES = (fields.Integer, fields.String, fields.Boolean)
"""Fields whose values are JSON already."""


def dumps(value: Any) -> bytes:
    """Return a JSON text that ends in a new line, as terminals like it."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def serializer(schema: Schema) -> Callable[[Any], Any]:
    """Return the function that writes a mapping, or a list of them where the schema is of many.

    A member that is not there is left out, unless the schema requires it. Hooks of the schema are not called.
    """
    members = [
        (field.data_key or name, field.attribute or name, field.required, getter(field), field_serializer(field))
        for name, field in schema.dump_fields.items()
    ]

    def write(row: Any) -> dict[str, Any]:
        written = {}
        for name, attribute, required, get, convert in members:
            if required or attribute in row:
                value = row[attribute] if get is None else get(row, attribute)
                written[name] = value if convert is None or value is None else convert(value, attribute, row)
        return written

    return (lambda rows: [write(row) for row in rows]) if schema.many else write


def getter(field: fields.Field[Any]) -> Get | None:
    """Return what gets the field's value; None where a look into the mapping does."""
    return None if type(field).get_value is fields.Field.get_value else field.get_value


def field_serializer(field: fields.Field[Any]) -> Convert | None:
    """Return what makes JSON of the field's value; None where it is that already."""
    if isinstance(field, JSON_TYPES):
        return None
    if isinstance(field, fields.Nested):
        write = serializer(field.schema)
        return lambda value, _attribute, _row: write(value)
    if isinstance(field, fields.List):
        convert = field_serializer(field.inner)
        return convert and (lambda values, attribute, row: [convert(value, attribute, row) for value in values])
    return field._serialize  # noqa: SLF001 - a field's own way to write
