"""`flask doctor`: whether the service has what it needs, one line for each thing, with the way to mend what is wrong.

A configuration with faults is told before any command begins.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import click
import psycopg2
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from todo_api.clock import now
from todo_api.database.execution import fetch_all
from todo_api.extensions import db
from todo_api.http.error_handlers import database_message
from todo_api.mail.transport import MailError, check_transport
from todo_api.operations.cli import one_line
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from config import Config

POSTGRESQL_MIN = 15
DRIFT_MAX = timedelta(seconds=5)
"""By how much our clock may differ from PostgreSQL's: ours dates tokens, PostgreSQL's the sessions that they are of."""


class Finding(NamedTuple):
    """What was found about a thing, and how to mend it."""

    state: str
    name: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the line."""
        remedy = f" - {self.remedy}" if self.remedy else ""
        return one_line(f"{self.state:<4} {self.name}: {self.text}{remedy}")


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Look whether the service has what it needs.

    One line each about configuration, database, migrations, clock and mail. It begins with ok, with warn for what is
    well in development only, or with fail; what is not ok says how to mend it. The exit code is 1 if anything fails.
    """
    failed = False
    for finding in findings(settings()):
        click.echo(str(finding))
        failed = failed or finding.state == "fail"
    raise SystemExit(1 if failed else 0)


def findings(config: Config) -> Iterator[Finding]:
    """Yield what is found; without a database, nothing of what is asked there."""
    yield from check_configuration(config)
    try:
        version, theirs, current = database_state()
    except (psycopg2.Error, DBAPIError) as error:
        # Alembic asks by SQLAlchemy, which wraps the driver's failures.
        words = database_message(getattr(error, "orig", error)).partition("\n")[0]
        yield Finding("fail", "database", words, "start PostgreSQL, or mend DATABASE_URL")
    else:
        yield check_database(version)
        yield check_migrations(current, migration_heads())
        yield check_clock(now() - theirs)
    yield check_mail(config.mail_url)


def check_configuration(config: Config) -> Iterator[Finding]:
    """Yield what is well in development only; that the settings can be read is known by now."""
    hints = list(production_hints(config))
    if config.environment == "development":
        hints = [("ENVIRONMENT is development", "set ENVIRONMENT=production where others use the service")]
    for text, remedy in hints:
        yield Finding("warn", "configuration", text, remedy)
    if not hints:
        yield Finding("ok", "configuration", f"all settings are sound; ENVIRONMENT is {config.environment}")


def production_hints(config: Config) -> Iterator[tuple[str, str]]:
    """Yield what others than its developers should not be served with, and the way to mend it."""
    if not config.public_url.startswith("https://"):
        yield f"clients reach the service at {config.public_url}", "set BETTER_AUTH_URL to its https address"
    elif not config.trusted_proxies:  # TLS ends at a proxy, gunicorn.conf.py has none
        yield "all clients of the proxy count as one address", "set TRUSTED_PROXIES to the number of proxies in front"
    local = [origin for origin in config.cors_origins if not origin.startswith("https://")]
    if local:
        yield f"pages of {', '.join(local)} may call the service", "set CORS_ORIGINS to the https origins of front ends"


def database_state() -> tuple[int, datetime, set[str]]:
    """Return the database's version, its time, and the revisions that it is at."""
    version = func.current_setting("server_version_num").label("version")
    (row,) = fetch_all(select(version, func.clock_timestamp().label("now")))
    with db.engine.connect() as connection:
        current = set(MigrationContext.configure(connection).get_current_heads())
    return int(row["version"]), row["now"], current


def migration_heads() -> set[str]:
    """Return the revisions that this release is written for."""
    migrate = current_app.extensions["migrate"].migrate
    return set(ScriptDirectory.from_config(migrate.get_config()).get_heads())


def check_database(version: int) -> Finding:
    """Judge the version, as PostgreSQL counts: 150003 is 15.3."""
    major, minor = divmod(version, 10_000)
    text = f"PostgreSQL {major}.{minor} answers"
    if major < POSTGRESQL_MIN:
        return Finding("fail", "database", text, f"the service needs PostgreSQL {POSTGRESQL_MIN} or later")
    return Finding("ok", "database", text)


def check_migrations(current: set[str], needed: set[str]) -> Finding:
    """Judge where the database is."""
    at = ", ".join(sorted(current)) or "nothing"
    if current == needed:
        return Finding("ok", "migrations", f"the database is at {at}")
    text = f"the database is at {at}, this release needs {', '.join(sorted(needed))}"
    return Finding("fail", "migrations", text, "run flask db upgrade, or the release that the database is of")


def check_clock(ahead: timedelta) -> Finding:
    """Judge by how much our clock is before PostgreSQL's."""
    text = f"{abs(ahead).total_seconds():.1f} s {'behind' if ahead < timedelta() else 'ahead of'} the database's"
    if abs(ahead) > DRIFT_MAX:
        return Finding("fail", "clock", text, "let NTP set the clocks of both machines")
    return Finding("ok", "clock", text)


def check_mail(url: str | None) -> Finding:
    """Judge whether mails could leave; none is sent."""
    if url is None:
        return Finding("warn", "mail", "MAIL_URL is not set: nobody can reset a password", "set MAIL_URL")
    try:
        check_transport(url)
    except MailError as error:
        return Finding("fail", "mail", str(error), "start the mail server, or mend MAIL_URL")
    return Finding("ok", "mail", "the file can be written" if url.startswith("file:") else "the server answers")
