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
    series_of,
    vtodo,
    write_calendar,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icalendar import Component, Todo, vRecur

    from todo_api.database.statements import Row

    Builder = Callable[[Mapping[str, Any]], Iterator[Component]]

REFRESH_INTERVAL = timedelta(hours=1)
EVENT_LENGTH = timedelta(minutes=30)
"""The length of an event whose task is due at a time of the day."""
SEQUENCE_MAX = 2**31 - 1
"""The largest integer of iCalendar (RFC 5545 section 3.3.8)."""
DESCRIPTION_MAX = 1_000
"""Characters of a description in a feed: with those of its tasks, a feed would have 40 MB."""
CHECK_MARK = "\N{CHECK MARK}"


def write(rows: Sequence[Row]) -> bytes:
    """Return the calendar of the rows that `reading.read` returns."""
    calendar = named_calendar(rows[0]["feed_name"] or settings().app_name)
    build = COMPONENTS[rows[0]["feed_component"]]
    components = (component for row in rows if row["id"] is not None for component in components_of(row, build))
    return b"".join(write_calendar(calendar, components))


def named_calendar(name: str) -> Calendar:
    """Return a calendar with its name and refresh interval, as RFC 7986 has them and as older programs read them."""
    calendar = Calendar()
    for name_property in ("name", "x-wr-calname"):
        calendar.add(name_property, vText(ical_text(name)))
    calendar.add("refresh-interval", REFRESH_INTERVAL, {"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH_INTERVAL))
    return calendar


def components_of(row: Row, build: Builder) -> Iterator[Component]:
    """Yield the components of a task."""
    for component in build(feed_task(orjson.loads(row["task"]))):
        component.add("sequence", min(row["version"], SEQUENCE_MAX))
        yield component


def feed_task(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return an exported task as a feed has it: with a short description, and once if it is completed."""
    description = task["description"] or ""
    if len(description) > DESCRIPTION_MAX:
        description = f"{description[: DESCRIPTION_MAX - 1]}…"
    # The rule of a completed task starts again when it is reopened: until then no day of it follows.
    recurrence = None if task["completed"] else task["recurrence"]
    return {**task, "description": description, "recurrence": recurrence}


def vtodos(task: Mapping[str, Any]) -> Iterator[Todo]:
    """Yield the VTODO of an exported task."""
    yield vtodo(task)


def vevents(task: Mapping[str, Any]) -> Iterator[Event]:
    """Yield the VEVENT of an exported task. If its due date is not on a day of its rule, its successor has the rule.

    What such a DTSTART means is undefined (RFC 5545 section 3.8.5.3): programs count it or not, and show it or not.
    """
    rule = recurrence_rule(task)
    series = series_of(task) if rule else None
    if series is None or series.starts_on_rule:
        yield vevent(task, rule)
        return
    yield vevent(task, None)
    following = series.after_day(series.day)
    if following:
        uid, due = str(series.successor_uid(task["uid"])), following.due.isoformat()
        successor = {**task, "uid": uid, "due": due, "recurrence": str(following.rule)}
        yield vevent(successor, recurrence_rule(successor))


def vevent(task: Mapping[str, Any], rule: vRecur | None) -> Event:
    """Return a VEVENT: a whole day, or half an hour from the time at which it is due.

    It does not block time. An event has no status for completion, so a check mark precedes a completed title.
    """
    event, start = Event(), due_date(task, rule)
    properties = {
        **common_properties(task),
        "dtstart": start,
        # Not DTEND: half an hour later by the wall clock is another length where the clock changes.
        "duration": EVENT_LENGTH if isinstance(start, datetime) else None,
        "rrule": rule,
        "transp": "TRANSPARENT",
    }
    if task["completed"]:
        properties["summary"] = f"{CHECK_MARK} {properties['summary']}"
    add_properties(event, properties)
    return event


COMPONENTS: dict[str, Builder] = {"events": vevents, "todos": vtodos}
