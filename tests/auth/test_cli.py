"""The commands of whoever runs the service."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
import pytest

from devtools.embedded_postgres import free_port
from tests.support.actors import PASSWORD, Actor
from tests.support.databases import CONFIG, application, execute, new_database
from tests.support.processes import ROOT, environment
from todo_api.extensions import db

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result
    from flask import Flask

NEW = "a longer horse battery"
EMAIL = "ada@example.com"
COMMANDS = ["users create", "users list", "users set-password", "users delete", "sessions purge", "tasks purge"]


class Terminal(io.BytesIO):
    """Lines that somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def own_app(fresh_database: str) -> Flask:
    return application(fresh_database)


@pytest.fixture
def flask(own_app: Flask) -> Callable[..., Result]:
    def run(*arguments: str, typed: str | bytes | Terminal = "") -> Result:
        result = own_app.test_cli_runner().invoke(args=arguments, input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert PASSWORD not in result.output
        assert NEW not in result.output
        return result

    return run


def made(flask: Callable[..., Result], email: str = EMAIL, *more: str) -> str:
    result = flask("users", "create", email, "--password-stdin", *more, typed=PASSWORD)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.removesuffix("\n")


def refused(result: Result, words: str) -> None:
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(f"Error: .*{words}.*\n", result.stderr), result.stderr


def sign_in(app: Flask, password: str, email: str = EMAIL) -> int:
    client = app.test_client(use_cookies=False)
    return client.post("/api/auth/sign-in/email", json={"email": email, "password": password}).status_code


def listed(flask: Callable[..., Result]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(flask("users", "list", "--json").stdout)
    return rows


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_create_makes_an_account_that_can_sign_in(flask: Callable[..., Result], own_app: Flask, ending: str) -> None:
    result = flask("users", "create", " Ada@Example.com", "--password-stdin", typed=PASSWORD + ending)
    assert (result.exit_code, result.stderr) == (0, "")
    (user,) = listed(flask)
    assert result.stdout == f"{user['id']}\n"
    assert (user["email"], user["name"], user["sessions"]) == (EMAIL, "ada", 0)
    assert sign_in(own_app, PASSWORD) == 200


def test_create_takes_a_name(flask: Callable[..., Result]) -> None:
    made(flask, EMAIL, "--name", "Ada L.")
    assert listed(flask)[0]["name"] == "Ada L."


def test_a_password_is_typed_twice_and_not_shown(flask: Callable[..., Result], own_app: Flask) -> None:
    typed = Terminal(f"{PASSWORD}\nanother one\n{PASSWORD}\n{PASSWORD}\n".encode())
    result = flask("users", "create", EMAIL, typed=typed)
    assert result.exit_code == 0
    assert re.fullmatch("[0-9a-f-]{36}\n", result.stdout)
    assert "do not match" in result.stderr
    assert sign_in(own_app, PASSWORD) == 200


@pytest.mark.parametrize("command", ["create", "set-password"])
def test_without_a_terminal_nobody_is_asked(flask: Callable[..., Result], command: str) -> None:
    result = flask("users", command, EMAIL, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 2
    assert "--password-stdin" in result.stderr


@pytest.mark.parametrize("command", ["create", "set-password"])
@pytest.mark.parametrize(
    ("email", "password", "words"),
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
def test_what_sign_up_refuses_is_refused(
    flask: Callable[..., Result], command: str, email: str, password: str | bytes, words: str
) -> None:
    made(flask)
    refused(flask("users", command, email, "--password-stdin", typed=password), words)


def test_a_common_password_is_refused_where_sign_up_refuses_it(fresh_database: str) -> None:
    app = application(fresh_database, refuse_common_passwords=True)
    result = app.test_cli_runner().invoke(args=["users", "create", EMAIL, "--password-stdin"], input="password1")
    refused(result, "first that are tried")


def test_a_name_that_is_too_long_is_refused(flask: Callable[..., Result]) -> None:
    refused(
        flask("users", "create", EMAIL, "--password-stdin", "--name", "x" * 256, typed=PASSWORD), "name: Longer than"
    )


def test_an_email_is_one_accounts_in_whatever_case(flask: Callable[..., Result]) -> None:
    made(flask)
    result = flask("users", "create", EMAIL.upper(), "--password-stdin", typed=NEW)
    refused(result, "Email already registered")


def test_list_counts_live_sessions_and_tasks(flask: Callable[..., Result], own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    alice.task()
    alice.task()
    assert sign_in(own_app, PASSWORD, alice.email) == 200
    assert sign_in(own_app, PASSWORD, alice.email) == 200
    one = "(SELECT min(id) FROM sessions)"
    execute(
        fresh_database,
        f"UPDATE sessions SET expires_at = now(), rotated_at = now() - interval '31 days' WHERE id = {one}",
    )
    made(flask)
    heads, first, second = (line.split("\t") for line in flask("users", "list").stdout.splitlines())
    assert heads == ["id", "email", "name", "issuer", "created", "sessions", "tasks"]
    assert first[:4] + first[5:] == [alice.id, alice.email, "Alice", "", "2", "2"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first[4])
    assert second[1:4] + second[5:] == [EMAIL, "ada", "", "0", "0"]
    assert [list(row) for row in listed(flask)] == [heads, heads]
    assert listed(flask)[0]["tasks"] == 2


def test_list_keeps_to_its_lines_and_columns(flask: Callable[..., Result]) -> None:
    made(flask, EMAIL, "--name", "A\tb\n\x1b[31m\u202e\\ é")
    _, line = flask("users", "list").stdout.splitlines()
    assert line.split("\t")[2] == r"A\tb\n\x1b[31m\u202e\\ é"
    assert listed(flask)[0]["name"] == "A\tb\n\x1b[31m\u202e\\ é"


def test_list_of_nobody(flask: Callable[..., Result]) -> None:
    assert flask("users", "list").stdout == "id\temail\tname\tissuer\tcreated\tsessions\ttasks\n"
    assert flask("users", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("command", [["set-password", "--password-stdin"], ["delete", "--yes"]])
def test_the_account_of_another_issuer_is_not_the_local_one(
    flask: Callable[..., Result], fresh_database: str, command: list[str]
) -> None:
    columns = "(id, issuer, email, name)"
    execute(fresh_database, f"INSERT INTO users {columns} VALUES ('f', 'https://id.example', %s, 'F')", EMAIL)
    refused(flask("users", *command, EMAIL, typed=NEW), f"No account has the e-mail address {EMAIL}")
    (user,) = listed(flask)
    assert (user["id"], user["issuer"]) == ("f", "https://id.example")


def test_set_password_ends_every_session_at_once(
    flask: Callable[..., Result], own_app: Flask, fresh_database: str
) -> None:
    alice, bob = Actor.sign_up(own_app, "Alice"), Actor.sign_up(own_app, "Bob")
    link = "INSERT INTO password_resets VALUES (%s, 'x', now(), now() + interval '1 hour')"
    execute(fresh_database, link, alice.id)
    execute(fresh_database, link, bob.id)
    assert alice.get("/tasks").status_code == 200
    result = flask("users", "set-password", alice.email.upper(), "--password-stdin", typed=NEW)
    assert result.stdout == f"Set the password of {alice.email} and ended 1 session.\n"
    assert alice.get("/tasks").status_code == 401
    refresh = alice.client.post("/api/auth/refresh", json={"refresh_token": alice.refresh_token})
    assert refresh.status_code == 401
    assert bob.get("/tasks").status_code == 200
    assert sign_in(own_app, PASSWORD, alice.email) == 401
    assert sign_in(own_app, NEW, alice.email) == 200
    assert execute(fresh_database, "SELECT user_id FROM password_resets") == [(bob.id,)]


@pytest.mark.parametrize(("arguments", "typed"), [(["--yes"], ""), ([], "y\n")])
def test_delete_takes_the_tasks_with_it(
    flask: Callable[..., Result], own_app: Flask, arguments: list[str], typed: str
) -> None:
    alice, bob = Actor.sign_up(own_app, "Alice"), Actor.sign_up(own_app, "Bob")
    alice.task()
    bob.task()
    result = flask("users", "delete", alice.email.upper(), *arguments, typed=typed)
    assert result.exit_code == 0
    assert result.stdout == f"Deleted {alice.email} and 1 task.\n"
    assert result.stderr.startswith(f"Delete {alice.email} and 1 task? [y/N]: ") == bool(typed)
    assert alice.get("/tasks").status_code == 401
    assert [(user["email"], user["tasks"]) for user in listed(flask)] == [(bob.email, 1)]


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_delete_does_nothing_unless_told_so(flask: Callable[..., Result], typed: str) -> None:
    made(flask)
    result = flask("users", "delete", EMAIL, typed=typed)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"Delete {EMAIL} and 0 tasks?" in result.stderr
    assert len(listed(flask)) == 1


def test_purge_deletes_what_has_run_out(flask: Callable[..., Result], own_app: Flask, fresh_database: str) -> None:
    alice, bob = Actor.sign_up(own_app, "Alice"), Actor.sign_up(own_app, "Bob")
    execute(fresh_database, "UPDATE sessions SET ends_at = now() WHERE user_id = %s", alice.id)
    # Unused for long, but a refresh token still opens it.
    execute(fresh_database, "UPDATE sessions SET expires_at = now() WHERE user_id = %s", bob.id)
    for token, span in (("a", "0"), ("b", "-1 hour"), ("c", "1 minute")):
        link = "INSERT INTO password_resets VALUES (%s, %s, now(), now() + %s::interval)"
        execute(fresh_database, link, bob.id, token.encode(), span)
    assert flask("sessions", "purge").stdout == "Deleted 1 session and 2 password resets.\n"
    assert execute(fresh_database, "SELECT user_id FROM sessions") == [(bob.id,)]
    assert execute(fresh_database, "SELECT token_hash = 'c' FROM password_resets") == [(True,)]
    assert flask("sessions", "purge").stdout == "Deleted 0 sessions and 0 password resets.\n"


def test_purge_deletes_what_was_in_the_trash_for_30_days(
    flask: Callable[..., Result], own_app: Flask, fresh_database: str
) -> None:
    alice, bob = Actor.sign_up(own_app, "Alice"), Actor.sign_up(own_app, "Bob")
    for actor in (alice, bob):
        for ending in ("", "", "?permanent=true"):
            actor.delete(f"/tasks/{actor.task()['id']}{ending}")
        actor.post("/tasks", json={"title": "kept"}, headers={"Idempotency-Key": "k"})
    old = "UPDATE tasks SET deleted_at = now() - interval '30 days' WHERE id = (SELECT min(id) FROM tasks)"
    execute(fresh_database, old)
    execute(fresh_database, "UPDATE task_tombstones SET deleted_at = now() - %s::interval", "31 days")
    execute(
        fresh_database, "UPDATE idempotency_keys SET created_at = now() - interval '1 day' WHERE user_id = %s", bob.id
    )
    before = alice.get("/tasks?deleted=true").headers["ETag"]
    result = flask("tasks", "purge")
    told = "Deleted 1 task and 1 kept answer; counted the tasks of 0 users anew.\n"
    assert (result.exit_code, result.stdout) == (0, told)
    assert [len(actor.get("/tasks?deleted=true").get_json()) for actor in (alice, bob)] == [1, 2]
    assert alice.get("/tasks?deleted=true&limit=1").headers["X-Total-Count"] == "1"
    assert alice.get("/tasks?deleted=true").headers["ETag"] != before
    assert execute(fresh_database, "SELECT count(*) FROM task_tombstones") == [(0,)]
    assert flask("tasks", "purge", "--days", "0").stdout.startswith("Deleted 3 tasks and 0 kept answers;")
    assert [len(actor.get("/tasks").get_json()) for actor in (alice, bob)] == [1, 1]


def test_purge_goes_on_where_somebody_is_busy(
    flask: Callable[..., Result], own_app: Flask, fresh_database: str
) -> None:
    alice, bob = Actor.sign_up(own_app, "Alice"), Actor.sign_up(own_app, "Bob")
    for actor in (alice, bob):
        actor.delete(f"/tasks/{actor.task()['id']}")
    connection = psycopg2.connect(fresh_database)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM task_lists WHERE user_id = %s FOR UPDATE", [alice.id])
        result = flask("tasks", "purge", "--days", "0")
    connection.close()
    assert result.exit_code == 1
    assert result.stdout.startswith("Deleted 1 task and")
    assert result.stderr == "Error: The tasks of 1 user were changed all the time; run it again.\n"
    assert [len(actor.get("/tasks?deleted=true").get_json()) for actor in (alice, bob)] == [1, 0]
    assert flask("tasks", "purge", "--days", "0").exit_code == 0


def test_purge_goes_no_further_where_something_else_is_wrong(
    flask: Callable[..., Result], own_app: Flask, fresh_database: str
) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    alice.delete(f"/tasks/{alice.task()['id']}")
    name = urlsplit(fresh_database).path[1:]
    execute(fresh_database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with own_app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    refused(flask("tasks", "purge", "--days", "0"), "read-only")


def test_purge_counts_anew_what_was_changed_by_hand(
    flask: Callable[..., Result], own_app: Flask, fresh_database: str
) -> None:
    alice, bob, carl = (Actor.sign_up(own_app, name) for name in ("Alice", "Bob", "Carl"))
    for actor in (alice, bob):
        actor.task()
        actor.delete(f"/tasks/{actor.task()['id']}")
    execute(fresh_database, "DELETE FROM tasks WHERE user_id = %s AND deleted_at IS NOT NULL", alice.id)
    execute(fresh_database, "INSERT INTO tasks (user_id, title) VALUES (%s, 'by hand')", carl.id)
    assert flask("tasks", "purge").stdout.endswith("counted the tasks of 2 users anew.\n")
    for actor, live, trashed in ((alice, 1, 0), (bob, 1, 1), (carl, 1, 0)):
        for query, number in (("limit=1", live), ("limit=1&deleted=true", trashed)):
            assert actor.get(f"/tasks?{query}").headers["X-Total-Count"] == str(number)
    assert flask("tasks", "purge").stdout.endswith("counted the tasks of 0 users anew.\n")


CALLS = [
    ["users", "create", EMAIL, "--password-stdin"],
    ["users", "list"],
    ["users", "set-password", EMAIL, "--password-stdin"],
    ["users", "delete", EMAIL, "--yes"],
    ["sessions", "purge"],
    ["tasks", "purge"],
]


@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_a_database_out_of_reach_is_one_line(arguments: list[str]) -> None:
    app = application(f"postgresql://u:its-password@127.0.0.1:{free_port()}/d")
    result = app.test_cli_runner().invoke(args=arguments, input=PASSWORD)
    refused(result, "The database cannot be used: .*refused")
    assert "its-password" not in result.output


@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_a_database_that_is_not_migrated_is_one_line(unmigrated: Flask, arguments: list[str]) -> None:
    refused(unmigrated.test_cli_runner().invoke(args=arguments, input=PASSWORD), "flask db upgrade")


@pytest.fixture
def unmigrated(server: str) -> Iterator[Flask]:
    with new_database(server) as url:
        yield application(url)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_does(flask: Callable[..., Result], command: str) -> None:
    result = flask(*command.split(), "--help")
    assert result.exit_code == 0
    assert re.search(r"\n\n  [A-Z][^\n]+\.\n", result.stdout)
    group, _, name = command.partition(" ")
    assert re.search(rf"\n  {name} +[A-Z]", flask(group, "--help").stdout)


def real(url: str, *arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    settings = environment(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL=url, BCRYPT_COST="4")
    command = [sys.executable, "-m", "flask", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=settings, input=typed, capture_output=True, text=True, check=False, timeout=60
    )


def test_as_a_process_of_its_own(fresh_database: str) -> None:
    helped = real(fresh_database, "users", "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert {"create", "list", "set-password", "delete"} <= set(helped.stdout.split())
    faulty = real(fresh_database, "users", "delete", "nobody@example.com", "--yes")
    assert (faulty.returncode, faulty.stdout) == (1, "")
    assert faulty.stderr == "Error: No account has the e-mail address nobody@example.com.\n"
    assert real(fresh_database, "users", "delete").returncode == 2
    made = real(fresh_database, "users", "create", EMAIL, "--name", "Adé", "--password-stdin", typed=f"{PASSWORD}\n")
    assert (made.returncode, made.stderr) == (0, "")
    assert "\tAdé\t" in real(fresh_database, "users", "list").stdout


def test_a_terminal_shows_no_password(fresh_database: str) -> None:
    settings = environment(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL=fresh_database, BCRYPT_COST="4")
    command = [sys.executable, "-m", "flask", "users", "create", EMAIL]
    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        command, cwd=ROOT, env=settings, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    ) as process:
        for prompt in (b"Password: ", b"confirmation: "):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1)
            os.write(ours, f"{PASSWORD}\n".encode())
        printed, _ = process.communicate(timeout=60)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 0
    assert re.fullmatch(rb"[0-9a-f-]{36}\n", printed)
    assert PASSWORD.encode() not in shown
