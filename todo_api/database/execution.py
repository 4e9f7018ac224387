"""How a statement is run: alone, with others in a transaction, or as a stream of rows."""

from __future__ import annotations

import random
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import psycopg2
from flask import has_request_context, request
from sqlalchemy import ClauseElement

from todo_api.database import timeouts
from todo_api.database.connections import AUTOCOMMIT, STALE_PLAN, begin, driver_connection, pool_connection
from todo_api.database.statements import Statement, rows_of
from todo_api.database.timeouts import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import PoolProxiedConnection

    from todo_api.database.statements import Row

Result = TypeVar("Result")
Runnable: TypeAlias = Statement | ClauseElement
"""A statement that is compiled, or one that is run so seldom that it is written and compiled each time."""

STREAM_BATCH = 250
"""Rows of a stream that are in memory at a time, of up to 40 KB each."""

RETRYABLE = {"40001", "40P01"}
"""What PostgreSQL undoes for the sake of another transaction: a serialization failure, a deadlock."""
BACKOFF = (0.05, 0.1, 0.2)
"""Seconds before each repetition, at most: of two that met, one is to come later."""

TRANSACTION: ContextVar[PoolProxiedConnection | None] = ContextVar("IN_TRANSACTION", default=None)
"""The connection whose transaction this thread's statements belong to."""


def with_retries(attempt: Callable[[], Result]) -> Result:
    """Do what can be done again once more, up to three times, where PostgreSQL has not done it.

    That is a single statement or a whole transaction, which happen wholly or not at all. What reads only is also done
    again where the connection was lost; of what writes nobody knows then whether it was done.
    """
    for pause in BACKOFF:
        try:
            return attempt()
        except psycopg2.Error as error:
            undone = error.pgcode in RETRYABLE | STALE_PLAN
            again = undone or (is_connection_lost(error) and is_safe_request())
            if not (again and timeouts.time_remains()):
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311 - it is no secret
    return attempt()


def is_connection_lost(error: psycopg2.Error) -> bool:
    """Tell whether a statement failed because its connection ended."""
    return error.cursor is not None and bool(error.cursor.connection.closed)


def is_safe_request() -> bool:
    """Tell whether this request is safe (RFC 9110 section 9.2.1), so that its statements may be sent again."""
    return has_request_context() and request.method in {"GET", "HEAD"}


def transaction(work: Callable[[], Result]) -> Result:
    """Let the statements of some work happen together or not at all, and return what it returns.

    They are committed when it returns, and rolled back when it raises. It is done anew where PostgreSQL has undone it,
    so that it keeps nothing of an attempt. Inside another transaction it is a part of that.
    """
    return work() if TRANSACTION.get() else with_retries(lambda: run_in_transaction(work))


def run_in_transaction(work: Callable[[], Result]) -> Result:
    """Do the work in a transaction, once."""
    with begin() as connection:
        token = TRANSACTION.set(connection)
        try:
            return work()
        finally:
            TRANSACTION.reset(token)


def fetch_all(statement: Runnable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement in one round trip and return its rows, each by column name."""
    compiled = statement if isinstance(statement, Statement) else Statement(statement, prepared=False)
    connection = TRANSACTION.get()
    if connection is None:
        return with_retries(lambda: run_autocommit(compiled, parameters or {}))
    watchdog.watch(driver_connection(connection))
    return run(connection, compiled, parameters or {})


def run_autocommit(statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
    """Run a statement that stands alone, once."""
    with pool_connection(AUTOCOMMIT) as connection:
        return run(connection, statement, parameters)


def run(connection: PoolProxiedConnection, statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
    """Run a statement on a connection."""
    with driver_connection(connection).cursor() as cursor:
        statement.execute(connection, cursor, parameters)
        return rows_of(cursor, cursor.fetchall())


def stream(statement: Statement, parameters: Mapping[str, Any]) -> Iterator[Row]:
    """Run one statement on a cursor of the server and yield its rows: one snapshot, few of them in memory at a time."""
    timeouts.set_deadline(timeouts.TRANSFER_TIMEOUT)
    # A cursor lives in a transaction, and is of no statement that is prepared.
    with begin() as connection, driver_connection(connection).cursor("stream") as cursor:
        statement.execute(connection, cursor, parameters)
        while rows := cursor.fetchmany(STREAM_BATCH):
            watchdog.watch(driver_connection(connection))
            yield from rows_of(cursor, rows)


def fetch_one(statement: Runnable, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """Run one statement in one round trip and return its row, or None where it gave none."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None
