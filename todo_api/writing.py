"""Objects written by a schema: what its `dump` gives, with all decided beforehand that does not depend on the object.

marshmallow asks for each member of each object which attribute it is, how to get it and how to write it; a list of
tasks spent more time on that than on all the rest. The schema stays the one place that says what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias

from marshmallow import Schema, fields, missing

Step: TypeAlias = Callable[[Any], Any]

AS_THEY_ARE = (fields.Integer, fields.String, fields.Boolean)
"""Fields whose values are JSON already."""


def writer(schema: Schema) -> Step:
    """Return the function that writes a mapping, or a list of them where the schema is of many.

    A member that is not there is left out, unless the schema requires it. Hooks of the schema are not called.
    """
    members = [
        (field.data_key or name, getter(field, name), converter(field)) for name, field in schema.dump_fields.items()
    ]

    def write(row: Any) -> dict[str, Any]:
        written = {}
        for key, get, convert in members:
            value = get(row)
            if value is not missing:
                written[key] = value if convert is None or value is None else convert(value)
        return written

    return (lambda rows: [write(row) for row in rows]) if schema.many else write


def getter(field: fields.Field[Any], name: str) -> Step:
    """Return what gets the field's value of a mapping."""
    attribute = field.attribute or name
    if type(field).get_value is not fields.Field.get_value:
        return lambda row: field.get_value(row, attribute)
    if field.required:
        return itemgetter(attribute)
    return lambda row: row.get(attribute, missing)


def converter(field: fields.Field[Any]) -> Step | None:
    """Return what makes JSON of the field's value; None where it is that already."""
    if isinstance(field, AS_THEY_ARE):
        return None
    if isinstance(field, fields.Nested):
        return writer(field.schema)
    if isinstance(field, fields.List):
        convert = converter(field.inner)
        return convert and (lambda values: [convert(value) for value in values])
    return lambda value: field._serialize(value, "", None)  # noqa: SLF001 - a field's own way to write
