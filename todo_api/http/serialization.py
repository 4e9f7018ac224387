"""Serialization of objects by a marshmallow schema, with the result of its `dump` in less time.

`dump` decides for each field of each object how to get and how to serialize the value. A list of tasks took longer for
that than for all the rest. `serializer` decides it once per schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from marshmallow import Schema, fields

Getter: TypeAlias = Callable[[Any, str], Any]
"""Gets a field's value from an object and an attribute name."""
Converter: TypeAlias = Callable[[Any, str, Any], Any]
"""Converts a value that is not None to JSON. The other arguments are those of `Field._serialize`: attribute, object."""

JSON_TYPES = (fields.Integer, fields.String, fields.Boolean)
"""Fields whose values need no conversion."""


def serializer(schema: Schema) -> Callable[[Any], Any]:
    """Return the function that serializes a mapping, or a list of mappings if the schema has `many`.

    It omits an attribute that the mapping lacks, unless the field is required. It does not call the schema's hooks.
    """
    plan = [
        (field.data_key or name, field.attribute or name, field.required, getter(field), field_serializer(field))
        for name, field in schema.dump_fields.items()
    ]

    def serialize(row: Any) -> dict[str, Any]:
        serialized = {}
        for name, attribute, required, get, convert in plan:
            if required or attribute in row:
                value = row[attribute] if get is None else get(row, attribute)
                serialized[name] = value if convert is None or value is None else convert(value, attribute, row)
        return serialized

    return (lambda rows: [serialize(row) for row in rows]) if schema.many else serialize


def getter(field: fields.Field[Any]) -> Getter | None:
    """Return the field's own `get_value`, or None if a lookup in the mapping does the same."""
    return None if type(field).get_value is fields.Field.get_value else field.get_value


def field_serializer(field: fields.Field[Any]) -> Converter | None:
    """Return the function that converts the field's value to JSON, or None if it needs no conversion."""
    if isinstance(field, JSON_TYPES):
        return None
    if isinstance(field, fields.Nested):
        serialize = serializer(field.schema)
        return lambda value, _attribute, _row: serialize(value)
    if isinstance(field, fields.List):
        convert = field_serializer(field.inner)
        return convert and (lambda values, attribute, row: [convert(value, attribute, row) for value in values])
    return field._serialize  # noqa: SLF001 - a field's own serialization
