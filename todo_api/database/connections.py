"""The connection pools, and the context managers that check a connection out of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errorcodes
from sqlalchemy import Pool, event, make_url
from sqlalchemy.exc import DBAPIError

from todo_api.database import hosts, timeouts
from todo_api.database.timeouts import watchdog
from todo_api.extensions import db

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import PoolProxiedConnection

    from config import Config

AUTOCOMMIT = "autocommit"
"""The bind for single statements. Each is atomic by itself: without BEGIN, COMMIT and ROLLBACK it takes two round trips
fewer. Several statements, or a server-side cursor, need a transaction and so the default bind."""

REPLICA = "replica"
REPLICA_AUTOCOMMIT = "replica-autocommit"
"""The same two binds of the replica, if there is one."""

POOL_SIZE = 4
"""Connections per worker process and bind. The threads of a process share them: a statement takes about a millisecond,
a request longer."""

POOL_TIMEOUT = 3
"""Seconds that a request waits for a free connection. With the other timeouts this makes less than twelve seconds."""

RESPONSE_TIMEOUTS: dict[str | None, float] = dict.fromkeys((REPLICA, REPLICA_AUTOCOMMIT), 2.0)
"""Seconds for a list of a replica, or for the first rows of an export. Then the primary still has time to answer."""

CONNECT_ARGS = {
    "connect_timeout": 2,  # for each host of the URL; libpq's minimum
    "application_name": "todo_api",
    # An idle connection notices a lost network within about ten seconds.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 6000,
}
SESSION_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "10s",
    "TimeZone": "UTC",
}
"""PostgreSQL's own timeouts, and the time zone. timeouts.py covers a server that does not respond at all."""

PLAN_CACHE_MODE = {"plan_cache_mode": "force_generic_plan"}
"""A prepared statement is planned once. Else PostgreSQL would plan a list for each user where the users have very
different numbers of tasks. Connections through a pooler prepare no statements and do without."""
SESSION_OPTIONS = " ".join(f"-c {name}={value}" for name, value in (SESSION_SETTINGS | PLAN_CACHE_MODE).items())

REPLACEABLE = {
    errorcodes.FEATURE_NOT_SUPPORTED,
    errorcodes.INVALID_SQL_STATEMENT_NAME,
    errorcodes.READ_ONLY_SQL_TRANSACTION,
}
"""The codes with which PostgreSQL has executed nothing and a new connection may help: a plan whose result type has
changed, as after a migration (0A000), an unknown plan (26000), a server that accepts no writes (25006)."""


def engine_config(config: Config) -> dict[str, Any]:
    """Return the configuration of Flask-SQLAlchemy: two binds of the database, and two of its replica."""
    binds = {AUTOCOMMIT: autocommit_options(config.database_url)}
    if config.database_replica_url:
        binds[REPLICA] = engine_options(config.database_replica_url)
        binds[REPLICA_AUTOCOMMIT] = autocommit_options(config.database_replica_url)
    return {"SQLALCHEMY_ENGINE_OPTIONS": engine_options(config.database_url), "SQLALCHEMY_BINDS": binds}


def engine_options(url: str) -> dict[str, Any]:
    """Return the options of an engine for transactions."""
    query = make_url(url).query
    return {
        "url": url,
        "hide_parameters": True,
        "pool_size": POOL_SIZE,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT,
        "pool_recycle": 300,
        # After a stale plan the retry gets the new connection. First in, first out, it would get another stale one.
        "pool_use_lifo": True,
        # Of two values for an option the last one counts, so the URL overrides these.
        "connect_args": {**CONNECT_ARGS, **query, "options": f"{SESSION_OPTIONS} {query.get('options', '')}"},
    }


def autocommit_options(url: str) -> dict[str, Any]:
    """Return the options of an engine for single statements."""
    return {
        "isolation_level": "AUTOCOMMIT",
        "skip_autocommit_rollback": True,
        "pool_reset_on_return": None,
        **engine_options(url),
    }


@event.listens_for(Pool, "connect")
def watch_new_connection(connection: Any, _record: Any) -> None:
    """Watch a new connection before its checkout, because SQLAlchemy runs statements on a pool's first connection."""
    watchdog.watch(connection)


@contextmanager
def pool_connection(bind: str | None) -> Iterator[PoolProxiedConnection]:
    """Yield a connection of the bind's pool.

    A connection that the server has closed in the meantime, or whose host has since been lost, is replaced.
    """
    connection = checkout(bind)
    while timeouts.is_closed_by_server(driver_connection(connection)) or hosts.is_avoided(connection):
        connection.invalidate()
        connection = checkout(bind)
    watched = driver_connection(connection)
    watchdog.watch(watched, RESPONSE_TIMEOUTS.get(bind, timeouts.RESPONSE_TIMEOUT))
    try:
        yield connection
    except psycopg2.Error as error:
        # Before the connection is closed: another one may get its file descriptor at once.
        watchdog.unwatch(watched)
        if watched.closed or error.pgcode in REPLACEABLE:
            hosts.avoid_host_of(connection)
            connection.invalidate(error)
        raise
    finally:
        watchdog.unwatch(watched)
        connection.close()


def checkout(bind: str | None) -> PoolProxiedConnection:
    """Return a connection of the bind's pool.

    Raises:
        psycopg2.Error: also where SQLAlchemy has wrapped it, as for its statements on a pool's first connection.

    """
    try:
        return db.engines[bind].pool.connect()
    except DBAPIError as error:
        raise error.orig or error from None


def driver_connection(connection: PoolProxiedConnection) -> Any:
    """Return psycopg2's connection."""
    return connection.dbapi_connection


@contextmanager
def begin(bind: str | None = None) -> Iterator[PoolProxiedConnection]:
    """Yield a connection of the bind in a transaction, which ends with the block: a commit, or a rollback if it raises.

    The driver sends BEGIN with the first statement.
    """
    with pool_connection(bind) as connection:
        try:
            yield connection
            connection.commit()
        except BaseException:
            if not driver_connection(connection).closed:
                connection.rollback()
            raise
