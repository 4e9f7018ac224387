"""The connections to PostgreSQL: how they are made, and how one is lent for some statements."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
from sqlalchemy import Pool, event, make_url
from sqlalchemy.exc import DBAPIError

from todo_api.database import timeouts
from todo_api.database.timeouts import watchdog
from todo_api.extensions import db

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import PoolProxiedConnection

    from config import Config

AUTOCOMMIT = "autocommit"
"""The bind of single statements. Each is atomic by itself, so that it needs no BEGIN, no COMMIT and no ROLLBACK: two
round trips fewer. What spans statements, or reads by a cursor, uses the default bind, whose connections do
transactions; under AUTOCOMMIT a `begin()` would be none."""

POOL_SIZE = 4
"""Connections of one worker process for single statements, and as many for transactions. Its threads share them: a
statement takes a millisecond, a request some more."""

POOL_TIMEOUT = 3
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
SESSION_OPTIONS = (
    "-c statement_timeout=5s -c lock_timeout=3s -c idle_in_transaction_session_timeout=10s -c timezone=UTC"
)
"""PostgreSQL answers within them or the request fails: nobody waits for ever. The silence of a server that is
frozen or cut off is ended by timeouts.py."""


def engine_config(config: Config) -> dict[str, Any]:
    """Return what Flask-SQLAlchemy is to know: one database, two binds."""
    asked = make_url(config.database_url).query
    pool = {
        "hide_parameters": True,
        "pool_size": POOL_SIZE,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT,
        "pool_recycle": 300,
        # The one that was used last: after an outdated plan it is the new one, where the first in line would be
        # another with the same plan, up to the last repetition.
        "pool_use_lifo": True,
        # What the URL asks for comes after, and so before, what we ask for.
        "connect_args": {**CONNECT_ARGS, **asked, "options": f"{SESSION_OPTIONS} {asked.get('options', '')}"},
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


STALE_PLAN = {"0A000", "26000"}
"""PostgreSQL's codes for a plan whose result is another since, as by a migration, and for one that it does not have."""


@event.listens_for(Pool, "connect")
def watch_new_connection(connection: Any, _record: Any) -> None:
    """Watch a connection before anybody has it: SQLAlchemy asks a first one for this and that."""
    watchdog.watch(connection)


@contextmanager
def pool_connection(bind: str | None) -> Iterator[PoolProxiedConnection]:
    """Yield a connection of a pool, and a new one in the place of one whose server has hung up in the meantime."""
    connection = checkout(bind)
    while timeouts.is_closed_by_server(driver_connection(connection)):
        connection.invalidate()
        connection = checkout(bind)
    watched = driver_connection(connection)
    watchdog.watch(watched)
    try:
        yield connection
    except psycopg2.Error as error:
        watchdog.unwatch(watched)  # before it is closed: the number of its socket may be another's at once
        if watched.closed or error.pgcode in STALE_PLAN:
            connection.invalidate(error)
        raise
    finally:
        watchdog.unwatch(watched)
        connection.close()


def checkout(bind: str | None) -> PoolProxiedConnection:
    """Return a connection of a pool. What SQLAlchemy asks a first one for fails as our own statements do."""
    try:
        return db.engines[bind].pool.connect()
    except DBAPIError as error:
        raise error.orig or error from None


def driver_connection(connection: PoolProxiedConnection) -> Any:
    """Return the driver's own connection."""
    return connection.dbapi_connection


@contextmanager
def begin() -> Iterator[PoolProxiedConnection]:
    """Yield a connection in a transaction: committed at the end of the block, rolled back where that fails.

    The driver begins it with the first statement.
    """
    with pool_connection(None) as connection:
        try:
            yield connection
            connection.commit()
        except BaseException:
            if not driver_connection(connection).closed:
                connection.rollback()
            raise
