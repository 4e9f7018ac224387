"""The calendar of a feed (RFC 5545, RFC 7986)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from icalendar import Calendar, Event, vDuration, vText

from todo_api.settings import settings
from todo_api.tasks.icalendar import (
    add_properties,
    common_properties,
    due_date,
    ical_text,
    recurrence_rule,
    vtodo,
    write_calendar,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icalendar import Component

    from todo_api.database.statements import Row

REFRESH_INTERVAL = timedelta(hours=1)
EVENT_LENGTH = timedelta(minutes=30)
"""The length of an event whose task is due at a time of the day."""
SEQUENCE_MAX = 2**31 - 1
"""The largest integer of iCalendar (RFC 5545 section 3.3.8)."""
CHECK_MARK = "\N{CHECK MARK}"


def write(rows: Sequence[Row]) -> bytes:
    """Return the calendar of the rows that `reading.read` returns."""
    calendar = named_calendar(rows[0]["feed_name"] or settings().app_name)
    build = COMPONENTS[rows[0]["feed_component"]]
    return b"".join(write_calendar(calendar, (component(row, build) for row in rows if row["id"] is not None)))


def named_calendar(name: str) -> Calendar:
    """Return a calendar with its name and refresh interval, as RFC 7986 has them and as older programs read them."""
    calendar = Calendar()
    for name_property in ("name", "x-wr-calname"):
        calendar.add(name_property, vText(ical_text(name)))
    calendar.add("refresh-interval", REFRESH_INTERVAL, {"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH_INTERVAL))
    return calendar


def component(row: Row, build: Callable[[Mapping[str, Any]], Component]) -> Component:
    """Return the component of a task."""
    built = build(orjson.loads(row["task"]))
    built.add("sequence", min(row["version"], SEQUENCE_MAX))
    return built


def vevent(task: Mapping[str, Any]) -> Event:
    """Return the VEVENT of an exported task: a whole day, or half an hour from the time at which it is due.

    It does not block time. An event has no status for completion, so a check mark precedes a completed title.
    """
    event, start = Event(), due_date(task)
    properties = {
        **common_properties(task),
        "dtstart": start,
        "dtend": start + EVENT_LENGTH if isinstance(start, datetime) else None,
        "rrule": recurrence_rule(task),
        "transp": "TRANSPARENT",
    }
    if task["completed"]:
        properties["summary"] = f"{CHECK_MARK} {properties['summary']}"
    add_properties(event, properties)
    return event


COMPONENTS: dict[str, Callable[[Mapping[str, Any]], Component]] = {"events": vevent, "todos": vtodo}
