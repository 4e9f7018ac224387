"""The parameters that choose tasks, as conditions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Date, Text, any_, bindparam, cast, func, or_
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
ZONE = bindparam("zone", type_=Text)
ABBREVIATIONS = {"CET": "Europe/Brussels", "MET": "Europe/Brussels", "EET": "Europe/Athens", "WET": "Europe/Lisbon"}
"""Zones whose names PostgreSQL takes for abbreviations, without summer time; by the names to which IANA links them."""

Filters = tuple[tuple[str, type], ...]
"""Names of filters, each with the type of its value: what a statement depends on, and not the values."""
IN_TRASH = ("deleted", bool)


def active_filter_types(parameters: Mapping[str, Any]) -> Filters:
    """Return the filters among the parameters."""
    return tuple((name, type(value)) for name, value in sorted(active_filters(parameters).items()))


def filter_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the conditions compare with. Not named as columns are: SQLAlchemy would set those."""
    zone = parameters["timezone"]
    return {
        "zone": ABBREVIATIONS.get(zone, zone),
        **{f"of_{name}": value for name, value in active_filters(parameters).items()},
    }


def conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    """Yield what the tasks that are meant fulfil, in the trash or outside."""
    yield TRASHED if IN_TRASH in filters else LIVE
    yield from (CONDITIONS[name](kind) for name, kind in filters if (name, kind) != IN_TRASH)


def start_of_day(day: Any) -> ColumnElement[datetime]:
    """Return the moment at which a day begins in the time zone: when the one before has ended.

    Not its midnight, of which there are two where clocks go back then, and none where they go forward.
    """
    return func.timezone(ZONE, cast(day, TIMESTAMP) - MILLISECOND, type_=INSTANT) + MILLISECOND


def due_instant() -> ColumnElement[datetime]:
    """Return the moment at which a task is due: with a date, the last millisecond of that day in the time zone."""
    return func.coalesce(Task.due_at, func.timezone(ZONE, cast(Task.due_on, TIMESTAMP) + END_OF_DAY, type_=INSTANT))


def due_after(kind: type[date]) -> ColumnElement[bool]:
    """Return whether a task is due then or later; a date is compared with a date by itself."""
    if kind is datetime:
        return due_instant() >= bindparam("of_due_after", type_=INSTANT)
    bound = bindparam("of_due_after", type_=Date)
    return or_(Task.due_on >= bound, Task.due_at >= start_of_day(bound))


def due_before(kind: type[date]) -> ColumnElement[bool]:
    """Return whether a task is due earlier."""
    if kind is datetime:
        return due_instant() < bindparam("of_due_before", type_=INSTANT)
    bound = bindparam("of_due_before", type_=Date)
    return or_(Task.due_on < bound, Task.due_at < start_of_day(bound))


def text_contains(_: type) -> ColumnElement[bool]:
    """Return whether title or description has the text, in any case; no character of it stands for another."""
    sought = func.lower(bindparam("of_q", type_=Text))
    return or_(*(func.strpos(func.lower(column), sought) > 0 for column in (Task.title, Task.description)))


CONDITIONS = {
    "completed": lambda _: Task.completed == bindparam("of_completed", type_=Boolean),
    "due_after": due_after,
    "due_before": due_before,
    "due": lambda _: Task.due_on.is_(None) & Task.due_at.is_(None),
    "priority": lambda _: Task.priority == any_(bindparam("of_priority", type_=TEXT_ARRAY)),
    "tag": lambda _: Task.tags.contains(cast(bindparam("of_tag", type_=TEXT_ARRAY), TEXT_ARRAY)),
    "q": text_contains,
}
