"""`flask doctor` reports what keeps the service from running, and how to fix it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from devtools.processes import free_port
from server.setting_parsers.mail import mail_url
from tests.support.databases import CONFIG, application, end_sessions, execute, new_database
from tests.support.mail import Inbox, smtp_server
from tests.support.pgbouncer import pgbouncer
from tests.support.processes import ROOT, clean_environ
from todo_api.operations.database_checks import check_clock, check_database
from todo_api.operations.doctor import check_configuration
from todo_api.operations.migrations import init_migrations

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "better_auth_url": "https://todo.example.com",
    "cors_origins": ("https://app.example.com",),
    "trusted_proxies": 1,
}


def run_doctor(url: str, **settings: Any) -> tuple[int, list[str]]:
    """Return the exit code and the lines."""
    app = application(url, **settings)
    init_migrations(app)
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stderr == ""
    return result.exit_code, result.stdout.splitlines()


def test_a_service_without_problems_is_ok(fresh_database: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    code, lines = run_doctor(fresh_database, **PRODUCTION, mail_url=mails.as_uri())
    assert code == 0
    assert [line.split(":")[0] for line in lines] == [
        "ok   configuration",
        "ok   database",
        "ok   session",
        "ok   migrations",
        "ok   clock",
        "ok   mail",
    ]
    assert not mails.exists()


def test_development_settings_are_warnings(fresh_database: str) -> None:
    code, lines = run_doctor(fresh_database)
    assert code == 0
    assert lines[0].startswith("warn configuration: ENVIRONMENT is development - set ENVIRONMENT=production")
    assert lines[-1] == "warn mail: MAIL_URL is not set, so users cannot reset their passwords - set MAIL_URL"


def test_production_without_https_is_a_warning() -> None:
    lines = [str(finding) for finding in check_configuration(replace(CONFIG, environment="production"))]
    url, origins = (line.removeprefix("warn configuration: ").split(" - ") for line in lines)
    assert url[0] == "the public URL http://localhost:8000 is not https"
    assert url[1] == "set BETTER_AUTH_URL to the service's https URL"
    assert origins[0] == "CORS allows origins without https: http://localhost:3000"
    assert origins[1].startswith("set CORS_ORIGINS ")


def test_https_without_a_trusted_proxy_is_a_warning() -> None:
    (line,) = map(str, check_configuration(replace(CONFIG, **{**PRODUCTION, "trusted_proxies": 0})))
    assert line.startswith(
        "warn configuration: all clients behind the proxy count as one address - set TRUSTED_PROXIES "
    )


def test_an_unreachable_database_fails_and_the_other_checks_run() -> None:
    code, lines = run_doctor(f"postgresql://u:geheim@127.0.0.1:{free_port()}/d", **PRODUCTION)
    assert code == 1
    assert [line.split(":")[0] for line in lines] == ["ok   configuration", "fail database", "warn mail"]
    assert lines[1].endswith(" - start PostgreSQL, or fix DATABASE_URL")
    assert "refused" in lines[1]
    assert "geheim" not in str(lines)


def test_an_unmigrated_database_fails(server: str) -> None:
    with new_database(server) as url:
        code, lines = run_doctor(url)
    assert code == 1
    assert lines[3].startswith("fail migrations: the database is at revision none, this release requires 0")
    assert "flask db upgrade" in lines[3]


def test_a_database_of_another_release_fails(fresh_database: str) -> None:
    execute(fresh_database, "UPDATE alembic_version SET version_num = '9999'")
    code, lines = run_doctor(fresh_database)
    assert code == 1
    assert lines[3].startswith("fail migrations: the database is at revision 9999, this release requires 0")


def test_an_unreadable_revision_fails(fresh_database: str) -> None:
    execute(fresh_database, "ALTER TABLE alembic_version RENAME version_num TO other")
    code, lines = run_doctor(fresh_database)
    assert code == 1
    assert lines[1].startswith("fail database: column alembic_version.version_num does not exist - ")


def test_behind_a_pooler_the_database_must_have_the_settings(fresh_database: str) -> None:
    with pgbouncer(fresh_database) as url:
        code, lines = run_doctor(url)
        assert (code, lines[2]) == (
            0,
            "ok   session: through a pooler, with the timeouts and the time zone of the service",
        )
        name = urlsplit(url).path[1:]
        for setting in ("statement_timeout", "timezone"):
            execute(url, f"ALTER DATABASE {name} RESET {setting}")
        end_sessions(fresh_database)
        code, lines = run_doctor(url)
    assert code == 1
    assert lines[2] == (
        "fail session: through a pooler, statement_timeout is 0 and not 5s - "
        f"run ALTER DATABASE \"{name}\" SET statement_timeout = '5s'; and RECONNECT the pooler"
    )


def test_settings_that_the_url_overrides_are_a_warning(fresh_database: str) -> None:
    code, lines = run_doctor(f"{fresh_database}?options=-clock_timeout%3D9s")
    assert (code, lines[2]) == (
        0,
        "warn session: without a pooler, lock_timeout is 9s and not 3s - leave them out of the options of DATABASE_URL",
    )


@pytest.mark.parametrize(("version", "state"), [(140012, "fail"), (150000, "ok"), (180001, "ok")])
def test_the_version_of_postgresql_is_checked(version: int, state: str) -> None:
    assert check_database(version).state == state


@pytest.mark.parametrize(
    ("seconds", "state", "text"),
    [
        (5, "ok", "5.0 s ahead of the database"),
        (5.1, "fail", "5.1 s ahead of the database"),
        (-5.1, "fail", "5.1 s behind the database"),
    ],
)
def test_clock_drift_is_checked(seconds: float, state: str, text: str) -> None:
    finding = check_clock(timedelta(seconds=seconds))
    assert (finding.state, finding.text) == (state, text)


def test_the_mail_server_is_checked_without_a_mail(fresh_database: str) -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        url = mail_url(f"smtp://127.0.0.1:{port}")
        assert run_doctor(fresh_database, mail_url=url)[1][-1] == "ok   mail: the server responds"
    assert inbox.envelopes == []
    code, lines = run_doctor(fresh_database, mail_url=url)
    assert code == 1
    assert lines[-1].startswith("fail mail: ")
    assert lines[-1].endswith("refused - start the mail server, or fix MAIL_URL")


def test_required_verification_without_mail_fails(fresh_database: str, tmp_path: Path) -> None:
    code, lines = run_doctor(fresh_database, require_email_verification=True)
    assert code == 1
    assert lines[-1].startswith("fail mail: MAIL_URL is not set, so nobody can verify an e-mail address and sign in - ")
    url = (tmp_path / "mails").as_uri()
    code, lines = run_doctor(fresh_database, require_email_verification=True, mail_url=url)
    assert (code, lines[-1]) == (0, "ok   mail: the file is writable")


def test_a_missing_mail_directory_fails(fresh_database: str, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "mails"
    code, lines = run_doctor(fresh_database, mail_url=path.as_uri())
    assert code == 1
    assert lines[-1] == f"fail mail: {path} is not writable - start the mail server, or fix MAIL_URL"


def run_command(**settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with only these settings."""
    command = [sys.executable, "-m", "flask", "doctor"]
    environ = clean_environ(**settings)
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_invalid_settings_are_reported_one_per_line(fresh_database: str) -> None:
    result = run_command(BETTER_AUTH_SECRET="short", CORS_ORIGINS="no", ENVIRONMENT="production")
    assert (result.returncode, result.stdout) == (1, "")
    head, *errors = result.stderr.splitlines()
    assert head == "The configuration cannot be used:"
    assert [error.split(":")[0].strip() for error in errors] == ["BETTER_AUTH_SECRET", "DATABASE_URL", "CORS_ORIGINS"]
    assert "openssl rand -hex 32" in errors[0]
    valid = run_command(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL=fresh_database)
    assert (valid.returncode, valid.stderr) == (0, "")


def test_the_command_has_a_help_text(app: Any) -> None:
    result = app.test_cli_runner().invoke(args=["doctor", "--help"])
    assert "Check that the service can run.\n" in result.stdout
    assert "doctor" in app.test_cli_runner().invoke(args=["--help"]).stdout
