"""The filters of a list, as SQL conditions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Date, Text, any_, bindparam, case, cast, exists, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from todo_api.tasks.models import LIVE, TRASHED, Task
from todo_api.tasks.parameters import active_filters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement

MILLISECOND = timedelta(milliseconds=1)
END_OF_DAY = timedelta(days=1) - MILLISECOND
INSTANT = TIMESTAMP(timezone=True)
TEXT_ARRAY = ARRAY(Text)
TIME_ZONE = bindparam("time_zone", type_=Text)
ABBREVIATIONS = {"CET": "Europe/Brussels", "MET": "Europe/Brussels", "EET": "Europe/Athens", "WET": "Europe/Lisbon"}
"""Zones whose names PostgreSQL reads as abbreviations without summer time, and the zones that IANA links them to."""

Filters = tuple[tuple[str, type], ...]
"""The names of filters and the types of their values. A statement depends on these and not on the values."""
IN_TRASH = ("deleted", bool)


def active_filter_types(parameters: Mapping[str, Any]) -> Filters:
    """Return the names and value types of the active filters."""
    return tuple((name, type(value)) for name, value in sorted(active_filters(parameters).items()))


def filter_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bind parameters of the conditions. None has a column's name: SQLAlchemy would set that column."""
    zone = parameters["timezone"]
    return {
        "time_zone": ABBREVIATIONS.get(zone, zone),
        **{f"filter_{name}": value for name, value in active_filters(parameters).items()},
    }


def filter_conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of the filters, the first of them on the trash."""
    yield TRASHED if IN_TRASH in filters else LIVE
    yield from (CONDITIONS[name](kind) for name, kind in filters if (name, kind) != IN_TRASH)


def start_of_day(day: Any) -> ColumnElement[datetime]:
    """Return the instant at which a day begins in the time zone: one millisecond after the end of the day before.

    Midnight is not used: it occurs twice where clocks go back at midnight, and never where they go forward.
    """
    return func.timezone(TIME_ZONE, cast(day, TIMESTAMP) - MILLISECOND, type_=INSTANT) + MILLISECOND


def due_instant() -> ColumnElement[datetime]:
    """Return the instant at which a task is due: for a date, the last millisecond of that day in the time zone."""
    end_of_due_day = func.timezone(TIME_ZONE, cast(Task.due_on, TIMESTAMP) + END_OF_DAY, type_=INSTANT)
    return func.coalesce(Task.due_at, end_of_due_day)


def due_after(kind: type[date]) -> ColumnElement[bool]:
    """Return the condition that a task is due at the bound or later; dates are compared without a time zone."""
    if kind is datetime:
        return due_instant() >= bindparam("filter_due_after", type_=INSTANT)
    bound = bindparam("filter_due_after", type_=Date)
    return or_(Task.due_on >= bound, Task.due_at >= start_of_day(bound))


def due_before(kind: type[date]) -> ColumnElement[bool]:
    """Return the condition that a task is due before the bound."""
    if kind is datetime:
        return due_instant() < bindparam("filter_due_before", type_=INSTANT)
    bound = bindparam("filter_due_before", type_=Date)
    return or_(Task.due_on < bound, Task.due_at < start_of_day(bound))


def contains_text(_: type) -> ColumnElement[bool]:
    """Return the condition that title or description contains the text, in NFC, in any case and without wildcards."""
    text = func.lower(bindparam("filter_q", type_=Text))
    return or_(*(func.strpos(func.lower(nfc(column)), text) > 0 for column in (Task.title, Task.description)))


def has_tags(tags: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a task has all the tags, an array of texts in NFC."""
    task_tag = func.unnest(Task.tags).column_valued("task_tag")
    has_decomposed = exists(select(literal(1)).where(not_(is_nfc(task_tag))))
    normalized_tags = select(func.array_agg(func.normalize(task_tag))).scalar_subquery()
    contains_normalized = normalized_tags.op("@>", is_comparison=True)(tags)
    return or_(Task.tags.contains(tags), has_decomposed & contains_normalized)


def nfc(text: Any) -> ColumnElement[str]:
    """Return a text in NFC (UAX 15), in which a decomposed letter, as macOS writes it, equals a composed one."""
    return case((is_nfc(text), text), else_=func.normalize(text))


def is_nfc(text: Any) -> ColumnElement[bool]:
    """Return whether a text is in NFC. ASCII, with as many bytes as characters, needs no look at its characters."""
    return or_(func.octet_length(text) == func.char_length(text), func.is_normalized(text))


CONDITIONS = {
    "completed": lambda _: Task.completed == bindparam("filter_completed", type_=Boolean),
    "due_after": due_after,
    "due_before": due_before,
    "due": lambda _: Task.due_on.is_(None) & Task.due_at.is_(None),
    "priority": lambda _: Task.priority == any_(bindparam("filter_priority", type_=TEXT_ARRAY)),
    "tag": lambda _: has_tags(cast(bindparam("filter_tag", type_=TEXT_ARRAY), TEXT_ARRAY)),
    "q": contains_text,
}
