"""Tasks as iCalendar (RFC 5545): the calendar, and the VTODO of a task."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from icalendar import Calendar, Todo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icalendar import Component

MEDIA_TYPE = "text/calendar"
PRODID = "-//todo-api//todo-api//EN"
END = b"END:VCALENDAR\r\n"

PRIORITIES = {"high": 1, "medium": 5, "low": 9}
"""RFC 5545 section 3.8.1.9."""
CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")
"""The control characters that iCalendar forbids in text (RFC 5545 section 3.1)."""


def write_calendar(calendar: Calendar, components: Iterable[Component]) -> Iterator[bytes]:
    """Yield the calendar, one component at a time. The argument `calendar` has its further properties."""
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODID)
    yield calendar.to_ical().removesuffix(END)
    for component in components:
        yield component.to_ical()
    yield END


def vtodo(task: Mapping[str, Any]) -> Todo:
    """Return the VTODO of an exported task."""
    todo = Todo()
    add_properties(
        todo,
        {
            **common_properties(task),
            "due": parse_date(task["due"]),
            "status": "COMPLETED" if task["completed"] else "NEEDS-ACTION",
            "completed": parse_date(task["completed_at"]),
        },
    )
    return todo


def common_properties(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of any component of an exported task.

    In a calendar without METHOD, DTSTAMP is the time of the last change.
    """
    changed = parse_date(task["updated_at"])
    return {
        "uid": task["uid"],
        "summary": ical_text(task["title"]),
        "description": ical_text(task["description"] or ""),
        "priority": PRIORITIES.get(task["priority"]),
        "categories": [ical_text(tag) for tag in task["tags"]],
        "created": parse_date(task["created_at"]),
        "last-modified": changed,
        "dtstamp": changed,
    }


def add_properties(component: Component, properties: Mapping[str, Any]) -> None:
    """Add the properties that have a value to the component."""
    for name, value in properties.items():
        if value:
            component.add(name, value)


def parse_date(text: str | None) -> date | None:
    """Return the date or the timestamp of a field."""
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def ical_text(text: str) -> str:
    """Return the text for iCalendar: with LF line ends, and without control characters other than tabs."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
