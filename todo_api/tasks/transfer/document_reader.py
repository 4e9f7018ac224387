"""Reads an export of any size, with one task in memory at a time.

ijson yields the parse events, and this module builds the values. ijson's own builder keeps the path of each value,
which takes memory by the square of the depth, and keeps the last of two members with the same name.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Any

from ijson.backends import yajl2_c
from ijson.common import JSONError

from todo_api.http.errors import ContentTooLarge, InvalidInput, MalformedJSON
from todo_api.http.request_body import flatten_errors
from todo_api.tasks.models import Task
from todo_api.tasks.transfer.schemas import ImportSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

    Event = tuple[str, Any]

ESCAPED_SIZE_MAX = 6
"""Bytes of a character: an export escapes control characters only."""
TASK_SIZE_MAX = ESCAPED_SIZE_MAX * (Task.TITLE_MAX + Task.DESCRIPTION_MAX + Task.TAGS_MAX * Task.TAG_MAX) + 2048
"""Bytes of an exported task: its texts, its other fields and all names."""
PIECE_SIZE_MAX = 1024 * 1024
"""Bytes of a task that another program has written, and of everything outside the tasks."""
DEPTH_MAX = 32

ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.?)", re.DOTALL
)
"""An escape sequence in a string: a surrogate pair, a lone surrogate (the group), or any other."""
ESCAPE_MAX = 12

IMPORT_SCHEMA = ImportSchema()


def export_size_max(tasks: int) -> int:
    """Return the maximum size in bytes of an export of so many tasks."""
    return PIECE_SIZE_MAX + tasks * TASK_SIZE_MAX


def read_tasks(file: IO[bytes]) -> Iterator[Any]:
    """Yield the tasks of an export, not validated.

    Raises:
        MalformedJSON: 400.
        ContentTooLarge: 413, for a task that is larger than any can be.
        InvalidInput: 422, after the last task, if the document is not an export.

    """
    source = CheckedFile(file)
    # use_float is required: without it, an integer of more than 4300 digits aborts the process.
    events = yajl2_c.basic_parse(source, use_float=True)
    fields: dict[str, Any] = {}
    try:
        for name, event in document_fields(fields, events):
            if name == "tasks" and event[0] == "start_array":
                fields[name] = []
                for element in events_until("end_array", events):
                    yield read_value(element, events)
                    source.begin_piece()
            else:
                fields[name] = read_value(event, events)
        next(events, None)  # raises JSONError if anything follows the document
    except (JSONError, ValueError) as error:
        if "overflow" in str(error):  # the parser takes integers of 64 bits and doubles
            raise MalformedJSON("A number of the body is too large.") from None
        raise MalformedJSON from None
    if errors := IMPORT_SCHEMA.validate(fields):
        raise InvalidInput(list(flatten_errors(errors)))


def document_fields(seen: dict[str, Any], events: Iterator[Event]) -> Iterator[tuple[str, Event]]:
    """Yield the names of the document's fields, each with the first event of its value."""
    if next(events)[0] != "start_map":
        raise InvalidInput([("#", "Invalid input type.")])
    for _, name in events_until("end_map", events):
        reject_duplicate(name, seen)
        yield name, next(events)


def events_until(end: str, events: Iterator[Event]) -> Iterator[Event]:
    """Yield the remaining events of an array or an object."""
    for event in events:
        if event[0] == end:
            return
        yield event


def read_value(event: Event, events: Iterator[Event], depth: int = DEPTH_MAX) -> Any:
    """Return the value that begins with the event."""
    kind, content = event
    if not depth:
        raise MalformedJSON("The body is not valid JSON: it is nested too deeply.")
    if kind == "start_array":
        return [read_value(element, events, depth - 1) for element in events_until("end_array", events)]
    if kind != "start_map":
        return content
    values: dict[str, Any] = {}
    for _, name in events_until("end_map", events):
        reject_duplicate(name, values)
        values[name] = read_value(next(events), events, depth - 1)
    return values


def reject_duplicate(name: str, seen: dict[str, Any]) -> None:
    """Reject a duplicate name: parsers disagree on which of the two values counts."""
    if name in seen:
        raise MalformedJSON("An object of the body gives a name twice.")


class CheckedFile:
    """A file for the parser that limits the size of a piece and rejects lone surrogates.

    The parser keeps an unfinished value in memory, and reads a lone surrogate as a question mark.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.piece_size = 0
        self.partial_escape = b""

    def begin_piece(self) -> None:
        """Begin a new piece: the parser has finished a task."""
        self.piece_size = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end."""
        chunk = self.file.read(size)
        self.piece_size += len(chunk)
        if self.piece_size > PIECE_SIZE_MAX:
            raise ContentTooLarge("A task of the body, or what is beside the tasks, is larger than 1 MiB.")
        self.reject_lone_surrogates(chunk)
        return chunk

    def reject_lone_surrogates(self, chunk: bytes) -> None:
        """Reject a lone surrogate. An escape that may continue in the next chunk is checked with that chunk."""
        text, self.partial_escape = self.partial_escape + chunk, b""
        for escape in ESCAPE.finditer(text):
            if chunk and escape.start() > len(text) - ESCAPE_MAX:
                self.partial_escape = text[escape.start() :]
                return
            if escape[1]:
                raise MalformedJSON("A string of the body has a lone surrogate.")
