"""Statements as the driver takes them. SQLAlchemy writes them, once; PostgreSQL plans what recurs once a connection.

To run a statement by SQLAlchemy costs several times what the driver needs, and to plan one of ours, with its session,
its limit and its counter, costs PostgreSQL more than to run it (docs/decisions/0020).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg2 import BINARY
from psycopg2.extensions import AsIs, new_type, register_type
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.types import NullType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class
    from sqlalchemy import ClauseElement, Dialect, PoolProxiedConnection
    from sqlalchemy.types import TypeEngine

Row: TypeAlias = "dict[str, Any]"
"""A row by column name. A plain dictionary: what writes a list looks up a dozen names in each row of it."""

DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]

PREPARED_MAX = 64
"""Statements that a connection has prepared, of some 100 KB each in PostgreSQL. Clients choose what members they write,
and so of how many shapes there are; those that come later are planned each time."""

PREPARED_KEY = "todo_api.prepared"
"""Where a connection keeps what is prepared on it."""


class Statement:
    """A statement that is compiled.

    `prepared` is for those of which there are few: PostgreSQL keeps the plan of each, which knows no values.
    """

    def __init__(self, clause: ClauseElement, *, prepared: bool = True) -> None:
        """Compile it."""
        compiled = DIALECT.statement_compiler(DIALECT, clause)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        given = [name for name, bind in binds.items() if bind.required]
        self.text: str = compiled.string
        self.bind_processors = {name: convert for name in binds if (convert := bind_processor(binds[name].type))}
        self.constants = self.bound_values({name: binds[name].effective_value for name in binds if name not in given})
        self.parameter_names = given
        types = parenthesized([type_name(binds[name].type) for name in given])
        # The same for one that is compiled again, which then takes no second place on a connection.
        whole = repr((self.text, types, self.constants)).encode()
        self.name = f"todo_api_{sha256(whole).hexdigest()[:32]}" if prepared else None
        self.preparation = f"PREPARE {self.name}{types} AS {self.text}"
        self.placeholders = {**self.constants, **{name: AsIs(f"${place}") for place, name in enumerate(given, 1)}}
        self.execution = f"EXECUTE {self.name}{parenthesized([f'%({name})s' for name in given])}"

    def bound_values(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return values of parameters as the driver takes them."""
        return {
            name: self.bind_processors[name](value) if name in self.bind_processors else value
            for name, value in values.items()
        }

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all parameters, as the driver takes them."""
        return {**self.constants, **self.bound_values({name: parameters[name] for name in self.parameter_names})}

    def execute(self, connection: PoolProxiedConnection, cursor: Cursor, parameters: Mapping[str, Any]) -> None:
        """Run it, by its plan where the connection keeps one."""
        text = self.execution if self.is_prepared(connection, cursor) else self.text
        cursor.execute(text, self.values(parameters))

    def is_prepared(self, connection: PoolProxiedConnection, cursor: Cursor) -> bool:
        """Tell whether the connection keeps a plan of it, which is made now if it can be."""
        if self.name is None:
            return False
        if PREPARED_KEY not in connection.info:
            connection.info[PREPARED_KEY] = set() if is_direct(cursor) else None
        names = connection.info[PREPARED_KEY]
        if names is None or (self.name not in names and len(names) >= PREPARED_MAX):
            return False
        if self.name not in names:
            cursor.execute(self.preparation, self.placeholders)
            names.add(self.name)
        return True


def to_bytes(value: str | bytes | None, cursor: Cursor) -> bytes | None:
    """Return a bytea as bytes, where the driver by itself returns a view of memory that equals none."""
    return None if value is None else bytes(BINARY(value, cursor))


register_type(new_type(BINARY.values, "BYTES", to_bytes))


def is_direct(cursor: Cursor) -> bool:
    """Tell whether a connection leads to one server process: behind a pooler the next statement may meet another."""
    cursor.execute("SELECT pg_backend_pid()")
    return bool(cursor.fetchone() == (cursor.connection.info.backend_pid,))


def bind_processor(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return what makes of a value what the driver takes; None where that is the value itself."""
    return kind.dialect_impl(DIALECT).bind_processor(DIALECT)


def parenthesized(words: Sequence[str]) -> str:
    """Return a list as SQL has it, where an empty one has no brackets."""
    return f" ({', '.join(words)})" if words else ""


def type_name(kind: TypeEngine[Any]) -> str:
    """Return what PostgreSQL calls a type; what SQLAlchemy does not know, PostgreSQL sees by itself."""
    return "unknown" if isinstance(kind, NullType) else kind.compile(DIALECT)


def rows_of(cursor: Cursor, rows: Iterable[tuple[Any, ...]]) -> list[Row]:
    """Return rows of a result by the names of its columns."""
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows]
