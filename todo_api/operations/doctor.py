"""`flask doctor`: checks that the service can run. Each finding is one line, with a fix for what is wrong.

Invalid settings are reported before any command starts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import click
import psycopg2
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
"""How far this machine's clock, which dates tokens, may differ from PostgreSQL's, which dates their sessions."""


class Finding(NamedTuple):
    """The result of a check: ok, warn or fail, and how to fix a problem."""

    state: str
    name: str
    text: str
    fix: str = ""

    def __str__(self) -> str:
        """Return the line."""
        fix = f" - {self.fix}" if self.fix else ""
        return one_line(f"{self.state:<4} {self.name}: {self.text}{fix}")


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Check that the service can run.

    Checks the configuration, database, migrations, clock and mail, with one line each. A line starts with ok, with warn
    for what is acceptable in development only, or with fail. A line that is not ok ends with the fix. The exit code is
    1 if a check fails.
    """
    failed = False
    for finding in findings(settings()):
        click.echo(str(finding))
        failed = failed or finding.state == "fail"
    raise SystemExit(1 if failed else 0)


def findings(config: Config) -> Iterator[Finding]:
    """Yield the findings. Checks that require the database are left out if it cannot be used."""
    yield from check_configuration(config)
    try:
        version, database_time, revisions = database_state()
    except (psycopg2.Error, DBAPIError) as error:
        # Alembic runs its queries through SQLAlchemy, which wraps the driver's errors.
        message = database_message(getattr(error, "orig", error)).partition("\n")[0]
        yield Finding("fail", "database", message, "start PostgreSQL, or fix DATABASE_URL")
    else:
        yield check_database(version)
        yield check_migrations(revisions, migration_heads())
        yield check_clock(now() - database_time)
    yield check_mail(config.mail_url, required=config.require_email_verification)


def check_configuration(config: Config) -> Iterator[Finding]:
    """Check that the settings fit production. They are valid, or the command would not have started."""
    warnings = list(production_warnings(config))
    if config.environment == "development":
        warnings = [("ENVIRONMENT is development", "set ENVIRONMENT=production if others use the service")]
    for text, fix in warnings:
        yield Finding("warn", "configuration", text, fix)
    if not warnings:
        yield Finding("ok", "configuration", f"all settings are valid; ENVIRONMENT is {config.environment}")


def production_warnings(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the settings that are acceptable in development only, each with its fix."""
    if not config.public_url.startswith("https://"):
        yield f"the public URL {config.public_url} is not https", "set BETTER_AUTH_URL to the service's https URL"
    elif not config.trusted_proxies:  # https needs a proxy: gunicorn.conf.py configures no TLS
        yield (
            "all clients behind the proxy count as one address",
            "set TRUSTED_PROXIES to the number of proxies in front of the service",
        )
    origins = [origin for origin in config.cors_origins if not origin.startswith("https://")]
    if origins:
        yield f"CORS allows origins without https: {', '.join(origins)}", "set CORS_ORIGINS to https origins only"


def database_state() -> tuple[int, datetime, set[str]]:
    """Return PostgreSQL's version number and time, and the migration revisions of the database."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    version = func.current_setting("server_version_num").label("version")
    (row,) = fetch_all(select(version, func.clock_timestamp().label("now")))
    with db.engine.connect() as connection:
        revisions = set(MigrationContext.configure(connection).get_current_heads())
    return int(row["version"]), row["now"], revisions


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


def check_mail(url: str | None, *, required: bool) -> Finding:
    """Check the mail transport without sending a mail. Required: without mails nobody can verify an e-mail address."""
    if url is None and required:
        text = "MAIL_URL is not set, so nobody can verify an e-mail address and sign in"
        return Finding("fail", "mail", text, "set MAIL_URL, or REQUIRE_EMAIL_VERIFICATION=false")
    if url is None:
        return Finding("warn", "mail", "MAIL_URL is not set, so users cannot reset their passwords", "set MAIL_URL")
    try:
        check_transport(url)
    except MailError as error:
        return Finding("fail", "mail", str(error), "start the mail server, or fix MAIL_URL")
    return Finding("ok", "mail", "the file is writable" if url.startswith("file:") else "the server responds")
