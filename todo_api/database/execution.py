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
from todo_api.database.connections import AUTOCOMMIT, OUTDATED, begun, connected, driver
from todo_api.database.statements import Statement, rows_of
from todo_api.database.timeouts import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import PoolProxiedConnection

    from todo_api.database.statements import Row

Result = TypeVar("Result")
Runnable: TypeAlias = Statement | ClauseElement
"""A statement that is compiled, or one that is run so seldom that it is written and compiled each time."""

STREAMED = 250
"""Rows of a stream that are in memory at a time, of up to 40 KB each."""

ROLLED_BACK = {"40001", "40P01"}
"""What PostgreSQL undoes for the sake of another transaction: a serialization failure, a deadlock."""
PAUSES = (0.05, 0.1, 0.2)
"""Seconds before each repetition, at most: of two that met, one is to come later."""

IN_TRANSACTION: ContextVar[PoolProxiedConnection | None] = ContextVar("IN_TRANSACTION", default=None)
"""The connection whose transaction this thread's statements belong to."""


def repeated(attempt: Callable[[], Result]) -> Result:
    """Do what can be done again once more, up to three times, where PostgreSQL has not done it.

    That is a single statement or a whole transaction, which happen wholly or not at all. What reads only is also done
    again where the connection was lost; of what writes nobody knows then whether it was done.
    """
    for pause in PAUSES:
        try:
            return attempt()
        except psycopg2.Error as error:
            undone = error.pgcode in ROLLED_BACK | OUTDATED
            again = undone or (is_lost(error) and only_reads())
            if not (again and timeouts.is_left()):
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311 - it is no secret
    return attempt()


def is_lost(error: psycopg2.Error) -> bool:
    """Tell whether a statement failed because its connection ended."""
    return error.cursor is not None and bool(error.cursor.connection.closed)


def only_reads() -> bool:
    """Tell whether this request is safe (RFC 9110 section 9.2.1), so that its statements may be sent again."""
    return has_request_context() and request.method in {"GET", "HEAD"}


def transaction(work: Callable[[], Result]) -> Result:
    """Let the statements of some work happen together or not at all, and return what it returns.

    They are committed when it returns, and rolled back when it raises. It is done anew where PostgreSQL has undone it,
    so that it keeps nothing of an attempt. Inside another transaction it is a part of that.
    """
    return work() if IN_TRANSACTION.get() else repeated(lambda: together(work))


def together(work: Callable[[], Result]) -> Result:
    """Do the work in a transaction, once."""
    with begun() as connection:
        token = IN_TRANSACTION.set(connection)
        try:
            return work()
        finally:
            IN_TRANSACTION.reset(token)


def fetch_all(statement: Runnable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement in one round trip and return its rows, each by column name."""
    compiled = statement if isinstance(statement, Statement) else Statement(statement, prepared=False)
    connection = IN_TRANSACTION.get()
    if connection is None:
        return repeated(lambda: alone(compiled, parameters or {}))
    watch.over(driver(connection))
    return run(connection, compiled, parameters or {})


def alone(statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
    """Run a statement that stands alone, once."""
    with connected(AUTOCOMMIT) as connection:
        return run(connection, statement, parameters)


def run(connection: PoolProxiedConnection, statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
    """Run a statement on a connection."""
    with driver(connection).cursor() as cursor:
        statement.execute(connection, cursor, parameters)
        return rows_of(cursor, cursor.fetchall())


def stream(statement: Statement, parameters: Mapping[str, Any]) -> Iterator[Row]:
    """Run one statement on a cursor of the server and yield its rows: one snapshot, few of them in memory at a time."""
    timeouts.allow(timeouts.LONG)
    # A cursor lives in a transaction, and is of no statement that is prepared.
    with begun() as connection, driver(connection).cursor("stream") as cursor:
        statement.execute(connection, cursor, parameters)
        while rows := cursor.fetchmany(STREAMED):
            watch.over(driver(connection))
            yield from rows_of(cursor, rows)


def fetch_one(statement: Runnable, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """Run one statement in one round trip and return its row, or None where it gave none."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None
