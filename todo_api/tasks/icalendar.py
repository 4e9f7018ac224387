"""Tasks as iCalendar (RFC 5545): the calendar, and the VTODO of a task."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Timezone, Todo, vRecur

from todo_api.tasks.recurrence.series import Series, in_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icalendar import Component

MEDIA_TYPE = "text/calendar"
PRODID = "-//todo-api//todo-api//EN"
END = b"END:VCALENDAR\r\n"

PRIORITIES = {"high": 1, "medium": 5, "low": 9}
"""RFC 5545 section 3.8.1.9."""
LAST_CLOCK_CHANGE = date(2100, 1, 1)
"""Where the definitions of time zones end. icalendar lists each change of the clock, and its default ends in 2038."""
CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")
"""The control characters that iCalendar forbids in text (RFC 5545 section 3.1)."""


def write_calendar(calendar: Calendar, components: Iterable[Component]) -> Iterator[bytes]:
    """Yield the calendar, one component at a time. The argument `calendar` has its further properties.

    The definition of a time zone comes before the first component that needs it.
    """
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODID)
    yield calendar.to_ical().removesuffix(END)
    defined: set[str] = set()
    for component in components:
        needed = {value.params["TZID"] for value in component.values() if "TZID" in getattr(value, "params", ())}
        yield from map(time_zone_definition, needed - defined)
        defined |= needed
        yield component.to_ical()
    yield END


@cache
def time_zone_definition(name: str) -> bytes:
    """Return the VTIMEZONE of a time zone, cached: to compute it takes some milliseconds.

    Each change of the clock is an RDATE of its own, also the first one: where there is an RDATE, ical.js reads neither
    further values of it nor DTSTART.
    """
    definition = Timezone.from_tzid(name, last_date=LAST_CLOCK_CHANGE)
    for observance in definition.subcomponents:
        changes = observance.pop("RDATE", None)
        for change in [observance["DTSTART"], *changes.dts] if changes else ():
            observance.add("RDATE", change.dt)
    text: bytes = definition.to_ical()
    return text


def vtodo(task: Mapping[str, Any]) -> Todo:
    """Return the VTODO of an exported task."""
    todo, rule = Todo(), recurrence_rule(task)
    due = due_date(task, rule)
    add_properties(
        todo,
        {
            **common_properties(task),
            "due": due,
            "dtstart": rule and due,  # a rule requires it
            "rrule": rule,
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


def due_date(task: Mapping[str, Any], rule: vRecur | None) -> date | None:
    """Return the due date of an exported task. If the task repeats, it is in the time zone whose clock it keeps."""
    due = parse_date(task["due"])
    if not task["recurrence"] or not isinstance(due, datetime):
        return due
    local = in_zone(due, ZoneInfo(task["timezone"] or "UTC"))
    # A repeated local time means the first (RFC 5545 section 3.3.5). But what a rule repeats is the wall clock.
    return due if local.fold and not rule else local


def recurrence_rule(task: Mapping[str, Any]) -> vRecur | None:
    """Return the rule of an exported task, unless it counts from a completion, which no calendar can know."""
    if not task["recurrence"] or task["repeat_from"] == "completion":
        return None
    rule: vRecur = vRecur.from_ical(str(series_of(task).calendar_rule()))
    return rule


def series_of(task: Mapping[str, Any]) -> Series:
    """Return the series of a task that has a rule, as responses and exports have it."""
    due = parse_date(task["due"])
    assert due is not None, "a CHECK constraint"  # noqa: S101 - for mypy
    return Series.of_task(task, due)


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
    """Return the text for iCalendar: with LF line ends, and U+FFFD for each control character other than a tab.

    Without a replacement a title or a tag could become empty, and an import of the calendar would fail.
    """
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))
