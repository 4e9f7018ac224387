"""The behaviour of all commands: help texts, exit codes, and failures in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devtools.processes import free_port
from tests.support.actors import PASSWORD
from tests.support.cli import CLI, EMAIL, fails
from tests.support.databases import CONFIG, application, new_database
from tests.support.processes import ROOT, clean_environ
from todo_api.operations.cli import count_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

COMMANDS = [
    ["users", "create", EMAIL, "--password-stdin"],
    ["users", "list"],
    ["users", "set-password", EMAIL, "--password-stdin"],
    ["users", "delete", EMAIL, "--yes"],
    ["keys", "list"],
    ["sessions", "purge"],
    ["tasks", "purge"],
    ["tasks", "recount"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_unreachable_database_is_one_line(arguments: list[str]) -> None:
    flask = CLI(application(f"postgresql://u:its-password@127.0.0.1:{free_port()}/d"))
    result = flask(*arguments, stdin=PASSWORD)
    assert fails(result, "The database cannot be used: .*refused")
    assert "its-password" not in result.output


@pytest.fixture
def unmigrated(server: str) -> Iterator[CLI]:
    with new_database(server) as url:
        yield CLI(application(url))


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_database_without_migrations_is_one_line(unmigrated: CLI, arguments: list[str]) -> None:
    assert fails(unmigrated(*arguments, stdin=PASSWORD), "flask db upgrade")


@pytest.mark.parametrize(("group", "name"), [arguments[:2] for arguments in COMMANDS])
def test_each_command_has_a_help_text(app: Flask, group: str, name: str) -> None:
    flask = CLI(app)
    result = flask(group, name, "--help")
    assert result.exit_code == 0
    assert re.search(r"\n\n  [A-Z][^\n]+\.\n", result.stdout)
    assert re.search(rf"\n  {name} +[A-Z]", flask(group, "--help").stdout)


def run(url: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    settings = clean_environ(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL=url, BCRYPT_COST="4")
    command = [sys.executable, "-m", "flask", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=settings, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def test_commands_as_processes(fresh_database: str) -> None:
    help_text = run(fresh_database, "users", "--help")
    assert (help_text.returncode, help_text.stderr) == (0, "")
    assert {"create", "list", "set-password", "delete"} <= set(help_text.stdout.split())
    failed = run(fresh_database, "users", "delete", "nobody@example.com", "--yes")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "Error: No account has the e-mail address nobody@example.com.\n"
    assert run(fresh_database, "users", "delete").returncode == 2
    created = run(fresh_database, "users", "create", EMAIL, "--name", "Adé", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (created.returncode, created.stderr) == (0, "")
    assert "\tAdé\t" in run(fresh_database, "users", "list").stdout


def test_a_terminal_shows_the_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert (count_up("Deleted tasks", [3, 4]), capsys.readouterr().err) == (7, "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert (count_up("Deleted tasks", []), capsys.readouterr().err) == (0, "")
    assert count_up("Deleted tasks", [3, 4]) == 7
    assert capsys.readouterr().err == "\rDeleted tasks: 3\rDeleted tasks: 7\n"
