"""`flask doctor`: checks that the service can run. Each finding is one line, with a fix for what is wrong.

Invalid settings are reported before any command starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import psycopg2
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from todo_api.clock import now
from todo_api.mail.transport import MailError, check_transport
from todo_api.operations.database_checks import (
    check_clock,
    check_database,
    check_migrations,
    check_replica,
    check_session,
    database_state,
    first_line,
    is_pooled,
    migration_heads,
    session_settings,
)
from todo_api.operations.finding import Finding
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config import Config


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
        session = check_session(session_settings(), is_pooled=is_pooled())
    except (psycopg2.Error, DBAPIError) as error:
        yield Finding("fail", "database", first_line(error), "start PostgreSQL, or fix DATABASE_URL")
    else:
        yield check_database(version)
        yield session
        if config.database_replica_url:
            yield check_replica()
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
