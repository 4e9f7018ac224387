"""The checks of `flask doctor` that use the database and its replica."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg2
from flask import current_app
from sqlalchemy import func, literal_column, select

from todo_api.database import replica
from todo_api.database.connections import AUTOCOMMIT, SESSION_SETTINGS, driver_connection, pool_connection
from todo_api.database.execution import fetch_all
from todo_api.database.statements import Statement
from todo_api.extensions import db
from todo_api.http.error_handlers import database_message
from todo_api.operations.finding import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.exc import DBAPIError

    from todo_api.database.statements import Row

POSTGRESQL_MIN = 15
DRIFT_MAX = timedelta(seconds=5)
"""How far this machine's clock, which dates tokens, may differ from PostgreSQL's, which dates their sessions."""


def first_line(error: psycopg2.Error | DBAPIError) -> str:
    """Return the first line of the driver's message. SQLAlchemy, through which Alembic runs its queries, wraps it."""
    return database_message(getattr(error, "orig", error)).partition("\n")[0]


def database_state() -> tuple[int, datetime, set[str]]:
    """Return PostgreSQL's version number and time, and the migration revisions of the database."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    version = func.current_setting("server_version_num").label("version")
    (row,) = fetch_all(select(version, func.clock_timestamp().label("now")))
    with db.engine.connect() as connection:
        revisions = set(MigrationContext.configure(connection).get_current_heads())
    return int(row["version"]), row["now"], revisions


def session_settings() -> Row:
    """Return the name of the database, and the settings of a session that the service requires."""
    settings = [func.current_setting(name).label(name) for name in SESSION_SETTINGS]
    (row,) = fetch_all(select(func.current_database().label("database"), *settings))
    return row


def is_pooled() -> bool:
    """Return whether a pooler such as PgBouncer is between the service and PostgreSQL."""
    with pool_connection(AUTOCOMMIT) as connection, driver_connection(connection).cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return bool(cursor.fetchone() != (cursor.connection.info.backend_pid,))


def migration_heads() -> set[str]:
    """Return the migration revisions that this release requires."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    migrate = current_app.extensions["migrate"].migrate
    return set(ScriptDirectory.from_config(migrate.get_config()).get_heads())


def check_database(version: int) -> Finding:
    """Check PostgreSQL's version number, such as 150003 for 15.3."""
    major, minor = divmod(version, 10_000)
    text = f"PostgreSQL {major}.{minor} responds"
    if major < POSTGRESQL_MIN:
        return Finding("fail", "database", text, f"upgrade to PostgreSQL {POSTGRESQL_MIN} or later")
    return Finding("ok", "database", text)


def check_session(current: Row, *, is_pooled: bool) -> Finding:
    """Check the settings of a session. The service sets them at the start of a connection, but a pooler drops them."""
    way = "through a pooler" if is_pooled else "without a pooler"
    wrong = {name: value for name, value in SESSION_SETTINGS.items() if current[name] != value}
    if not wrong:
        return Finding("ok", "session", f"{way}, with the timeouts and the time zone of the service")
    text = ", ".join(f"{name} is {current[name]} and not {value}" for name, value in wrong.items())
    if not is_pooled:
        return Finding("warn", "session", f"{way}, {text}", "leave them out of the options of DATABASE_URL")
    database = current["database"].replace('"', '""')
    statements = [f"ALTER DATABASE \"{database}\" SET {name} = '{value}';" for name, value in wrong.items()]
    return Finding("fail", "session", f"{way}, {text}", f"run {' '.join(statements)} and RECONNECT the pooler")


def check_replica() -> Finding:
    """Check that the replica responds, and that it is a standby of the database."""
    columns = [literal_column("system_identifier"), func.pg_is_in_recovery().label("is_standby")]
    state = Statement(select(*columns).select_from(func.pg_control_system()), prepared=False)
    (primary,) = fetch_all(state)
    try:
        (standby,) = replica.fetch_all(state, {})
    except psycopg2.Error as error:
        text = f"{first_line(error)}, so the database answers all requests"
        return Finding("warn", "replica", text, "start the replica, or fix DATABASE_REPLICA_URL")
    if standby["is_standby"] and standby["system_identifier"] == primary["system_identifier"]:
        return Finding("ok", "replica", "a standby of the database responds")
    return Finding("fail", "replica", "it is not a standby of the database", "fix DATABASE_REPLICA_URL")


def check_migrations(current: set[str], required: set[str]) -> Finding:
    """Check that the database has the revisions that this release requires."""
    revision = ", ".join(sorted(current)) or "none"
    if current == required:
        return Finding("ok", "migrations", f"the database is at revision {revision}")
    text = f"the database is at revision {revision}, this release requires {', '.join(sorted(required))}"
    return Finding("fail", "migrations", text, "run flask db upgrade, or install the release of that revision")


def check_clock(drift: timedelta) -> Finding:
    """Check how far this machine's clock is ahead of PostgreSQL's."""
    direction = "behind" if drift < timedelta() else "ahead of"
    text = f"{abs(drift).total_seconds():.1f} s {direction} the database"
    if abs(drift) > DRIFT_MAX:
        return Finding("fail", "clock", text, "synchronize the clocks of both machines with NTP")
    return Finding("ok", "clock", text)
