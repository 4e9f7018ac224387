"""Work on all rows of a large table in slices, each a statement of its own.

Memory and locks are those of one slice, and no transaction is open between two of them. A command that is interrupted
has finished its slices, and goes on where it stopped when it is run again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, delete, func, literal, select, tuple_

from todo_api.database.execution import fetch_all
from todo_api.database.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute

    from todo_api.database.statements import Row

SLICE = 1000
"""Rows of a slice that is read."""
DELETED_SLICE = 10_000
"""Rows of a slice that is deleted."""


def slices(query: Select[*tuple[Any, ...]], *key: InstrumentedAttribute[str], size: int = SLICE) -> Iterator[list[Row]]:
    """Yield the rows of a query in slices, in the order of a unique key: columns of text that the rows have by name."""
    binds = {f"after_{column.key}": column.key for column in key}
    after = tuple_(*(bindparam(name, type_=Text) for name in binds))
    statement = Statement(query.where(tuple_(*key) > after).order_by(*key).limit(size), prepared=False)
    position = dict.fromkeys(binds, "")
    while rows := fetch_all(statement, position):
        yield rows
        position = {name: rows[-1][column] for name, column in binds.items()}


def delete_older(column: InstrumentedAttribute[Any], age: timedelta = timedelta()) -> Iterator[int]:
    """Delete the rows of the column's table whose timestamp is at least so old; yield the number of each slice.

    The column has an index, so that no other row is read.
    """
    table = column.class_
    key = tuple_(*table.__table__.primary_key)
    is_old = column <= func.now() - age
    oldest = select(*table.__table__.primary_key).where(is_old).order_by(column).limit(DELETED_SLICE)
    # The condition is repeated for a row that was renewed while the statement waited for it.
    deletion = delete(table).where(key.in_(oldest), is_old).returning(literal(1))
    statement = Statement(deletion, prepared=False)
    while number := len(fetch_all(statement)):
        yield number
