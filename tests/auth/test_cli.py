"""The commands for accounts and sessions."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.cli import CLI, EMAIL, NEW_PASSWORD, Terminal, fails
from tests.support.databases import CONFIG, application, execute
from tests.support.processes import ROOT, clean_environ


@pytest.fixture
def flask(fresh_database: str) -> CLI:
    return CLI(application(fresh_database))


# flask users create


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_create_prints_the_id_of_an_account_that_can_sign_in(flask: CLI, line_end: str) -> None:
    result = flask("users", "create", " Ada@Example.com", "--password-stdin", stdin=PASSWORD + line_end)
    assert (result.exit_code, result.stderr) == (0, "")
    (user,) = flask.users()
    assert result.stdout == f"{user['id']}\n"
    assert (user["email"], user["name"], user["sessions"]) == (EMAIL, "ada", 0)
    assert flask.signs_in(PASSWORD)


def test_create_accepts_a_name(flask: CLI) -> None:
    flask.create_user("--name", "Ada L.")
    assert flask.users()[0]["name"] == "Ada L."


def test_create_prompts_for_the_password_twice(flask: CLI) -> None:
    terminal = Terminal(f"{PASSWORD}\nanother one\n{PASSWORD}\n{PASSWORD}\n".encode())
    result = flask("users", "create", EMAIL, stdin=terminal)
    assert result.exit_code == 0
    assert re.fullmatch("[0-9a-f-]{36}\n", result.stdout)
    assert "do not match" in result.stderr
    assert flask.signs_in(PASSWORD)


@pytest.mark.parametrize("command", ["create", "set-password"])
def test_without_a_terminal_there_is_no_prompt(flask: CLI, command: str) -> None:
    result = flask("users", command, EMAIL, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 2
    assert "--password-stdin" in result.stderr


def test_a_terminal_does_not_show_the_password(fresh_database: str) -> None:
    settings = clean_environ(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL=fresh_database, BCRYPT_COST="4")
    command = [sys.executable, "-m", "flask", "users", "create", EMAIL]
    controller, terminal = pty.openpty()
    shown = b""
    with subprocess.Popen(
        command, cwd=ROOT, env=settings, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, start_new_session=True
    ) as process:
        for prompt in (b"Password: ", b"confirmation: "):
            while not shown.endswith(prompt):
                shown += os.read(controller, 1)
            os.write(controller, f"{PASSWORD}\n".encode())
        printed, _ = process.communicate(timeout=60)
    os.close(terminal)
    os.close(controller)
    assert process.returncode == 0
    assert re.fullmatch(rb"[0-9a-f-]{36}\n", printed)
    assert PASSWORD.encode() not in shown


@pytest.mark.parametrize("command", ["create", "set-password"])
@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        ("no address", PASSWORD, "email: Invalid email address"),
        ("two\nlines@example.com", PASSWORD, "email: Invalid email address"),
        ("\udcff@example.com", PASSWORD, "email: Must not contain"),
        (EMAIL, "1234567", "password: Password too short"),
        (EMAIL, "", "password: Shorter than"),
        (EMAIL, "x" * 129, "password: Password too long"),
        (EMAIL, b"\xff" * 20, "password: Must not contain"),
        (EMAIL, "\0" * 20, "password: Must not contain"),
    ],
)
def test_an_invalid_email_or_password_is_rejected_as_by_sign_up(
    flask: CLI, command: str, email: str, password: str | bytes, message: str
) -> None:
    flask.create_user()
    assert fails(flask("users", command, email, "--password-stdin", stdin=password), message)


def test_a_common_password_is_rejected_if_configured(fresh_database: str) -> None:
    flask = CLI(application(fresh_database, refuse_common_passwords=True))
    result = flask("users", "create", EMAIL, "--password-stdin", stdin="password1")
    assert fails(result, "first that are tried")


def test_a_name_that_is_too_long_is_rejected(flask: CLI) -> None:
    result = flask("users", "create", EMAIL, "--password-stdin", "--name", "x" * 256, stdin=PASSWORD)
    assert fails(result, "name: Longer than")


def test_an_email_in_another_case_is_taken(flask: CLI) -> None:
    flask.create_user()
    result = flask("users", "create", EMAIL.upper(), "--password-stdin", stdin=NEW_PASSWORD)
    assert fails(result, "Email already registered")


# flask users list


def test_list_counts_live_sessions_and_tasks(flask: CLI, fresh_database: str) -> None:
    alice = Actor.sign_up(flask.app, "Alice")
    alice.create_task()
    alice.create_task()
    assert flask.signs_in(PASSWORD, alice.email)
    assert flask.signs_in(PASSWORD, alice.email)
    one = "(SELECT min(id) FROM sessions)"
    execute(
        fresh_database,
        f"UPDATE sessions SET expires_at = now(), rotated_at = now() - interval '31 days' WHERE id = {one}",
    )
    flask.create_user()
    header, *lines = (line.split("\t") for line in flask("users", "list").stdout.splitlines())
    assert lines == sorted(lines)
    first, second = sorted(lines, key=lambda line: line[2])
    assert header == ["id", "email", "name", "issuer", "created", "sessions", "tasks"]
    assert first[:4] + first[5:] == [alice.id, alice.email, "Alice", "", "2", "2"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first[4])
    assert second[1:4] + second[5:] == [EMAIL, "ada", "", "0", "0"]
    assert [list(row) for row in flask.users()] == [header, header]
    assert sorted(str(user["tasks"]) for user in flask.users()) == ["0", "2"]


def test_list_escapes_characters_that_break_lines_or_columns(flask: CLI) -> None:
    flask.create_user("--name", "A\tb\n\x1b[31m\u202e\\ é")
    _, line = flask("users", "list").stdout.splitlines()
    assert line.split("\t")[2] == r"A\tb\n\x1b[31m\u202e\\ é"
    assert flask.users()[0]["name"] == "A\tb\n\x1b[31m\u202e\\ é"


def test_list_without_users(flask: CLI) -> None:
    assert flask("users", "list").stdout == "id\temail\tname\tissuer\tcreated\tsessions\ttasks\n"
    assert flask("users", "list", "--json").stdout == "[]\n"


# flask users set-password and delete


@pytest.mark.parametrize("command", [["set-password", "--password-stdin"], ["delete", "--yes"], ["verify"]])
def test_an_external_user_is_not_the_local_account(flask: CLI, fresh_database: str, command: list[str]) -> None:
    columns = "(id, issuer, email, name)"
    execute(fresh_database, f"INSERT INTO users {columns} VALUES ('f', 'https://id.example', %s, 'F')", EMAIL)
    result = flask("users", *command, EMAIL, stdin=NEW_PASSWORD)
    assert fails(result, f"No account has the e-mail address {EMAIL}")
    (user,) = flask.users()
    assert (user["id"], user["issuer"]) == ("f", "https://id.example")


def test_set_password_ends_all_sessions_and_voids_reset_links(flask: CLI, fresh_database: str) -> None:
    alice, bob = Actor.sign_up(flask.app, "Alice"), Actor.sign_up(flask.app, "Bob")
    link = "INSERT INTO password_resets VALUES (%s, 'x', now(), now() + interval '1 hour')"
    execute(fresh_database, link, alice.id)
    execute(fresh_database, link, bob.id)
    assert alice.get("/tasks").status_code == 200
    result = flask("users", "set-password", alice.email.upper(), "--password-stdin", stdin=NEW_PASSWORD)
    assert result.stdout == f"Set the password of {alice.email} and ended 1 session.\n"
    assert alice.get("/tasks").status_code == 401
    refresh = alice.client.post("/api/auth/refresh", json={"refresh_token": alice.refresh_token})
    assert refresh.status_code == 401
    assert bob.get("/tasks").status_code == 200
    assert not flask.signs_in(PASSWORD, alice.email)
    assert flask.signs_in(NEW_PASSWORD, alice.email)
    assert execute(fresh_database, "SELECT user_id FROM password_resets") == [(bob.id,)]


@pytest.mark.parametrize(("options", "stdin"), [(["--yes"], ""), ([], "y\n")])
def test_delete_deletes_the_account_with_its_tasks(flask: CLI, options: list[str], stdin: str) -> None:
    alice, bob = Actor.sign_up(flask.app, "Alice"), Actor.sign_up(flask.app, "Bob")
    alice.create_task()
    bob.create_task()
    result = flask("users", "delete", alice.email.upper(), *options, stdin=stdin)
    assert result.exit_code == 0
    assert result.stdout == f"Deleted {alice.email} and 1 task.\n"
    assert result.stderr.startswith(f"Delete {alice.email} and 1 task? [y/N]: ") == bool(stdin)
    assert alice.get("/tasks").status_code == 401
    assert [(user["email"], user["tasks"]) for user in flask.users()] == [(bob.email, 1)]


@pytest.mark.parametrize("stdin", ["n\n", "\n", ""])
def test_delete_without_confirmation_deletes_nothing(flask: CLI, stdin: str) -> None:
    flask.create_user()
    result = flask("users", "delete", EMAIL, stdin=stdin)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"Delete {EMAIL} and 0 tasks?" in result.stderr
    assert len(flask.users()) == 1


# flask sessions purge


def test_purge_deletes_ended_sessions_and_expired_resets(flask: CLI, fresh_database: str) -> None:
    alice, bob = Actor.sign_up(flask.app, "Alice"), Actor.sign_up(flask.app, "Bob")
    execute(fresh_database, "UPDATE sessions SET ends_at = now() WHERE user_id = %s", alice.id)
    # The refresh token of an idle session is still valid.
    execute(fresh_database, "UPDATE sessions SET expires_at = now() WHERE user_id = %s", bob.id)
    for token, interval in (("a", "0"), ("b", "-1 hour"), ("c", "1 minute")):
        link = "INSERT INTO password_resets VALUES (%s, %s, now(), now() + %s::interval)"
        execute(fresh_database, link, bob.id, token.encode(), interval)
    assert flask("sessions", "purge").stdout == "Deleted 1 session and 2 password resets.\n"
    assert execute(fresh_database, "SELECT user_id FROM sessions") == [(bob.id,)]
    assert execute(fresh_database, "SELECT token_hash = 'c' FROM password_resets") == [(True,)]
    assert flask("sessions", "purge").stdout == "Deleted 0 sessions and 0 password resets.\n"
