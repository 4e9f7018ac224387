"""Sorting and keyset pagination, by any keys in any direction.

Nulls come last in either direction. The id, ascending, breaks ties, so that the order of the rows is total.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, cast, extract, false, func, or_
from sqlalchemy.dialects.postgresql import array

from todo_api.tasks.models import Task
from todo_api.tasks.parameters import SortKey
from todo_api.tasks.queries.filters import due_instant, nfc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from todo_api.database.statements import Row

NULLABLE = {"due", "priority", "completed_at"}
COLLATION = "C"
"""By code point: the only order that is the same on every machine, for ORDER BY and cursors alike."""


def with_tie_break(keys: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    """Return the keys up to the id, which is added if it is missing."""
    names = [key.name for key in keys]
    return keys[: names.index("id") + 1] if "id" in names else (*keys, SortKey("id"))


def sort_value(key: SortKey) -> ColumnElement[Any]:
    """Return the expression that a key sorts by."""
    match key.name:
        case "title":
            return nfc(Task.title).collate(COLLATION)
        case "due":  # a number: Python's datetime cannot hold the end of the last day in every time zone
            return cast(extract("epoch", due_instant()) * 1000, BigInteger)
        case "priority":
            return func.array_position(array(Task.PRIORITIES), Task.priority, type_=Integer)
        case name:
            column: ColumnElement[Any] = getattr(Task, name)
            return column


def sort_columns(keys: Sequence[SortKey]) -> list[ColumnElement[Any]]:
    """Return the columns with the sort values, which ORDER BY and the next cursor use."""
    return [sort_value(key).label(f"by_{key.name}") for key in keys]


def order_by(keys: Sequence[SortKey], columns: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Return the terms of ORDER BY."""
    return [sort_term(key, column) for key, column in zip(keys, columns, strict=True)]


def sort_term(key: SortKey, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return one term of ORDER BY. A column without nulls gets no NULLS LAST, which would rule out its index."""
    term = column.desc() if key.descending else column.asc()
    return term.nulls_last() if key.name in NULLABLE else term


def cursor_values(keys: Sequence[SortKey], row: Row) -> list[Any]:
    """Return the sort values of a page's last row, as JSON."""
    values = [row[f"by_{key.name}"] for key in keys]
    return [value.isoformat() if isinstance(value, datetime) else value for value in values]


def cursor_parameters(keys: Sequence[SortKey], values: Sequence[Any]) -> dict[str, Any]:
    """Return the bind parameters of `after`."""
    return {
        f"cursor_{key.name}": datetime.fromisoformat(value) if value and key.name.endswith("_at") else value
        for key, value in zip(keys, values, strict=True)
    }


def after(keys: Sequence[SortKey], nulls: Sequence[bool]) -> ColumnElement[bool]:
    """Return the keyset condition: a row comes after the cursor. `nulls` tells which cursor values are null."""
    (key, *other_keys), (is_null, *other_nulls) = keys, nulls
    column = sort_value(key)
    value = bindparam(f"cursor_{key.name}", type_=column.type)
    is_after = false() if is_null else after_value(key, column, value)
    if not other_keys:
        return is_after
    is_equal = column.is_(None) if is_null else column == value
    condition = or_(is_after, and_(is_equal, after(other_keys, other_nulls)))
    if key.name in NULLABLE:
        return condition
    # Redundant, but the only form in which PostgreSQL uses it as an index condition.
    return and_(column <= value if key.descending else column >= value, condition)


def after_value(key: SortKey, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a key's value comes after one that is not null."""
    is_after = column < value if key.descending else column > value
    return or_(is_after, column.is_(None)) if key.name in NULLABLE else is_after
