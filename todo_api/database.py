"""PostgreSQL: how it is reached, and how a statement is run."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flask import has_request_context, request
from sqlalchemy import Pool, event, make_url
from sqlalchemy.exc import DBAPIError

from todo_api import patience
from todo_api.extensions import db
from todo_api.patience import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection, CursorResult, Executable

    from config import Config

Result = TypeVar("Result")
Row: TypeAlias = "dict[str, Any]"
"""A row by column name. A plain dictionary: what writes a list looks up a dozen names in each row of it."""

AUTOCOMMIT = "autocommit"
"""The bind of single statements. Each is atomic by itself, so that it needs no BEGIN, no COMMIT and no ROLLBACK: two
round trips fewer. What spans statements, or reads by a cursor, uses the default bind, whose connections do
transactions; under AUTOCOMMIT a `begin()` would be none."""

CONNECTIONS = 4
"""Connections of one worker process for single statements, and as many for transactions. Its threads share them: a
statement takes a millisecond, a request some more."""

POOL = 3
"""Seconds that a request waits for a connection to be free. With those that it has for its statements, and a look at
the clock, nobody waits longer than twelve (docs/decisions/0018)."""

CONNECT_ARGS = {
    "connect_timeout": 3,
    "application_name": "todo_api",
    # A connection that nobody uses finds out by itself that its network is gone, in some ten seconds.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 6000,
}
BOUNDS = "-c statement_timeout=5s -c lock_timeout=3s -c idle_in_transaction_session_timeout=10s -c timezone=UTC"
"""PostgreSQL answers within them or the request fails: nobody waits for ever. The silence of a server that is
frozen or cut off is ended by patience.py."""


def options(config: Config) -> dict[str, Any]:
    """Return what Flask-SQLAlchemy is to know: one database, two binds."""
    asked = make_url(config.database_url).query
    pool = {
        "hide_parameters": True,
        "pool_size": CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": POOL,
        "pool_recycle": 300,
        # What the URL asks for comes after, and so before, what we ask for.
        "connect_args": {**CONNECT_ARGS, **asked, "options": f"{BOUNDS} {asked.get('options', '')}"},
    }
    single = {
        "url": config.database_url,
        "isolation_level": "AUTOCOMMIT",
        "skip_autocommit_rollback": True,
        "pool_reset_on_return": None,
        **pool,
    }
    return {
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": pool,
        "SQLALCHEMY_BINDS": {AUTOCOMMIT: single},
    }


STREAMED = 250
"""Rows of a stream that are in memory at a time, of up to 40 KB each."""

ROLLED_BACK = {"40001", "40P01"}
"""What PostgreSQL undoes for the sake of another transaction: a serialization failure, a deadlock."""

PAUSES = (0.05, 0.1, 0.2)
"""Seconds before each repetition, at most: of two that met, one is to come later."""

IN_TRANSACTION: ContextVar[Connection | None] = ContextVar("IN_TRANSACTION", default=None)
"""The connection whose transaction this thread's statements belong to."""


@event.listens_for(Pool, "connect")
def watch_from_the_first(connection: Any, _record: Any) -> None:
    """Watch a connection before anybody has it: SQLAlchemy asks a first one for this and that."""
    watch.over(connection)


@contextmanager
def connected(bind: str | None) -> Iterator[Connection]:
    """Yield a connection of a pool, and a new one in the place of one whose server has hung up in the meantime."""
    with db.engines[bind].connect() as connection:
        if patience.has_hung_up(driver(connection)):
            connection.invalidate()
        watched = driver(connection)
        watch.over(watched)
        try:
            yield connection
        finally:
            watch.no_more(watched)


def driver(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.dbapi_connection


def repeated(attempt: Callable[[], Result]) -> Result:
    """Do what can be done again once more, up to three times, where PostgreSQL has undone it.

    That is a single statement or a whole transaction, which happen wholly or not at all. What reads only is also done
    again where the connection was lost; of what writes nobody knows then whether it was done.
    """
    for pause in PAUSES:
        try:
            return attempt()
        except DBAPIError as error:
            undone = getattr(error.orig, "pgcode", None) in ROLLED_BACK
            again = undone or (error.connection_invalidated and only_reads())
            if not (again and patience.is_left()):
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311 - it is no secret
    return attempt()


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
    with connected(None) as connection, connection.begin():
        token = IN_TRANSACTION.set(connection)
        try:
            return work()
        finally:
            IN_TRANSACTION.reset(token)


def fetch_all(statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement in one round trip and return its rows, each by column name."""
    connection = IN_TRANSACTION.get()
    if connection is None:
        return repeated(lambda: alone(statement, parameters))
    watch.over(driver(connection))
    return rows_of(connection.execute(statement, parameters))


def alone(statement: Executable, parameters: Mapping[str, Any] | None) -> list[Row]:
    """Run a statement that stands alone, once."""
    with connected(AUTOCOMMIT) as connection:
        return rows_of(connection.execute(statement, parameters))


def rows_of(result: CursorResult[Any]) -> list[Row]:
    """Return all rows of a result."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result.all()]


def stream(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Iterator[Row]:
    """Run one statement on a cursor of the server and yield its rows: one snapshot, few of them in memory at a time."""
    patience.allow(patience.LONG)
    # A cursor lives in a transaction.
    with connected(None) as connection, connection.begin():
        connection.execution_options(yield_per=STREAMED)
        result = connection.execute(statement, parameters)
        names = tuple(result.keys())
        for rows in result.partitions():
            watch.over(driver(connection))
            yield from (dict(zip(names, row, strict=True)) for row in rows)


def fetch_one(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """Run one statement in one round trip and return its row, or None where it gave none."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None
