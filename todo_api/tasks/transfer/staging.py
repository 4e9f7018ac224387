"""Stages an import: every task of the document is checked and written to a file before the first row is inserted.

The user's list is locked only while the rows are inserted, not while the document is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import orjson
from marshmallow import ValidationError

from todo_api.http.request_body import ERRORS_MAX, flatten_errors
from todo_api.tasks.errors import TaskLimitReached
from todo_api.tasks.transfer.calendar_reader import read_components
from todo_api.tasks.transfer.document_reader import read_tasks
from todo_api.tasks.transfer.schemas import TransferTaskSchema
from todo_api.tasks.transfer.vtodo import UNREADABLE, read_task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

CHUNK_MAX = 256 * 1024
"""Bytes of the rows of one statement, some hundreds of rows. The row that reaches the limit is the last one."""

ERROR_MAX = 200
"""Characters of an error of icalendar, which repeats the value."""

TASK_SCHEMA = TransferTaskSchema()


@dataclass
class StagedImport:
    """The valid tasks of a document as lines of JSON, the number of duplicates, and the errors."""

    file: IO[bytes]
    task_limit: int
    digest: bytes = b""
    """The SHA-256 of the document."""
    row_count: int = 0
    duplicate_count: int = 0
    uids: set[UUID] = field(default_factory=set)
    errors: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """What of a calendar is not imported."""

    def read_export(self, document: IO[bytes]) -> None:
        """Read a JSON export and stage its tasks."""
        for position, task in self.enumerate_items(read_tasks(document)):
            self.add(position, task)

    def read_calendar(self, document: IO[bytes]) -> None:
        """Read a calendar and stage the tasks of its VTODO components."""
        for position, properties in self.enumerate_items(read_components(document)):
            pointer = f"#/tasks/{position}"
            try:
                task, warnings = read_task(properties)
            except UNREADABLE as error:
                self.errors.append((pointer, f"The VTODO cannot be read. {str(error)[:ERROR_MAX]}"))
                del self.errors[ERRORS_MAX:]
                continue
            self.warnings += [(f"{pointer}/{name}", text) for name, text in warnings]
            del self.warnings[ERRORS_MAX:]
            self.add(position, task)

    def enumerate_items(self, items: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """Yield the items of a document with their positions, up to the last error that is reported.

        Raises:
            TaskLimitReached: 403, if the document alone exceeds the limit. Duplicates count: they cost as much to read.

        """
        for position, item in enumerate(items):
            if position >= self.task_limit:
                raise TaskLimitReached
            yield position, item
            if len(self.errors) >= ERRORS_MAX:
                return

    def add(self, position: int, task: Any) -> None:
        """Stage a task, or record its errors."""
        try:
            values = TASK_SCHEMA.load(task)
        except ValidationError as error:
            self.errors += list(flatten_errors(error.messages, f"#/tasks/{position}"))
            del self.errors[ERRORS_MAX:]
            return
        uid = values.get("uid")
        if uid in self.uids:
            self.duplicate_count += 1
            return
        if uid:
            self.uids.add(uid)
        self.row_count += 1
        self.file.write(orjson.dumps({"staged_position": position, **values}, option=orjson.OPT_APPEND_NEWLINE))

    def chunks(self) -> Iterator[str]:
        """Yield the rows as JSON arrays."""
        self.file.seek(0)
        while lines := self.file.readlines(CHUNK_MAX):
            yield f"[{b','.join(lines).decode()}]"
