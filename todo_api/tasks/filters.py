"""The parameters that choose tasks, as conditions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, func, literal, or_
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from todo_api.tasks.models import Task
from todo_api.tasks.parameters import chosen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement

MILLISECOND = timedelta(milliseconds=1)
LAST_MOMENT = timedelta(days=1) - MILLISECOND


def conditions(parameters: Mapping[str, Any]) -> Iterator[ColumnElement[bool]]:
    """Yield what the tasks that are meant fulfil, in the trash or outside."""
    yield Task.deleted_at.is_not(None) if parameters["deleted"] else Task.deleted_at.is_(None)
    for name, value in chosen(parameters).items():
        if name != "deleted":
            yield CONDITIONS[name](value, parameters["timezone"])


def day_begins(day: Any, zone: str) -> ColumnElement[datetime]:
    """Return the moment at which a day begins in a time zone: when the one before has ended.

    Not its midnight, of which there are two where clocks go back then, and none where they go forward.
    """
    return func.timezone(zone, cast(day, TIMESTAMP) - MILLISECOND, type_=TIMESTAMP(timezone=True)) + MILLISECOND


def due_moment(zone: str) -> ColumnElement[datetime]:
    """Return the moment at which a task is due: with a date, the last millisecond of that day."""
    last = func.timezone(zone, cast(Task.due_on, TIMESTAMP) + LAST_MOMENT, type_=TIMESTAMP(timezone=True))
    return func.coalesce(Task.due_at, last)


def due_after(bound: date, zone: str) -> ColumnElement[bool]:
    """Return whether a task is due then or later; a date is compared with a date by itself."""
    if isinstance(bound, datetime):
        return due_moment(zone) >= bound
    return or_(Task.due_on >= bound, Task.due_at >= day_begins(bound, zone))


def due_before(bound: date, zone: str) -> ColumnElement[bool]:
    """Return whether a task is due earlier."""
    if isinstance(bound, datetime):
        return due_moment(zone) < bound
    return or_(Task.due_on < bound, Task.due_at < day_begins(bound, zone))


def contains(text: str, _zone: str) -> ColumnElement[bool]:
    """Return whether title or description has the text, in any case; no character of it stands for another."""
    sought = func.lower(text)
    return or_(*(func.strpos(func.lower(column), sought) > 0 for column in (Task.title, Task.description)))


CONDITIONS = {
    "completed": lambda value, _: Task.completed.is_(value),
    "due_after": due_after,
    "due_before": due_before,
    "due": lambda *_: Task.due_on.is_(None) & Task.due_at.is_(None),
    "priority": lambda values, _: Task.priority.in_(values),
    "tag": lambda values, _: Task.tags.contains(cast(literal(values, ARRAY(Text)), ARRAY(Text))),
    "q": contains,
}
