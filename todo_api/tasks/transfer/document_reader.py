"""An export that is read: a document of any size, of which one task is in memory at a time.

ijson tells the events; the values are put together here. Its own way of doing so keeps the path of each value, which
takes memory by the square of the depth, and the last of two members of one name.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Any

from ijson.backends import yajl2_c
from ijson.common import JSONError

from todo_api.http.errors import ContentTooLarge, InvalidInput, MalformedJSON
from todo_api.http.request_body import flatten_errors
from todo_api.tasks.models import Task
from todo_api.tasks.transfer.schemas import ExportSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

    Event = tuple[str, Any]

ESCAPED_SIZE_MAX = 6
"""Bytes of a character: an export escapes control characters and no others."""
TASK_SIZE_MAX = ESCAPED_SIZE_MAX * (Task.TITLE_MAX + Task.DESCRIPTION_MAX + Task.TAGS_MAX * Task.TAG_MAX) + 2048
"""Bytes of a task: its texts, and its other members with all names."""
PIECE_SIZE_MAX = 1024 * 1024
"""Bytes of a task that somebody else has written, and of everything outside the tasks."""
DEPTH_MAX = 32

ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.?)", re.DOTALL
)
"""An escape of a string: a pair of surrogates, or a surrogate that is alone (the group), or any other."""
ESCAPE_MAX = 12

HEAD = ExportSchema()


def export_size_max(tasks: int) -> int:
    """Return how many bytes an export of so many tasks may have."""
    return PIECE_SIZE_MAX + tasks * TASK_SIZE_MAX


def read_tasks(file: IO[bytes]) -> Iterator[Any]:
    """Yield the tasks of an export as they stand there.

    Raises:
        MalformedJSON: 400.
        ContentTooLarge: 413, for a piece that is larger than any can be.
        InvalidInput: 422, after the tasks, where the document is no export.

    """
    source = CheckedFile(file)
    # Never without use_float: whole numbers of more than 4300 digits end the process then.
    events = yajl2_c.basic_parse(source, use_float=True)
    head: dict[str, Any] = {}
    try:
        for name, event in document_members(head, events):
            if name == "tasks" and event[0] == "start_array":
                head[name] = []
                for element in events_until("end_array", events):
                    yield read_value(element, events)
                    source.begin_piece()
            else:
                head[name] = read_value(event, events)
        next(events, None)  # which refuses what comes after the document
    except (JSONError, ValueError):
        raise MalformedJSON from None
    if wrong := HEAD.validate(head):
        raise InvalidInput(list(flatten_errors(wrong)))


def document_members(head: dict[str, Any], events: Iterator[Event]) -> Iterator[tuple[str, Event]]:
    """Yield the names of the document's members, each with the event that its value begins with."""
    if next(events)[0] != "start_map":
        raise InvalidInput([("#", "Invalid input type.")])
    for _, name in events_until("end_map", events):
        reject_duplicate(name, head)
        yield name, next(events)


def events_until(end: str, events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events that are left of an array or an object."""
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
    found: dict[str, Any] = {}
    for _, name in events_until("end_map", events):
        reject_duplicate(name, found)
        found[name] = read_value(next(events), events, depth - 1)
    return found


def reject_duplicate(name: str, found: dict[str, Any]) -> None:
    """Refuse a name that was there already: it means different things to different readers."""
    if name in found:
        raise MalformedJSON("An object of the body gives a name twice.")


class CheckedFile:
    """A file that is read on the condition that something comes of it, and that holds no lone surrogate.

    The parser keeps what it has not finished; and it reads a lone surrogate as a question mark.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.pending = 0
        self.rest = b""

    def begin_piece(self) -> None:
        """Say that the piece was finished."""
        self.pending = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end."""
        chunk = self.file.read(size)
        self.pending += len(chunk)
        if self.pending > PIECE_SIZE_MAX:
            raise ContentTooLarge("A task of the body, or what is beside the tasks, is larger than 1 MiB.")
        self.check(chunk)
        return chunk

    def check(self, chunk: bytes) -> None:
        """Refuse a surrogate without its other half; an escape that may go on in the next bytes is left for then."""
        text, self.rest = self.rest + chunk, b""
        for escape in ESCAPE.finditer(text):
            if chunk and escape.start() > len(text) - ESCAPE_MAX:
                self.rest = text[escape.start() :]
                return
            if escape[1]:
                raise MalformedJSON("A string of the body has a lone surrogate.")
