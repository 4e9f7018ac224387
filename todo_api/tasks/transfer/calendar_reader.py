"""Reads the VTODO components of a calendar (RFC 5545), with one in memory at a time.

The lines are unfolded and chosen here, so that alarms, time zones and properties of other programs cost nothing.
`vtodo.py` reads what remains of a component.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING

from todo_api.http.errors import ContentTooLarge
from todo_api.tasks.errors import MalformedCalendar

if TYPE_CHECKING:
    from collections.abc import Iterator

CALENDAR_SIZE_MAX = 16 * 1024 * 1024
"""Bytes of a calendar. To parse it takes a millisecond for each task."""
COMPONENT_SIZE_MAX = 128 * 1024
"""Bytes of a VTODO without its alarms and further properties."""
PROPERTIES = {
    *("UID", "RECURRENCE-ID", "SUMMARY", "DESCRIPTION", "CATEGORIES", "PRIORITY", "STATUS", "PERCENT-COMPLETE"),
    *("DTSTART", "DUE", "DURATION", "COMPLETED", "CREATED", "LAST-MODIFIED", "RRULE", "RDATE", "EXDATE"),
}
NAME = re.compile("[A-Z-]+")


def read_components(file: IO[bytes]) -> Iterator[dict[str, list[str]]]:
    """Yield the properties of each VTODO: by name the content lines.

    Raises:
        MalformedCalendar: 400.
        ContentTooLarge: 413, for a component that is larger than any task.

    """
    properties: dict[str, list[str]] = {}
    size = 0
    for component, line in nested_lines(file):
        if component != "VTODO":
            continue
        keyword = NAME.match(line.upper())
        name = keyword[0] if keyword else ""
        if name == "BEGIN":
            properties, size = {}, 0
        elif name == "END":
            yield properties
        elif name in PROPERTIES:
            properties.setdefault(name, []).append(line)
            size += len(line)
            if size > COMPONENT_SIZE_MAX:
                raise ContentTooLarge("A VTODO of the body is larger than 128 KiB.")


def nested_lines(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the content lines, each with the name of its component."""
    components: list[str] = []
    is_empty = True
    for line in content_lines(file):
        keyword, _, value = line.upper().partition(":")
        if keyword == "BEGIN":
            components.append(value.strip())
        if components[:1] != ["VCALENDAR"]:
            raise MalformedCalendar
        is_empty = False
        yield components[-1], line
        if keyword == "END" and components.pop() != value.strip():
            raise MalformedCalendar
    if components or is_empty:
        raise MalformedCalendar


def content_lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the content lines, unfolded (RFC 5545 section 3.1). A fold may be within a character."""
    pending = bytearray()  # grows in place: bytes would be copied at each fold
    while raw := file.readline(CALENDAR_SIZE_MAX):
        line = raw.rstrip(b"\r\n")
        if line[:1] in {b" ", b"\t"}:
            pending += line[1:]
            continue
        if pending:
            yield decode(pending)
        pending = bytearray(line)
    if pending:
        yield decode(pending)


def decode(line: bytearray) -> str:
    """Return a line in UTF-8, without a byte order mark."""
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedCalendar("The body is not in UTF-8.") from None
