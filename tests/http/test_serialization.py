"""What is written quickly is what marshmallow's `dump` gives, for every schema of an answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from marshmallow import Schema, fields

from tests.support.databases import CONFIG
from todo_api import create_app
from todo_api.http.fields import Due, FiniteNumber, Instant
from todo_api.http.serialization import serializer

if TYPE_CHECKING:
    from collections.abc import Iterator

MOMENT = datetime(2026, 9, 20, 8, 0, 0, 123_000, tzinfo=UTC)
VALUES: dict[type[fields.Field[Any]], list[Any]] = {
    fields.Integer: [0, 7, -3],
    fields.Boolean: [True, False],
    Instant: [MOMENT, MOMENT.replace(microsecond=0), None],
    FiniteNumber: [7168.0, 0.1, -5.0, 1e300],
    fields.UUID: [UUID(int=1)],
    fields.String: ["", "Käse", None],
    fields.Raw: [{"kty": "OKP"}],
    fields.Dict: [{"kty": "OKP"}],
}


def schemas() -> list[Schema]:
    """Return the schemas that the application's answers are written by."""
    app = create_app(CONFIG)
    found = {}
    for view in app.view_functions.values():
        documented = getattr(view, "_apidoc", {}).get("response", {}).get("responses", {})
        for answer in (part for parts in documented.values() for part in parts if isinstance(part, dict)):
            if isinstance(answer.get("schema"), Schema):
                found[type(answer["schema"]).__name__, answer["schema"].many] = answer["schema"]
    return list(found.values())


def examples(field: fields.Field[Any]) -> list[Any]:
    if isinstance(field, fields.Nested):
        return [list(objects(field.schema))] if field.many else list(objects(field.schema))
    if isinstance(field, fields.List):
        return [examples(field.inner), []]
    (values,) = [values for kind, values in VALUES.items() if isinstance(field, kind)][:1]
    return values


def objects(schema: Schema) -> Iterator[dict[str, Any]]:
    """Yield objects with each value that a member may have, and with and without what need not be there."""
    for turn in range(4):
        row: dict[str, Any] = {}
        for name, field in schema.dump_fields.items():
            if isinstance(field, Due):
                row |= {"due_on": [date(2026, 10, 1), None][turn % 2], "due_at": [None, MOMENT, None, None][turn]}
            elif field.required or turn % 2:
                values = examples(field)
                row[field.attribute or name] = values[turn % len(values)]
        yield row


MOMENTS = [
    (MOMENT, "2026-09-20T08:00:00.123Z"),
    (MOMENT.replace(microsecond=0), "2026-09-20T08:00:00.000Z"),
    (MOMENT.replace(microsecond=7_000), "2026-09-20T08:00:00.007Z"),
    (MOMENT.replace(microsecond=999_999), "2026-09-20T08:00:00.999Z"),
    (datetime.min.replace(tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999Z"),
    (MOMENT.replace(tzinfo=timezone(timedelta(hours=2))), "2026-09-20T08:00:00.123+02:00"),
]


@pytest.mark.parametrize(("moment", "shown"), MOMENTS)
def test_a_moment_is_shown_with_three_fraction_digits(moment: datetime, shown: str) -> None:
    for field in (Instant(), Due()):
        assert field._serialize(moment, "", {}) == shown  # noqa: SLF001


def test_there_are_schemas_to_compare() -> None:
    assert len(schemas()) > 10


@pytest.mark.parametrize("schema", schemas(), ids=lambda schema: f"{type(schema).__name__}-{schema.many}")
def test_it_is_what_dump_gives(schema: Schema) -> None:
    rows = list(objects(schema))
    write = serializer(schema)
    assert not any(schema._hooks[hook] for hook in ("pre_dump", "post_dump"))  # noqa: SLF001
    for value in [rows, []] if schema.many else rows:
        written = write(value)
        assert written == schema.dump(value)
        assert str(written) == str(schema.dump(value))  # order, and 7168 for 7168.0
