"""PostgreSQL: how it is reached, and how a statement is run."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

from todo_api.extensions import db

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Executable, RowMapping

    from config import Config

AUTOCOMMIT = "autocommit"
"""The bind of single statements. Each is atomic by itself, so that it needs no BEGIN, no COMMIT and no ROLLBACK: two
round trips fewer. What spans statements, or reads by a cursor, uses the default bind, whose connections do
transactions; under AUTOCOMMIT a `begin()` would be none."""

CONNECTIONS = 4
"""Connections of one worker process for single statements, and as many for transactions. Its threads share them: a
statement takes a millisecond, a request some more."""

CONNECT_ARGS = {"connect_timeout": 3, "application_name": "todo_api"}
BOUNDS = "-c statement_timeout=5s -c lock_timeout=3s -c idle_in_transaction_session_timeout=10s -c timezone=UTC"
"""PostgreSQL answers within them or the request fails: nobody waits for ever."""


def options(config: Config) -> dict[str, Any]:
    """Return what Flask-SQLAlchemy is to know: one database, two binds."""
    asked = make_url(config.database_url).query
    pool = {
        "hide_parameters": True,
        "pool_size": CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": 5,
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

IN_TRANSACTION: ContextVar[Connection | None] = ContextVar("IN_TRANSACTION", default=None)
"""The connection whose transaction this thread's statements belong to."""


@contextmanager
def transaction() -> Iterator[None]:
    """Let the statements of a block happen together or not at all: leaving it commits, raising rolls back.

    A transaction inside another is part of it.
    """
    if IN_TRANSACTION.get():
        yield
        return
    with db.engine.begin() as connection:
        token = IN_TRANSACTION.set(connection)
        try:
            yield
        finally:
            IN_TRANSACTION.reset(token)


@contextmanager
def connected() -> Iterator[Connection]:
    """Yield the connection of the transaction that this thread is in, else one on which each statement stands alone."""
    connection = IN_TRANSACTION.get()
    if connection:
        yield connection
        return
    with db.engines[AUTOCOMMIT].connect() as single:
        yield single


def fetch_all(statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[RowMapping]:
    """Run one statement in one round trip and return its rows, each by column name."""
    with connected() as connection:
        return list(connection.execute(statement, parameters).mappings())


def stream(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Iterator[RowMapping]:
    """Run one statement on a cursor of the server and yield its rows: one snapshot, few of them in memory at a time."""
    # A cursor lives in a transaction.
    with db.engine.connect().execution_options(yield_per=STREAMED) as connection:
        yield from connection.execute(statement, parameters).mappings()


def fetch_one(statement: Executable, parameters: Mapping[str, Any] | None = None) -> RowMapping | None:
    """Run one statement in one round trip and return its row, or None where it gave none."""
    rows = fetch_all(statement, parameters)
    return rows[0] if rows else None
