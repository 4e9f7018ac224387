"""Compiled and prepared statements (docs/decisions/0020).

SQLAlchemy compiles a statement once, and the driver executes it, at a fraction of the CPU of `Connection.execute`.
PostgreSQL plans a recurring statement once per connection, because planning one takes longer than executing it.
"""

from __future__ import annotations

from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg2 import BINARY
from psycopg2.extensions import AsIs, new_type, register_type
from sqlalchemy import Insert, cast, literal, null
from sqlalchemy.dialects.postgresql.dml import OnConflictDoUpdate
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.types import NullType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class
    from sqlalchemy import CTE, ClauseElement, Column, ColumnElement, Dialect, PoolProxiedConnection
    from sqlalchemy.types import TypeEngine

Row: TypeAlias = "dict[str, Any]"
"""A row by column name. A plain dictionary, because the serialization of a list looks up a dozen names per row."""

DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]

PREPARED_MAX = 64
"""Statements that a connection prepares, each about 100 KB in PostgreSQL. Clients choose which fields they write and so
how many statements there are; further ones are planned each time."""

PREPARED_KEY = "todo_api.prepared"
"""The key of `connection.info` for the names of its prepared statements. They are None where none are prepared."""


CITUS_EXTENSION = "SELECT extname FROM pg_extension WHERE extname = 'citus'"


class Compiler(DIALECT.statement_compiler):  # type: ignore[misc,name-defined]  # PostgreSQL's
    """Compiles a statement with some of its CTEs replaced by others of the same name and columns.

    `inserting` has the CTEs that insert the rows of a query.
    """

    def __init__(self, clause: ClauseElement, replacements: Mapping[CTE, CTE]) -> None:
        """Compile the clause."""
        self.replacements = replacements
        self.inserting: dict[CTE, None] = {}
        super().__init__(DIALECT, clause)

    def visit_cte(self, cte: CTE, **options: Any) -> Any:
        """Compile a CTE, or its replacement."""
        compiled = self.replacements.get(cte, cte)
        text = super().visit_cte(compiled, **options)
        if inserts_query(compiled.element):
            self.inserting[compiled] = None
        return text


class Statement:
    """A compiled statement.

    `prepared` is for statements with few variants: PostgreSQL keeps a generic plan for each of them.
    """

    def __init__(
        self, clause: ClauseElement, *, prepared: bool = True, replacements: Mapping[CTE, CTE] = MappingProxyType({})
    ) -> None:
        """Compile the clause, with some of its CTEs replaced."""
        self.clause = clause
        self.replacements = replacements
        self.variants: dict[CTE, Statement] = {}
        compiled = Compiler(clause, replacements)
        self.inserting = tuple(compiled.inserting)
        self.inserts_query = bool(self.inserting) or inserts_query(clause)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self.text: str = compiled.string
        self.parameter_names = [name for name, bind in binds.items() if bind.required]
        self.bind_processors = {
            name: processor for name, bind in binds.items() if (processor := bind_processor(bind.type))
        }
        self.constants = self.bound_values(
            {name: bind.effective_value for name, bind in binds.items() if not bind.required}
        )
        types = parenthesized([type_name(binds[name].type) for name in self.parameter_names])
        # The name depends on the contents only, so a statement that is compiled again is prepared once.
        contents = repr((self.text, types, self.constants)).encode()
        self.name = f"todo_api_{sha256(contents).hexdigest()[:32]}" if prepared else None
        self.prepare_text = f"PREPARE {self.name}{types} AS {self.text}"
        positions = {name: AsIs(f"${position}") for position, name in enumerate(self.parameter_names, 1)}
        self.placeholders = {**self.constants, **positions}
        arguments = parenthesized([f"%({name})s" for name in self.parameter_names])
        self.execute_text = f"EXECUTE {self.name}{arguments}"

    def replacing(self, cte: CTE, replacement: CTE) -> Statement:
        """Return the statement with a CTE replaced by another of the same name and columns. It is compiled once."""
        variant = self.variants.get(replacement)
        if variant is None:
            prepared = self.name is not None
            variant = Statement(self.clause, prepared=prepared, replacements={cte: replacement})
            self.variants[replacement] = variant
        return variant

    def bound_values(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return values as the driver accepts them."""
        return {
            name: self.bind_processors[name](value) if name in self.bind_processors else value
            for name, value in values.items()
        }

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all binds, as the driver accepts them."""
        return {**self.constants, **self.bound_values({name: parameters[name] for name in self.parameter_names})}

    def execute(self, connection: PoolProxiedConnection, cursor: Cursor, parameters: Mapping[str, Any]) -> None:
        """Execute the statement, prepared if possible."""
        text = self.execute_text if self.prepare(connection, cursor) else self.text
        cursor.execute(text, self.values(parameters))

    def prepare(self, connection: PoolProxiedConnection, cursor: Cursor) -> bool:
        """Prepare the statement on the connection unless it is, and return whether it is prepared."""
        if self.name is None:
            return False
        if PREPARED_KEY not in connection.info:
            connection.info[PREPARED_KEY] = set() if can_prepare(cursor) else None
        names = connection.info[PREPARED_KEY]
        if names is None or (self.name not in names and len(names) >= PREPARED_MAX):
            return False
        if self.name not in names:
            cursor.execute(self.prepare_text, self.placeholders)
            names.add(self.name)
        return True


def inserts_query(clause: ClauseElement) -> bool:
    """Return whether the clause inserts the rows of a query, and updates no existing ones."""
    if not isinstance(clause, Insert) or clause.select is None:
        return False
    return not isinstance(clause._post_values_clause, OnConflictDoUpdate)  # noqa: SLF001 - it has no public name


def to_bytes(value: str | bytes | None, cursor: Cursor) -> bytes | None:
    """Return a bytea as bytes instead of the driver's memoryview."""
    return None if value is None else bytes(BINARY(value, cursor))


register_type(new_type(BINARY.values, "BYTES", to_bytes))


def can_prepare(cursor: Cursor) -> bool:
    """Return whether the connection leads to one server process, which executes each statement itself.

    A pooler may send each statement to another process. Citus needs the user's id to choose the node.
    """
    cursor.execute(f"SELECT pg_backend_pid(), EXISTS ({CITUS_EXTENSION})")
    return bool(cursor.fetchone() == (cursor.connection.info.backend_pid, False))


def default_of(column: Column[Any]) -> ColumnElement[Any]:
    """Return the default of a column: null if it has none."""
    default = getattr(column.server_default, "arg", null())
    return cast(literal(default), column.type) if isinstance(default, str) else default


def bind_processor(sql_type: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return the function that converts a value for the driver, or None if the driver accepts the value itself."""
    return sql_type.dialect_impl(DIALECT).bind_processor(DIALECT)


def parenthesized(items: Sequence[str]) -> str:
    """Return an SQL list in parentheses, or nothing for an empty list."""
    return f" ({', '.join(items)})" if items else ""


def type_name(sql_type: TypeEngine[Any]) -> str:
    """Return PostgreSQL's name of a type. PostgreSQL infers a type that SQLAlchemy does not know."""
    return "unknown" if isinstance(sql_type, NullType) else sql_type.compile(DIALECT)


def rows_as_dicts(cursor: Cursor, rows: Iterable[tuple[Any, ...]]) -> list[Row]:
    """Return the rows of a result, each by column name."""
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows]
