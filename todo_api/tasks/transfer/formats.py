"""The formats of an export: JSON, CSV and iCalendar. Each turns lines of JSON, one per task, into bytes."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from icalendar import Calendar
from marshmallow.validate import OneOf

from todo_api.http.fields import Text
from todo_api.http.query_string import QuerySchema
from todo_api.tasks import examples
from todo_api.tasks.icalendar import MEDIA_TYPE, vtodo, write_calendar
from todo_api.tasks.schemas import TaskSchema
from todo_api.tasks.transfer.schemas import FORMAT, VERSION, ExportSchema, TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from marshmallow import Schema

    from todo_api.database.statements import Row

    Writer = Callable[[Row, Iterable[bytes]], Iterator[bytes]]

HEADER_SCHEMA = ExportSchema(exclude=["tasks"])
CSV_SCHEMA = TaskSchema(exclude=["user_id"])
CSV_COLUMNS = [name for name in CSV_SCHEMA.dump_fields if name != "deleted_at"]

BOM = "\ufeff"
"""Excel requires it to recognise UTF-8. Python's `utf-8-sig` and LibreOffice drop it."""
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""The characters that begin a formula in a spreadsheet (OWASP, CSV Injection), full-width ones included."""


def write_json(account: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the JSON document, one task per line."""
    user = {name: account[f"account_{name}"] for name in ("id", "email", "name")}
    header = {"format": FORMAT, "version": VERSION, "exported_at": account["exported_at"], "user": user}
    yield orjson.dumps(HEADER_SCHEMA.dump(header)).removesuffix(b"}") + b',"tasks":['
    separator = b"\n"
    for line in lines:
        yield separator + line.rstrip()
        separator = b",\n"
    yield b"\n]}\n"


def write_csv(_: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the CSV table (RFC 4180) of the tasks outside the trash."""
    buffer = io.StringIO()
    table = csv.writer(buffer)
    buffer.write(BOM)
    table.writerow(CSV_COLUMNS)
    for task in live_tasks(lines):
        table.writerow([csv_cell(task[name]) for name in CSV_COLUMNS])
        yield drain(buffer)
    yield drain(buffer)


def drain(buffer: io.StringIO) -> bytes:
    """Return the text of the buffer, and clear it."""
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def csv_cell(value: Any) -> Any:
    """Return the cell of a value. A text that would begin a formula gets an apostrophe; a number stays a number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and FORMULA.match(text) else text


def write_ics(_: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the calendar of the tasks outside the trash, as VTODO components."""
    yield from write_calendar(Calendar(), map(vtodo, live_tasks(lines)))


def live_tasks(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the tasks outside the trash."""
    return (task for task in map(orjson.loads, lines) if not task.get("deleted_at"))


class Format(NamedTuple):
    """A format: its media type, the schema of its lines, its writer, and its OpenAPI media type object."""

    media_type: str
    schema: Schema
    write: Writer
    documentation: dict[str, Any]


TEXT = {"type": "string"}
FORMATS = {
    "json": Format(
        "application/json", TransferTaskSchema(), write_json, {"schema": ExportSchema, "example": examples.EXPORT}
    ),
    "csv": Format("text/csv", CSV_SCHEMA, write_csv, {"schema": TEXT, "example": examples.EXPORT_CSV}),
    "ics": Format(MEDIA_TYPE, TransferTaskSchema(), write_ics, {"schema": TEXT, "example": examples.EXPORT_ICS}),
}


class ExportParameters(QuerySchema):
    """The parameters of an export."""

    format = Text(
        load_default="json",
        validate=OneOf(list(FORMATS)),
        metadata={"description": "`json` has every field and the trash; `csv` and `ics` leave the trash out."},
    )
