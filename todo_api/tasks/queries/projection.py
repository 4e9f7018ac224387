"""The JSON object of a task, written by PostgreSQL (docs/decisions/0026).

The fields are those of the schema, so the OpenAPI document describes this JSON. Rows hold it as a text, which
`task_fragment` includes in a response as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from orjson import Fragment
from sqlalchemy import Text, cast, func, literal_column, select

from todo_api.http.fields import Due, Instant
from todo_api.tasks.schemas import TaskSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marshmallow import Schema, fields
    from sqlalchemy import ColumnElement, Label
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

    from todo_api.database.statements import Row

    Columns: TypeAlias = ReadOnlyColumnCollection[str, Any]

LIVE_SCHEMA = TaskSchema(exclude=["deleted_at"])
TRASHED_SCHEMA = TaskSchema()

UTC: ColumnElement[str] = literal_column("'UTC'")
RFC_3339: ColumnElement[str] = literal_column('\'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\'')
"""The format of a date-time of RFC 3339 section 5.6 in UTC, with exactly three fraction digits."""


def task_columns(columns: Columns) -> Sequence[ColumnElement[Any]]:
    """Return the columns that are read of a task: its id, its version, which is its ETag, and its JSON."""
    return columns["id"], columns["version"], task_json(columns)


def task_json(columns: Columns, schema: Schema = LIVE_SCHEMA) -> Label[str]:
    """Return the column `task`: the JSON object of the schema as a text, from the columns of a task."""
    values = (json_value(columns, name, field).label(name) for name, field in schema.dump_fields.items())
    row = select(*values).correlate_except().lateral("fields")
    return select(cast(func.row_to_json(row.table_valued()), Text)).scalar_subquery().label("task")


def task_fragment(row: Row) -> Fragment:
    """Return the task of a row as JSON that orjson includes as it is."""
    return Fragment(row["task"])


def json_value(columns: Columns, name: str, field: fields.Field[Any]) -> ColumnElement[Any]:
    """Return the value of a field: the column itself, unless row_to_json would write it in another way."""
    if isinstance(field, Due):
        return func.coalesce(cast(columns["due_on"], Text), rfc_3339(columns["due_at"]))
    return rfc_3339(columns[name]) if isinstance(field, Instant) else columns[name]


def rfc_3339(instant: ColumnElement[Any]) -> ColumnElement[str]:
    """Return an instant as a date-time."""
    return func.to_char(func.timezone(UTC, instant), RFC_3339)
