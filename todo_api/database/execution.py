"""Execution of statements: one with autocommit, several in a transaction, or one as a stream of rows."""

from __future__ import annotations

import random
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import psycopg2
from flask import current_app, has_request_context, request
from psycopg2 import errorcodes
from sqlalchemy import ClauseElement

from todo_api.database import citus, timeouts
from todo_api.database.connections import AUTOCOMMIT, REPLACEABLE, begin, driver_connection, pool_connection
from todo_api.database.statements import Statement, rows_as_dicts
from todo_api.database.timeouts import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import PoolProxiedConnection

    from todo_api.database.citus import TwoSteps
    from todo_api.database.statements import Row

Result = TypeVar("Result")
Runnable: TypeAlias = Statement | ClauseElement
"""A compiled statement, or a rare one that is compiled for each execution."""

STREAM_BATCH = 250
"""Rows of a stream in memory at a time, each up to 40 KB."""

RETRYABLE = {errorcodes.SERIALIZATION_FAILURE, errorcodes.DEADLOCK_DETECTED}
"""The codes with which PostgreSQL rolls a transaction back in favour of another one (40001, 40P01)."""

BACKOFF = (0.05, 0.1, 0.2)
"""The longest delay before each retry, in seconds. The delay is random, so that two transactions do not meet again."""

IS_DISTRIBUTED = "todo_api.is_distributed"

TRANSACTION: ContextVar[PoolProxiedConnection | None] = ContextVar("TRANSACTION", default=None)
"""The connection of the current transaction."""


def with_retries(attempt: Callable[[], Result]) -> Result:
    """Call a function that executes one statement or one transaction, and retry it up to three times."""
    for delay in BACKOFF:
        try:
            return attempt()
        except psycopg2.Error as error:
            if not (is_retryable(error) and timeouts.time_remains()):
                raise
        time.sleep(random.uniform(0, delay))  # noqa: S311 - not a secret
    return attempt()


def is_retryable(error: psycopg2.Error) -> bool:
    """Return whether PostgreSQL has executed nothing, or the request is safe (RFC 9110 section 9.2.1).

    After a lost connection a write may have been committed.
    """
    if error.pgcode in RETRYABLE | REPLACEABLE or isinstance(error, citus.RowConflict):
        return True
    is_lost = error.cursor is not None and bool(error.cursor.connection.closed)
    return is_lost and has_request_context() and request.method in {"GET", "HEAD"}


def transaction(work: Callable[[], Result]) -> Result:
    """Run a function whose statements are one transaction, and return its result.

    The transaction is committed when the function returns, and rolled back when it raises. If PostgreSQL rolls it back,
    the function is called again, so it must keep no state of an attempt. Inside another transaction it is part of that.
    """
    return work() if TRANSACTION.get() else with_retries(lambda: run_in_transaction(work))


def run_in_transaction(work: Callable[[], Result]) -> Result:
    """Run a function in a new transaction, once."""
    with begin() as connection:
        token = TRANSACTION.set(connection)
        try:
            return work()
        finally:
            TRANSACTION.reset(token)


def fetch_all(statement: Runnable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Execute one statement in one round trip, or in the two steps that Citus needs, and return its rows."""
    compiled = statement if isinstance(statement, Statement) else Statement(statement, prepared=False)
    if compiled.inserts_query and is_distributed():
        return transaction(lambda: run_two_steps(citus.two_steps(compiled), parameters or {}))
    connection = TRANSACTION.get()
    if connection is None:
        return with_retries(lambda: run_autocommit(compiled, parameters or {}))
    watchdog.watch(driver_connection(connection))
    return execute(connection, compiled, parameters or {})


def run_autocommit(statement: Statement, parameters: Mapping[str, Any], bind: str = AUTOCOMMIT) -> list[Row]:
    """Execute a statement outside a transaction, once."""
    with pool_connection(bind) as connection:
        return execute(connection, statement, parameters)


def execute(connection: PoolProxiedConnection, statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
    """Execute a statement on a connection and return its rows."""
    with driver_connection(connection).cursor() as cursor:
        statement.execute(connection, cursor, parameters)
        return rows_as_dicts(cursor, cursor.fetchall())


def is_distributed() -> bool:
    """Return whether the tables are distributed by Citus. A process asks once."""
    extensions = current_app.extensions
    if IS_DISTRIBUTED not in extensions:
        extensions[IS_DISTRIBUTED] = bool(fetch_all(citus.HAS_CITUS) and fetch_all(citus.HAS_DISTRIBUTED_USERS))
    return bool(extensions[IS_DISTRIBUTED])


def run_two_steps(steps: TwoSteps, parameters: Mapping[str, Any]) -> list[Row]:
    """Run the first step, insert its new rows, and return its other columns. It is part of a transaction."""
    rows = fetch_all(steps.query, parameters)
    connection: Any = TRANSACTION.get()
    for table in steps.tables:
        new_rows = [row.pop(table.name) for row in rows]  # the same in each row
        if any(new_rows):
            with driver_connection(connection).cursor() as cursor:
                citus.insert_rows(cursor, table, new_rows[0])
    return rows


def stream(statement: Statement, parameters: Mapping[str, Any], bind: str | None = None) -> Iterator[Row]:
    """Execute one statement on a server-side cursor and yield its rows: one snapshot, with few rows in memory.

    The statement must not be a prepared one, for which PostgreSQL declares no cursor.
    """
    timeouts.set_deadline(timeouts.TRANSFER_TIMEOUT)
    with begin(bind) as connection, driver_connection(connection).cursor("stream") as cursor:
        statement.execute(connection, cursor, parameters)
        while rows := cursor.fetchmany(STREAM_BATCH):
            watchdog.watch(driver_connection(connection))
            yield from rows_as_dicts(cursor, rows)


def fetch_one(statement: Runnable, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """Execute one statement in one round trip and return its first row, if it has one."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None
