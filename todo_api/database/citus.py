"""Statements on Citus, PostgreSQL's extension for tables that are distributed over nodes (docs/decisions/0039).

Citus sends a statement whole to the node of its user. It splits one that inserts the rows of a query into parts, which
have no common snapshot. Such a statement is executed in two steps: a query returns the rows, and then they are inserted
as values. The locks of the first step hold until both are committed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg2
from psycopg2 import errors
from sqlalchemy import BindParameter, Insert, Text, cast, exists, func, literal, not_, select, text
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.schema import sort_tables

from todo_api.database.statements import CITUS_EXTENSION, DIALECT, Statement, default_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class
    from sqlalchemy import CTE, Column, ColumnElement, Select, Table

HAS_CITUS = Statement(text(CITUS_EXTENSION))
HAS_DISTRIBUTED_USERS = Statement(text("SELECT FROM pg_dist_partition WHERE logicalrelid = 'users'::regclass"))

STATEMENTS_MAX = 256
"""The number of statements whose two steps are kept."""

NODE_SHIFT, ID_SHIFT = 48, 43
"""Citus begins the sequences of node n at n << 48. The ids begin at n << 43 instead, so that those of 1,024 nodes are
below 2^53: JavaScript represents them exactly."""


class RowConflict(psycopg2.OperationalError):
    """Since the first step, another transaction has inserted the same row, or deleted the one that it refers to."""


class TwoSteps(NamedTuple):
    """The query of the first step, and the tables of the second in an order in which foreign keys lead backwards.

    The query has a column with the name of each table: its new rows as an array of arrays of texts, or null.
    """

    query: Statement
    tables: Sequence[Table]


@lru_cache(STATEMENTS_MAX)
def two_steps(statement: Statement) -> TwoSteps:
    """Return the two steps of a statement that inserts the rows of queries."""
    clause: Any = statement.clause
    if isinstance(clause, Insert):
        clause = select(clause.cte("inserted"))
    inserting = Statement(clause, prepared=False, replacements=statement.replacements).inserting
    insertions: list[Any] = [cte.element for cte in inserting]
    tables = [insertion.table for insertion in insertions]
    rows = [new_rows(insertion).cte(cte.name) for cte, insertion in zip(inserting, insertions, strict=True)]
    columns = [rows_as_texts(cte).label(table.name) for cte, table in zip(rows, tables, strict=True)]
    replacements = {**statement.replacements, **dict(zip(inserting, rows, strict=True))}
    query = Statement(clause.add_columns(*columns), prepared=False, replacements=replacements)
    return TwoSteps(query, sort_tables(tables))


def new_rows(insertion: Insert) -> Select[Any]:
    """Return the query of the rows that a statement would insert: all columns of the table, with their defaults."""
    table: Any = insertion.table
    ids = {column.name: next_value(column) for column in table.c if column.identity}
    query: Any = insertion.select
    query = query.add_columns(*ids.values())
    source = query.subquery("given")
    # A constant remains one, so that Citus sees whose rows are looked at.
    pairs = zip(query.selected_columns, source.c, strict=True)
    values = [expression if isinstance(expression, BindParameter) else column for expression, column in pairs]
    names = [*(insertion._select_names or ()), *ids]  # noqa: SLF001 - it has no public name
    given = dict(zip(names, values, strict=True))
    given |= {name: node_id(given[name]) for name in ids}
    row = {column: given.get(column.name, default_of(column)) for column in table.c}
    columns = [cast(value, column.type).label(column.name) for column, value in row.items()]
    return select(*columns).select_from(source).where(*absence(insertion, given))


def absence(insertion: Insert, given: dict[str, ColumnElement[Any]]) -> Iterator[ColumnElement[bool]]:
    """Yield the condition of ON CONFLICT DO NOTHING: there is no such row yet."""
    clause: Any = insertion._post_values_clause  # noqa: SLF001 - it has no public name
    if clause is not None:
        existing: Any = insertion.table.alias("existing")
        unique = clause.inferred_target_elements or [column.name for column in insertion.table.primary_key]
        same = select(literal(1)).select_from(existing).where(*(existing.c[name] == given[name] for name in unique))
        yield not_(exists(same))


def next_value(column: Column[Any]) -> ColumnElement[int]:
    """Return the next value of the sequence of an identity column, on the node that executes the query."""
    return func.nextval(f"{column.table.name}_{column.name}_seq")


def node_id(drawn: ColumnElement[int]) -> ColumnElement[int]:
    """Return the id of a value of a sequence: the same on the coordinator, which is node 0."""
    number = drawn.bitwise_and((1 << NODE_SHIFT) - 1)
    return drawn.bitwise_rshift(NODE_SHIFT).bitwise_lshift(ID_SHIFT).bitwise_or(number)


def rows_as_texts(rows: CTE) -> ColumnElement[list[list[str | None]]]:
    """Return all rows of a CTE as one value: an array with an array of texts for each row. It is null without rows."""
    return select(func.array_agg(array([cast(column, Text) for column in rows.c]))).scalar_subquery()


def insert_rows(cursor: Cursor, table: Table, rows: list[list[str | None]]) -> None:
    """Insert rows of `rows_as_texts`, one statement for all. PostgreSQL converts each text to the column's type.

    Raises:
        RowConflict: see there.

    """
    preparer = DIALECT.identifier_preparer
    columns = ", ".join(preparer.format_column(column) for column in table.c)
    row = f"({', '.join(['%s'] * len(table.c))})"
    target = f"INSERT INTO {preparer.format_table(table)} ({columns}) OVERRIDING SYSTEM VALUE"
    try:
        cursor.execute(f"{target} VALUES {', '.join([row] * len(rows))}", [text for texts in rows for text in texts])
    except (errors.UniqueViolation, errors.ForeignKeyViolation) as error:
        raise RowConflict(error.diag.message_primary) from error
