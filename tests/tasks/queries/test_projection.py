"""The JSON that PostgreSQL writes for a task has the fields of the schema and the values of the row."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from psycopg2.extras import RealDictCursor

from tests.support.databases import execute
from todo_api.tasks.queries.projection import LIVE_SCHEMA, TRASHED_SCHEMA
from todo_api.tasks.transfer.schemas import TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marshmallow import Schema

    from tests.support.actors import Actor

NO_VALUES: dict[str, Any] = {
    "description": None,
    "completed": False,
    "due_on": None,
    "due_at": None,
    "priority": None,
    "tags": [],
    "order": 0,
    "completed_at": None,
    "recurrence": None,
    "repeat_from": None,
    "timezone": None,
    "next_id": None,
}
VALUES: dict[str, Sequence[Any]] = {
    "title": ["x", 'quoted "\\" /', "line\nbreak\ttab \x01 \x7f", "Ünïcode ½ 🐘 e\u0301 \u2028", "</script>"],
    "description": ["", "\\u0041", "x" * 10_000],
    "completed": [True],
    "due_on": ["2026-10-01", "0001-01-01", "9999-12-31", "2024-02-29"],
    "due_at": [
        "2026-10-01T00:00:00Z",
        "2026-10-01T17:00:00.12+02:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
    ],
    "priority": ["low", "medium", "high"],
    "tags": [["home"], ["a b", "c,d", '"{}', "é", "NULL", "null"]],
    "order": [7168, 0.1, -5, 1e300, 5e-324, -0.0, 2**53, 2**53 + 2, 1e20, 123456789.125],
    "completed_at": ["2026-09-20T08:00:00.007Z", "2026-09-20T08:00:00.1Z"],
    "repeat_from": ["due", "completion"],
    "timezone": ["Europe/Berlin", "America/Argentina/ComodRivadavia"],
    "next_id": [7, 2**53 - 1],
}
REPEATING = [
    {"title": "x", "due_on": "2026-10-01", "recurrence": "FREQ=MONTHLY;BYMONTHDAY=-1"},
    {"title": "x", "due_at": "2026-10-01T17:00:00Z", "recurrence": "FREQ=DAILY;UNTIL=20270101T170000Z"},
]
INSERT = """
INSERT INTO tasks (user_id, title, description, completed, due_on, due_at, priority, tags, "order", completed_at,
                   recurrence, repeat_from, timezone, next_id, version)
VALUES (%(user_id)s, %(title)s, %(description)s, %(completed)s, %(due_on)s, %(due_at)s, %(priority)s, %(tags)s,
        %(order)s, %(completed_at)s, %(recurrence)s, %(repeat_from)s, %(timezone)s, %(next_id)s, 1)
"""
CASES = [*REPEATING, *({"title": "x", name: value} for name, values in VALUES.items() for value in values)]


@pytest.fixture
def rows(alice: Actor, database: str) -> list[dict[str, Any]]:
    """Insert a task for each value, and return their rows."""
    alice.create_task(title="x")
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        for case in CASES:
            cursor.execute(INSERT, {**NO_VALUES, "user_id": alice.id, **case})
    return read_rows(database, alice)


def read_rows(database: str, actor: Actor) -> list[dict[str, Any]]:
    with closing(psycopg2.connect(database)) as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute("SELECT * FROM tasks WHERE user_id = %s ORDER BY id", (actor.id,))
        return [dict(row) for row in cursor.fetchall()]


def expected(schema: Schema, row: dict[str, Any]) -> dict[str, Any]:
    """Return the object of a row by the definition of each field in the API."""
    values = {**row, "due": row["due_on"] or row["due_at"]}
    return {name: json_value(values[name]) for name in schema.dump_fields}


def json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def test_each_value_is_returned_by_every_route(alice: Actor, rows: list[dict[str, Any]]) -> None:
    objects = [expected(LIVE_SCHEMA, row) for row in rows]
    assert len(objects) == len(CASES) + 1
    assert alice.get("/tasks").get_json() == objects
    assert [alice.get(f"/tasks/{row['id']}").get_json() for row in rows] == objects
    by_id = {task["id"]: task for task in alice.get("/tasks/changes?limit=500").get_json()["tasks"]}
    assert [by_id[row["id"]] for row in rows] == objects


def test_each_value_survives_the_trash_and_an_export(alice: Actor, database: str, rows: list[dict[str, Any]]) -> None:
    live = TransferTaskSchema(exclude=["deleted_at"])
    exported = alice.get("/export").get_json()["tasks"]
    assert exported == [expected(live, {**row, "uid": str(row["uid"])}) for row in rows]
    assert alice.delete("/tasks?all=true").status_code == 200
    trashed = read_rows(database, alice)
    assert alice.get("/tasks?deleted=true").get_json() == [expected(TRASHED_SCHEMA, row) for row in trashed]
    exported = alice.get("/export").get_json()["tasks"]
    assert exported == [expected(TransferTaskSchema(), {**row, "uid": str(row["uid"])}) for row in trashed]


def test_the_fields_have_the_order_of_the_schema_and_no_spaces(alice: Actor) -> None:
    text = alice.get(f"/tasks/{alice.create_task(title='x')['id']}").text
    assert list(json.loads(text)) == list(LIVE_SCHEMA.dump_fields)
    assert text.startswith('{"id":')


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_has_not_is_never_stored(alice: Actor, database: str, number: str) -> None:
    task = alice.create_task()
    with pytest.raises(psycopg2.errors.CheckViolation):
        execute(database, 'UPDATE tasks SET "order" = %s WHERE id = %s', float(number), task["id"])


def test_the_time_zone_of_the_connection_changes_nothing(alice: Actor, database: str) -> None:
    task = alice.create_task(due="2026-10-01T00:00:00Z")
    name = database.rsplit("/", 1)[1]
    execute(database, f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'")
    try:
        assert alice.get(f"/tasks/{task['id']}").get_json()["due"] == "2026-10-01T00:00:00.000Z"
    finally:
        execute(database, f"ALTER DATABASE {name} RESET timezone")
