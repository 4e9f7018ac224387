"""Serialization of objects by a marshmallow schema, with the result of its `dump` in less time.

`dump` decides for each field of each object how to get and how to serialize the value. `serializer` decides it once per
schema. PostgreSQL itself writes the JSON of tasks (docs/decisions/0026).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from marshmallow import Schema, fields
from orjson import Fragment

Converter: TypeAlias = Callable[[Any, str, Any], Any]
"""Converts a value that is not None to JSON. The other arguments are those of `Field._serialize`: attribute, object."""

JSON_TYPES = (fields.Integer, fields.String, fields.Boolean)
"""Fields whose values need no conversion."""


def serializer(schema: Schema) -> Callable[[Any], Any]:
    """Return the function that serializes a mapping, or a list of mappings if the schema has `many`.

    It omits an attribute that the mapping lacks, unless the field is required. It does not call the schema's hooks. An
    object that is JSON already, an `orjson.Fragment`, is included as it is.
    """
    plan = [
        (field.data_key or name, field.attribute or name, field.required, field_serializer(field))
        for name, field in schema.dump_fields.items()
    ]

    def serialize(row: Any) -> Any:
        if isinstance(row, Fragment):
            return row
        serialized = {}
        for name, attribute, required, convert in plan:
            if required or attribute in row:
                value = row[attribute]
                serialized[name] = value if convert is None or value is None else convert(value, attribute, row)
        return serialized

    return (lambda rows: [serialize(row) for row in rows]) if schema.many else serialize


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
