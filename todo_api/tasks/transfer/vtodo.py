"""The fields of a task from a VTODO (RFC 5545 section 3.6.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from uuid import NAMESPACE_URL, UUID, uuid5

from icalendar import Todo
from icalendar.parser import Contentline
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from todo_api.tasks.errors import RecurrenceNeedsDue
from todo_api.tasks.parameters import time_zones
from todo_api.tasks.recurrence.parts import InvalidRuleError
from todo_api.tasks.recurrence.rules import parse_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
EXCEPTIONS = ("RDATE", "EXDATE")
DONE = {"COMPLETED", "CANCELLED"}
COMPLETE = 100
HIGH_MAX, LOW_MIN = 4, 6
"""The priorities 1 to 4 are high, 5 is medium, 6 to 9 are low (RFC 5545 section 3.8.1.9)."""
CATEGORIES_MAX = 100
"""Categories of a VTODO, empty and equal ones included, which take 8 µs each to parse. A task has fewer tags."""
ZONE_PARTS_MAX = 3
"""Parts of the name of a time zone, such as America/Argentina/Salta."""

Warnings = list[tuple[str, str]]
"""Pairs of a field and a text."""


def read_task(properties: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], Warnings]:
    """Return the fields of a VTODO, as an export has them, and what of it is lost.

    Raises:
        UNREADABLE: for a property that cannot be read, some of them by icalendar.

    """
    warnings: Warnings = []
    lines = map(plain_line, parsed_lines(properties))
    todo: Any = Todo.from_ical("\r\n".join(["BEGIN:VTODO", *lines, "END:VTODO", ""]))
    due, timezone = read_due(todo, warnings, repeats="RRULE" in properties)
    task = {
        "uid": read_uid(todo),
        "title": text_of(todo, "SUMMARY"),
        "description": text_of(todo, "DESCRIPTION"),
        "due": due,
        "timezone": timezone,
        "priority": read_priority(todo.get("PRIORITY") or 0),
        "tags": unique(str(tag).strip() for tag in todo.categories),
        "completed": is_completed(todo),
        "completed_at": read_instant(todo, "COMPLETED"),
        "created_at": read_instant(todo, "CREATED"),
        "updated_at": read_instant(todo, "LAST-MODIFIED"),
        "recurrence": read_rule(properties, due, warnings),
    }
    return {name: value for name, value in task.items() if value is not None}, warnings


def parsed_lines(properties: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the content lines that icalendar parses: the first of each property, and all categories.

    Raises:
        ValueError: there are too many categories.

    """
    if sum(line.count(",") + 1 for line in properties.get("CATEGORIES", ())) > CATEGORIES_MAX:
        raise ValueError("There are too many categories.")
    for name, lines in properties.items():
        if name not in {"RRULE", *EXCEPTIONS}:
            yield from lines if name == "CATEGORIES" else lines[:1]


def plain_line(line: str) -> str:
    """Return a content line without its parameters, but with the name of a known time zone.

    icalendar reads even a text as what VALUE says, and opens any file that TZID names.
    """
    name, parameters, value = Contentline(line).raw_parts()  # type: ignore[no-untyped-call]
    zone = zone_name(str(parameters.get("TZID", "")))
    return f"{name};TZID={zone}:{value}" if zone else f"{name}:{value}"


def zone_name(tzid: str) -> str | None:
    """Return the IANA name of a known time zone. TZID may be a name of Windows or have a prefix (RFC 5545, 3.2.19)."""
    name = WINDOWS_TO_OLSON.get(tzid, tzid)
    parts = name.rsplit("/", ZONE_PARTS_MAX)[-ZONE_PARTS_MAX:] if name.startswith("/") else [name]
    names = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((name for name in names if name in time_zones()), None)


def text_of(todo: Any, name: str) -> str | None:
    """Return the text of a property, or None if there is none."""
    value = todo.get(name)
    return None if value is None else str(value)


def read_uid(todo: Any) -> str | None:
    """Return the uid: a UUID as it is, another text as the UUID that follows from it.

    A component that changes one occurrence of another one is a task of its own.
    """
    uid = text_of(todo, "UID")
    if uid is None:
        return None
    recurrence_id = todo.get("RECURRENCE-ID")
    if recurrence_id is not None:
        return str(uuid5(NAMESPACE_URL, f"{uid} {recurrence_id.dt.isoformat()}"))
    try:
        is_uuid = str(UUID(uid)) == uid.lower()
    except ValueError:
        is_uuid = False
    return uid if is_uuid else str(uuid5(NAMESPACE_URL, uid))


def read_due(todo: Any, warnings: Warnings, *, repeats: bool) -> tuple[str | None, str | None]:
    """Return the due date as an export has it, and its time zone if that has a name.

    A task without DUE is due at its end, DTSTART and DURATION, or, if it repeats, at DTSTART.
    """
    start, duration = todo.get("DTSTART"), todo.get("DURATION")
    value = todo.get("DUE") or (start if duration or repeats else None)
    if value is None:
        return None, None
    due = value.dt if "DUE" in todo or not duration else start.dt + duration.dt
    if not isinstance(due, datetime):
        return date_text(due), None
    if due.tzinfo is None:
        warnings.append(("due", "Its time zone is not known; it is taken as UTC."))
    zone = getattr(due.tzinfo, "key", None)
    return instant_text(due), zone if zone != "UTC" else None


def date_text(day: Any) -> str:
    """Return a date as an export has it."""
    if not isinstance(day, date):
        raise ValueError("DUE must be a date or a date-time.")  # noqa: TRY004 - the caller expects a ValueError
    return day.isoformat()


def instant_text(instant: datetime) -> str:
    """Return a timestamp as an export has it; one without a time zone is in UTC."""
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds")


def read_instant(todo: Any, name: str) -> str | None:
    """Return the timestamp of a property; a date is its midnight."""
    value = todo.get(name)
    if value is None:
        return None
    instant = value.dt
    return instant_text(instant if isinstance(instant, datetime) else datetime.fromisoformat(date_text(instant)))


def read_priority(number: int) -> str | None:
    """Return the priority of a number; 0 is none."""
    if not number:
        return None
    return "high" if number <= HIGH_MAX else "low" if number >= LOW_MIN else "medium"


def is_completed(todo: Any) -> bool:
    """Return whether nothing is left to do."""
    status = text_of(todo, "STATUS")
    if status:
        return status.upper() in DONE
    return "COMPLETED" in todo or todo.get("PERCENT-COMPLETE") == COMPLETE


def unique(tags: Iterator[str]) -> list[str]:
    """Return the tags that are not empty, each once, compared in NFC."""
    return list({normalize("NFC", tag): tag for tag in tags if tag}.values())


def read_rule(properties: Mapping[str, Sequence[str]], due: str | None, warnings: Warnings) -> str | None:
    """Return the rule if tasks can have it. Otherwise a warning says why not."""
    lines: Sequence[str] = properties.get("RRULE", ())
    if not lines:
        return None
    try:
        rule = str(parse_rule(plain_line(lines[0]).partition(":")[2].strip()))
    except InvalidRuleError as error:
        warnings.append(("recurrence", f"The task does not repeat. {error}"))
        return None
    if due is None:
        warnings.append(("recurrence", f"The task does not repeat. {RecurrenceNeedsDue.detail}"))
        return None
    if len(lines) > 1 or any(name in properties for name in EXCEPTIONS):
        warnings.append(("recurrence", "The task repeats without the exceptions and additions to its rule."))
    return rule
