"""Sorting, and going on after a row: keyset pagination, on any keys in any direction.

Nulls come last either way; the id, ascending, breaks ties, so that every row has a place of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, cast, extract, false, func, or_
from sqlalchemy.dialects.postgresql import array

from todo_api.tasks.models import Task
from todo_api.tasks.parameters import SortKey
from todo_api.tasks.queries.filters import due_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from todo_api.database.statements import Row

NULLABLE = {"due", "priority", "completed_at"}
COLLATION = "C"
"""By code point: the one order that is the same on every machine, for ORDER BY and cursors alike."""


def with_tie_break(keys: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    """Return the keys up to the id, which leaves nothing to sort."""
    names = [key.name for key in keys]
    return keys[: names.index("id") + 1] if "id" in names else (*keys, SortKey("id"))


def sort_value(key: SortKey) -> ColumnElement[Any]:
    """Return what a key sorts by."""
    match key.name:
        case "title":
            return Task.title.collate(COLLATION)
        case "due":  # a number, since the end of the last day of a time zone has no place in Python's calendar
            return cast(extract("epoch", due_instant()) * 1000, BigInteger)
        case "priority":
            return func.array_position(array(Task.PRIORITIES), Task.priority, type_=Integer)
        case name:
            column: ColumnElement[Any] = getattr(Task, name)
            return column


def sort_columns(keys: Sequence[SortKey]) -> list[ColumnElement[Any]]:
    """Return the columns that hold what the keys sort by."""
    return [sort_value(key).label(f"by_{key.name}") for key in keys]


def order_by(keys: Sequence[SortKey], columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Return the terms of ORDER BY."""
    return [sort_term(key, column) for key, column in zip(keys, columns, strict=True)]


def sort_term(key: SortKey, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return one term; nulls are spoken of only where there are some, or an index would not be found."""
    term = column.desc() if key.descending else column.asc()
    return term.nulls_last() if key.name in NULLABLE else term


def cursor_values(keys: Sequence[SortKey], row: Row) -> list[Any]:
    """Return the values of a row that its page ends with, as JSON."""
    values = [row[f"by_{key.name}"] for key in keys]
    return [value.isoformat() if isinstance(value, datetime) else value for value in values]


def cursor_parameters(keys: Sequence[SortKey], place: Sequence[Any]) -> dict[str, Any]:
    """Return what `key_after` compares with."""
    marks = {f"from_{key.name}": value for key, value in zip(keys, place, strict=True)}
    return {
        name: datetime.fromisoformat(mark) if mark and name.endswith("_at") else mark for name, mark in marks.items()
    }


def after(keys: Sequence[SortKey], nulls: Sequence[bool]) -> ColumnElement[bool]:
    """Return the condition that a row comes after a place, of which it is known which of its values are null."""
    (key, *more), (is_null, *others) = keys, nulls
    column = sort_value(key)
    mark = bindparam(f"from_{key.name}", type_=column.type)
    further = false() if is_null else key_after(key, column, mark)
    if not more:
        return further
    condition = or_(further, and_(column.is_(None) if is_null else column == mark, after(more, others)))
    if key.name in NULLABLE:
        return condition
    # What the condition says already, in the one form by which an index is entered at the place.
    return and_(column <= mark if key.descending else column >= mark, condition)


def key_after(key: SortKey, column: ColumnElement[Any], mark: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that the key's value comes after the mark; after a null comes nothing."""
    further = column < mark if key.descending else column > mark
    return or_(further, column.is_(None)) if key.name in NULLABLE else further
