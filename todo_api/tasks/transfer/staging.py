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
from todo_api.tasks.transfer.document_reader import read_tasks
from todo_api.tasks.transfer.schemas import TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

CHUNK_MAX = 256 * 1024
"""Bytes of the rows of one statement, some hundreds of rows. The row that reaches the limit is the last one."""

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

    def read(self, document: IO[bytes]) -> None:
        """Read the document and stage its tasks."""
        for position, task in enumerate(read_tasks(document)):
            self.add(position, task)

    def add(self, position: int, task: Any) -> None:
        """Stage a task, or record its errors.

        Raises:
            TaskLimitReached: 403, if the document alone exceeds the limit.

        """
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
        if self.row_count > self.task_limit:
            raise TaskLimitReached
        self.file.write(orjson.dumps({"staged_position": position, **values}, option=orjson.OPT_APPEND_NEWLINE))

    def chunks(self) -> Iterator[str]:
        """Yield the rows as JSON arrays."""
        self.file.seek(0)
        while lines := self.file.readlines(CHUNK_MAX):
            yield f"[{b','.join(lines).decode()}]"
