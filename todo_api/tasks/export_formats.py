"""An export as a JSON document, a table for spreadsheets, or a calendar: tasks in, one after another, bytes out."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from icalendar import Todo

from todo_api import clock
from todo_api.tasks.schemas import TaskSchema
from todo_api.tasks.transfer_schemas import FORMAT, VERSION, ExportSchema, TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import RowMapping

    Write = Callable[[RowMapping, Iterable[RowMapping]], Iterator[bytes]]

ONE = TransferTaskSchema()
HEAD = ExportSchema(exclude=["tasks"])
ROW = TaskSchema(exclude=["user_id", "deleted_at"])

BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the machine. Python's `utf-8-sig` and LibreOffice drop it."""
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What makes a spreadsheet compute a cell rather than show it (OWASP, CSV Injection), the full-width ones included."""

PRIORITIES = {"high": 1, "medium": 5, "low": 9}
"""RFC 5545 section 3.8.1.9."""
UNWRITABLE = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")
"""Control characters that no iCalendar text may have (RFC 5545 section 3.1)."""


def write_json(account: RowMapping, tasks: Iterable[RowMapping]) -> Iterator[bytes]:
    """Yield the document, a task a line."""
    user = {name: account[f"account_{name}"] for name in ("id", "email", "name")}
    head = {"format": FORMAT, "version": VERSION, "exported_at": clock.now(), "user": user}
    yield orjson.dumps(HEAD.dump(head)).removesuffix(b"}") + b',"tasks":['
    separator = b"\n"
    for task in tasks:
        yield separator + orjson.dumps(ONE.dump(task))
        separator = b",\n"
    yield b"\n]}\n"


def write_csv(_: RowMapping, tasks: Iterable[RowMapping]) -> Iterator[bytes]:
    """Yield the table (RFC 4180) of what is not in the trash."""
    line = io.StringIO()
    table = csv.DictWriter(line, list(ROW.dump_fields))
    line.write(BOM)
    table.writeheader()
    for task in outside_trash(tasks):
        table.writerow({name: cell(value) for name, value in ROW.dump(task).items()})
        yield taken(line)
    yield taken(line)


def taken(line: io.StringIO) -> bytes:
    """Return what was written, and begin anew."""
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()


def cell(value: Any) -> Any:
    """Return what a cell shows of a member; a number stays one, whatever it begins with."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and FORMULA.match(text) else text


def write_ics(_: RowMapping, tasks: Iterable[RowMapping]) -> Iterator[bytes]:
    """Yield the calendar (RFC 5545) of what is not in the trash, component by component."""
    yield b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//todo-api//todo-api//EN\r\n"
    for task in outside_trash(tasks):
        yield todo_of(task).to_ical()
    yield b"END:VCALENDAR\r\n"


def todo_of(task: RowMapping) -> Todo:
    """Return a task as a component. Without a METHOD, its DTSTAMP is the time of its last change."""
    due = task["due_on"] or task["due_at"]
    values = {
        "uid": str(task["uid"]),
        "summary": writable(task["title"]),
        "description": writable(task["description"] or ""),
        "due": due,
        "priority": PRIORITIES.get(task["priority"]),
        "status": "COMPLETED" if task["completed"] else "NEEDS-ACTION",
        "completed": task["completed_at"],
        "categories": [writable(tag) for tag in task["tags"]],
        "created": task["created_at"],
        "last-modified": task["updated_at"],
        "dtstamp": task["updated_at"],
    }
    todo = Todo()
    for name, value in values.items():
        if value:
            todo.add(name, value)
    return todo


def writable(text: str) -> str:
    """Return a text as iCalendar can carry it: lines end in LF, other control characters but tabs are left out."""
    return UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def outside_trash(tasks: Iterable[RowMapping]) -> Iterator[RowMapping]:
    """Yield the tasks that are not in the trash."""
    return (task for task in tasks if task["deleted_at"] is None)


class Format(NamedTuple):
    """How an export is written, and what that is called."""

    write: Write
    media_type: str


WRITERS = {
    "json": Format(write_json, "application/json"),
    "csv": Format(write_csv, "text/csv; charset=utf-8"),
    "ics": Format(write_ics, "text/calendar; charset=utf-8"),
}
