"""Timeouts: every wait for PostgreSQL ends, and only the time of the database counts."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from io import BytesIO
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from flask import g
from sqlalchemy import text

from tests.support.credentials import bearer, sign_in
from tests.support.databases import application, execute
from tests.support.statements import record_statements
from todo_api.database import timeouts
from todo_api.database.execution import fetch_all, fetch_one, transaction

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor

pytestmark = pytest.mark.timed

ENOUGH = 30.0
"""Seconds within which a timeout has ended a wait, even on a busy machine."""

SLOW = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$"


def make_inserts_slow(url: str) -> None:
    """Make each insert of a task take a second."""
    execute(url, SLOW)
    execute(url, "CREATE TRIGGER slow BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION slow()")


@pytest.mark.shows("PostgreSQL frozen")
def test_a_silent_server_fails_the_request_but_not_the_pool(
    alice: Actor, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server waits for a lock and sends nothing for longer than the response timeout."""
    monkeypatch.setattr(timeouts, "RESPONSE_TIMEOUT", 0.5)
    alice.create_task()
    with closing(psycopg2.connect(fresh_database)) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM task_lists WHERE user_id = %s FOR UPDATE", [alice.id])
        started = time.monotonic()
        response = alice.post("/tasks", json={"title": "x"})
        assert time.monotonic() - started < 2.5  # before the server's own lock_timeout of three seconds
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert alice.post("/tasks", json={"title": "y"}).status_code == 201


@pytest.mark.shows("PostgreSQL timeouts")
def test_all_statements_of_a_request_share_one_timeout(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 1.0)

    def work() -> None:
        while True:
            fetch_all(text("SELECT pg_sleep(0.3)"))

    started = time.monotonic()
    with app.test_request_context(method="POST"), pytest.raises(psycopg2.Error):
        transaction(work)
    assert time.monotonic() - started < ENOUGH


def test_a_timed_out_statement_is_not_retried(app: Flask, fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 0.3)
    execute(fresh_database, "CREATE SEQUENCE attempts")
    with app.test_request_context(method="GET"), pytest.raises(psycopg2.Error):
        fetch_all(text("SELECT nextval('attempts'), pg_sleep(4)"))
    assert execute(fresh_database, "SELECT last_value FROM attempts") == [(1,)]


def test_a_longer_deadline_replaces_the_request_timeout(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 0.2)
    with app.test_request_context(method="POST"):
        timeouts.set_deadline(ENOUGH)
        for _ in range(3):
            fetch_all(text("SELECT pg_sleep(0.3)"))
        assert g.deadline > time.monotonic()


IMPORT = {"format": "todo-export", "version": 1, "tasks": [{"title": "x"}]}


def test_an_import_has_a_longer_timeout(alice: Actor, fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 0.2)
    make_inserts_slow(fresh_database)
    assert alice.post("/tasks", json={"title": "x"}).status_code == 503
    assert alice.post("/import", json=IMPORT).status_code == 200
    assert alice.post("/import", json=IMPORT, headers={"Idempotency-Key": "k"}).status_code == 200


def test_a_command_has_no_timeout(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "RESPONSE_TIMEOUT", 0.1)
    timeouts.set_deadline(0.1)
    with app.app_context():
        assert fetch_one(text("SELECT pg_sleep(0.6)")) is not None


def test_a_server_that_accepts_connections_and_sends_nothing_is_503() -> None:
    """The kernel accepts connections for a frozen process."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = application(f"postgresql://a:b@127.0.0.1:{silent.getsockname()[1]}/c")
        started = time.monotonic()
        response = app.test_client().get("/readyz")
        assert time.monotonic() - started < 12
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


class SlowBody(BytesIO):
    """A request body that arrives after three seconds."""

    def readinto(self, buffer: Any) -> int:
        time.sleep(3)
        return super().readinto(buffer)


def test_the_time_of_a_slow_client_does_not_count(
    alice: Actor, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An opaque token is looked up, and so the deadline set, before the body arrives."""
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 3.5)  # of which the insert takes one second
    make_inserts_slow(fresh_database)
    body = b'{"title": "x"}'
    headers = {**bearer(sign_in(alice).opaque), "Content-Type": "application/json", "Content-Length": str(len(body))}
    assert alice.post("/tasks", headers=headers, input_stream=SlowBody(body)).status_code == 201


def test_the_watchdog_costs_no_statement(alice: Actor) -> None:
    alice.create_task()
    with record_statements() as statements:
        alice.create_task()
    assert len(statements) == 1
    assert timeouts.watchdog.deadlines == {}


def test_a_closed_connection_has_no_socket_to_shut_down(fresh_database: str) -> None:
    connection = psycopg2.connect(fresh_database)
    connection.close()
    timeouts.shutdown_socket(connection)  # raises nothing
    assert connection.closed


def test_a_child_process_does_not_watch_its_parents_connections() -> None:
    """To shut one down in the child would break it in the parent as well."""
    watchdog = timeouts.Watchdog()
    watchdog.deadlines[object()] = 0.0  # type: ignore[index]
    watchdog.reset()
    assert watchdog.deadlines == {}
    assert watchdog.thread is None
