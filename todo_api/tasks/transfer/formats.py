"""An export as a JSON document, a table for spreadsheets, or a calendar: lines of tasks in, bytes out."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from icalendar import Todo
from marshmallow.validate import OneOf

from todo_api.http.fields import Text
from todo_api.http.query_string import QuerySchema
from todo_api.tasks import examples
from todo_api.tasks.schemas import TaskSchema
from todo_api.tasks.transfer.schemas import FORMAT, VERSION, ExportSchema, TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from marshmallow import Schema

    from todo_api.database.statements import Row

    Writer = Callable[[Row, Iterable[bytes]], Iterator[bytes]]

HEAD = ExportSchema(exclude=["tasks"])
ROW = TaskSchema(exclude=["user_id"])
COLUMNS = [name for name in ROW.dump_fields if name != "deleted_at"]

BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the machine. Python's `utf-8-sig` and LibreOffice drop it."""
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What makes a spreadsheet compute a cell rather than show it (OWASP, CSV Injection), the full-width ones included."""

PRIORITIES = {"high": 1, "medium": 5, "low": 9}
"""RFC 5545 section 3.8.1.9."""
UNWRITABLE = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")
"""Control characters that no iCalendar text may have (RFC 5545 section 3.1)."""


def write_json(account: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the document, a task a line."""
    user = {name: account[f"account_{name}"] for name in ("id", "email", "name")}
    head = {"format": FORMAT, "version": VERSION, "exported_at": account["exported_at"], "user": user}
    yield orjson.dumps(HEAD.dump(head)).removesuffix(b"}") + b',"tasks":['
    separator = b"\n"
    for line in lines:
        yield separator + line.rstrip()
        separator = b",\n"
    yield b"\n]}\n"


def write_csv(_: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the table (RFC 4180) of what is not in the trash."""
    text = io.StringIO()
    table = csv.writer(text)
    text.write(BOM)
    table.writerow(COLUMNS)
    for task in live_tasks(lines):
        table.writerow([csv_cell(task[name]) for name in COLUMNS])
        yield drain(text)
    yield drain(text)


def drain(written: io.StringIO) -> bytes:
    """Return what was written, and begin anew."""
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text.encode()


def csv_cell(value: Any) -> Any:
    """Return what a cell shows of a member; a number stays one, whatever it begins with."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and FORMULA.match(text) else text


def write_ics(_: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the calendar (RFC 5545) of what is not in the trash, component by component."""
    yield b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//todo-api//todo-api//EN\r\n"
    for task in live_tasks(lines):
        yield vtodo(task).to_ical()
    yield b"END:VCALENDAR\r\n"


def vtodo(task: dict[str, Any]) -> Todo:
    """Return a task as a component. Without a METHOD, its DTSTAMP is the time of its last change."""
    changed = parse_due(task["updated_at"])
    values = {
        "uid": task["uid"],
        "summary": ical_text(task["title"]),
        "description": ical_text(task["description"] or ""),
        "due": parse_due(task["due"]),
        "priority": PRIORITIES.get(task["priority"]),
        "status": "COMPLETED" if task["completed"] else "NEEDS-ACTION",
        "completed": parse_due(task["completed_at"]),
        "categories": [ical_text(tag) for tag in task["tags"]],
        "created": parse_due(task["created_at"]),
        "last-modified": changed,
        "dtstamp": changed,
    }
    todo = Todo()
    for name, value in values.items():
        if value:
            todo.add(name, value)
    return todo


def parse_due(text: str | None) -> date | None:
    """Return the day or the moment that a member tells."""
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def ical_text(text: str) -> str:
    """Return a text as iCalendar can carry it: lines end in LF, other control characters but tabs are left out."""
    return UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def live_tasks(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the tasks that are not in the trash."""
    return (task for task in map(orjson.loads, lines) if not task.get("deleted_at"))


class Format(NamedTuple):
    """What an export is called; the schema of its lines, and how it is written of them; what the document shows."""

    media_type: str
    schema: Schema
    write: Writer
    shown: dict[str, Any]


TEXT = {"type": "string"}
FORMATS = {
    "json": Format(
        "application/json", TransferTaskSchema(), write_json, {"schema": ExportSchema, "example": examples.EXPORT}
    ),
    "csv": Format("text/csv", ROW, write_csv, {"schema": TEXT, "example": examples.EXPORT_CSV}),
    "ics": Format("text/calendar", TransferTaskSchema(), write_ics, {"schema": TEXT, "example": examples.EXPORT_ICS}),
}


class ExportParameters(QuerySchema):
    """What an export is written as."""

    format = Text(
        load_default="json",
        validate=OneOf(list(FORMATS)),
        metadata={"description": "json has everything; csv and ics leave the trash out."},
    )
