"""The serializer returns what marshmallow's `dump` returns, for every schema of a response."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from marshmallow import Schema, fields
from orjson import Fragment

from tests.support.databases import CONFIG
from todo_api import create_app
from todo_api.http.fields import Due, Instant
from todo_api.http.json_provider import dumps
from todo_api.http.serialization import serializer
from todo_api.tasks.schemas import TaskSchema
from todo_api.tasks.sync.schemas import BatchResultsSchema, ChangesSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTANT = datetime(2026, 9, 20, 8, 0, 0, 123_000, tzinfo=UTC)
VALUES: dict[type[fields.Field[Any]], list[Any]] = {
    fields.Integer: [0, 7, -3],
    fields.Boolean: [True, False],
    Due: [INSTANT.date(), INSTANT],
    Instant: [INSTANT, INSTANT.replace(microsecond=0), None],
    fields.Date: [date(2026, 10, 1), None],
    fields.UUID: [UUID(int=1)],
    fields.String: ["", "Käse", None],
    fields.Raw: [{"kty": "OKP"}],
    fields.Dict: [{"kty": "OKP"}],
}


def schemas() -> list[Schema]:
    """Return the schemas of the application's responses."""
    app = create_app(CONFIG)
    schema_by_name = {}
    for view in app.view_functions.values():
        responses = getattr(view, "_apidoc", {}).get("response", {}).get("responses", {})
        for response in (item for items in responses.values() for item in items if isinstance(item, dict)):
            schema = response.get("schema")
            if isinstance(schema, Schema) and not has_task(schema):
                schema_by_name[type(schema).__name__, schema.many] = schema
    return list(schema_by_name.values())


def has_task(schema: Schema) -> bool:
    """Return whether PostgreSQL writes the JSON of the schema, or of a part of it."""
    nested = (getattr(field, "inner", field) for field in schema.dump_fields.values())
    return isinstance(schema, TaskSchema) or any(has_task(part.schema) for part in nested if hasattr(part, "schema"))


def examples(field: fields.Field[Any]) -> list[Any]:
    if isinstance(field, fields.Nested):
        return [list(objects(field.schema))] if field.many else list(objects(field.schema))
    if isinstance(field, fields.List):
        return [examples(field.inner), []]
    return next(values for field_type, values in VALUES.items() if isinstance(field, field_type))


def objects(schema: Schema) -> Iterator[dict[str, Any]]:
    """Yield objects with each example of each field, and with and without the optional fields."""
    for number in range(4):
        row: dict[str, Any] = {}
        for name, field in schema.dump_fields.items():
            if field.required or number % 2:
                values = examples(field)
                row[field.attribute or name] = values[number % len(values)]
        yield row


INSTANTS = [
    (INSTANT, "2026-09-20T08:00:00.123Z"),
    (INSTANT.replace(microsecond=0), "2026-09-20T08:00:00.000Z"),
    (INSTANT.replace(microsecond=7_000), "2026-09-20T08:00:00.007Z"),
    (INSTANT.replace(microsecond=999_999), "2026-09-20T08:00:00.999Z"),
    (datetime.min.replace(tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999Z"),
    (INSTANT.replace(tzinfo=timezone(timedelta(hours=2))), "2026-09-20T08:00:00.123+02:00"),
]


@pytest.mark.parametrize(("instant", "text"), INSTANTS)
def test_an_instant_has_three_fraction_digits(instant: datetime, text: str) -> None:
    assert Instant()._serialize(instant, "", {}) == text  # noqa: SLF001


def test_the_application_has_schemas_to_compare() -> None:
    assert len(schemas()) > 10


@pytest.mark.parametrize("schema", schemas(), ids=lambda schema: f"{type(schema).__name__}-{schema.many}")
def test_the_serializer_returns_what_dump_returns(schema: Schema) -> None:
    rows = list(objects(schema))
    serialize = serializer(schema)
    assert not any(schema._hooks[hook] for hook in ("pre_dump", "post_dump"))  # noqa: SLF001
    for value in [rows, []] if schema.many else rows:
        serialized = serialize(value)
        assert serialized == schema.dump(value)
        assert str(serialized) == str(schema.dump(value))  # the same order


def test_json_of_postgresql_is_included_as_it_is() -> None:
    task = Fragment(b'{"id": 1.50}')
    assert dumps(serializer(TaskSchema())(task)) == b'{"id": 1.50}\n'
    assert dumps(serializer(TaskSchema(many=True))([task, task])) == b'[{"id": 1.50},{"id": 1.50}]\n'
    changes = {"tasks": [task], "deleted": [3], "sync_token": "x", "has_more": False}
    text = b'{"tasks":[{"id": 1.50}],"deleted":[3],"sync_token":"x","has_more":false}\n'
    assert dumps(serializer(ChangesSchema())(changes)) == text
    results = {"results": [{"status": 201, "etag": '"1"', "task": task}]}
    assert b'"task":{"id": 1.50}' in dumps(serializer(BatchResultsSchema())(results))
