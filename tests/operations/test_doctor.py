"""`flask doctor` tells what the service lacks, and how to mend it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from devtools.embedded_postgres import free_port
from server.setting_parsers.mail import mail_url
from tests.mail.test_mail import Inbox, smtp_server
from tests.support.databases import CONFIG, application, execute, new_database
from tests.support.processes import ROOT, environment
from todo_api.operations.doctor import check_clock, check_configuration, check_database

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "better_auth_url": "https://todo.example.com",
    "cors_origins": ("https://app.example.com",),
    "trusted_proxies": 1,
}


def examined(url: str, **settings: Any) -> tuple[int, list[str]]:
    """Return the exit code and the lines."""
    result = application(url, **settings).test_cli_runner().invoke(args=["doctor"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stderr == ""
    return result.exit_code, result.stdout.splitlines()


def test_all_is_well(fresh_database: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    code, lines = examined(fresh_database, **PRODUCTION, mail_url=mails.as_uri())
    assert code == 0
    assert [line.split(":")[0] for line in lines] == [
        "ok   configuration",
        "ok   database",
        "ok   migrations",
        "ok   clock",
        "ok   mail",
    ]
    assert not mails.exists()


def test_what_is_well_in_development_only_is_a_warning(fresh_database: str) -> None:
    code, lines = examined(fresh_database)
    assert code == 0
    assert lines[0].startswith("warn configuration: ENVIRONMENT is development - set ENVIRONMENT=production")
    assert lines[-1] == "warn mail: MAIL_URL is not set: nobody can reset a password - set MAIL_URL"


def test_production_is_reached_by_tls() -> None:
    told = [str(finding) for finding in check_configuration(replace(CONFIG, environment="production"))]
    address, origins = (line.removeprefix("warn configuration: ").split(" - ") for line in told)
    assert address == ["clients reach the service at http://localhost:8000", "set BETTER_AUTH_URL to its https address"]
    assert origins[0] == "pages of http://localhost:3000 may call the service"
    assert origins[1].startswith("set CORS_ORIGINS ")


def test_the_proxy_that_tls_ends_at_is_trusted() -> None:
    (told,) = map(str, check_configuration(replace(CONFIG, **{**PRODUCTION, "trusted_proxies": 0})))
    assert told.startswith("warn configuration: all clients of the proxy count as one address - set TRUSTED_PROXIES ")


def test_a_database_out_of_reach_fails_and_the_rest_is_looked_at() -> None:
    code, lines = examined(f"postgresql://u:geheim@127.0.0.1:{free_port()}/d", **PRODUCTION)
    assert code == 1
    assert [line.split(":")[0] for line in lines] == ["ok   configuration", "fail database", "warn mail"]
    assert lines[1].endswith(" - start PostgreSQL, or mend DATABASE_URL")
    assert "refused" in lines[1]
    assert "geheim" not in str(lines)


def test_a_database_that_is_not_migrated_fails(server: str) -> None:
    with new_database(server) as url:
        code, lines = examined(url)
    assert code == 1
    assert lines[2].startswith("fail migrations: the database is at nothing, this release needs 0")
    assert "flask db upgrade" in lines[2]


def test_a_database_of_another_release_fails(fresh_database: str) -> None:
    execute(fresh_database, "UPDATE alembic_version SET version_num = '9999'")
    code, lines = examined(fresh_database)
    assert code == 1
    assert lines[2].startswith("fail migrations: the database is at 9999, this release needs 0")


def test_a_version_that_cannot_be_read_fails(fresh_database: str) -> None:
    execute(fresh_database, "ALTER TABLE alembic_version RENAME version_num TO other")
    code, lines = examined(fresh_database)
    assert code == 1
    assert lines[1].startswith("fail database: column alembic_version.version_num does not exist - ")


@pytest.mark.parametrize(("version", "state"), [(140012, "fail"), (150000, "ok"), (180001, "ok")])
def test_an_old_postgresql_fails(version: int, state: str) -> None:
    assert check_database(version).state == state


@pytest.mark.parametrize(
    ("seconds", "state", "text"),
    [
        (5, "ok", "5.0 s ahead of the database's"),
        (5.1, "fail", "5.1 s ahead of the database's"),
        (-5.1, "fail", "5.1 s behind the database's"),
    ],
)
def test_clocks_that_differ_fail(seconds: float, state: str, text: str) -> None:
    finding = check_clock(timedelta(seconds=seconds))
    assert (finding.state, finding.text) == (state, text)


def test_the_mail_server_is_asked_and_gets_no_mail(fresh_database: str) -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        url = mail_url(f"smtp://127.0.0.1:{port}")
        assert examined(fresh_database, mail_url=url)[1][-1] == "ok   mail: the server answers"
    assert inbox.mails == []
    code, lines = examined(fresh_database, mail_url=url)
    assert code == 1
    assert lines[-1].startswith("fail mail: ")
    assert lines[-1].endswith("refused - start the mail server, or mend MAIL_URL")


def test_mails_want_a_place(fresh_database: str, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "mails"
    code, lines = examined(fresh_database, mail_url=path.as_uri())
    assert code == 1
    assert lines[-1] == f"fail mail: {path} cannot be written - start the mail server, or mend MAIL_URL"


def real(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "doctor", *arguments]
    environ = environment(**settings)
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_a_faulty_configuration_is_told_line_by_line(fresh_database: str) -> None:
    ended = real(BETTER_AUTH_SECRET="short", CORS_ORIGINS="no", ENVIRONMENT="production")
    assert (ended.returncode, ended.stdout) == (1, "")
    head, *faults = ended.stderr.splitlines()
    assert head == "The configuration cannot be used:"
    assert [fault.split(":")[0].strip() for fault in faults] == ["BETTER_AUTH_SECRET", "DATABASE_URL", "CORS_ORIGINS"]
    assert "openssl rand -hex 32" in faults[0]
    sound = real(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL=fresh_database)
    assert (sound.returncode, sound.stderr) == (0, "")


def test_the_command_says_what_it_does(app: Any) -> None:
    result = app.test_cli_runner().invoke(args=["doctor", "--help"])
    assert "Look whether the service has what it needs.\n" in result.stdout
    assert "doctor" in app.test_cli_runner().invoke(args=["--help"]).stdout
