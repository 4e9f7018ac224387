"""A database that says nothing, hangs up, or undoes what was done: nobody waits for ever, and nothing is done twice."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from flask import g
from psycopg2 import errorcodes
from sqlalchemy import text

from tests.support.actors import Actor
from tests.support.credentials import bearer, sign_in
from tests.support.databases import application, execute
from tests.support.statements import counted
from todo_api.database import timeouts
from todo_api.database.execution import fetch_all, fetch_one, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

ENOUGH = 30.0
"""Seconds in which whatever is bounded has ended, on a machine however busy."""


@pytest.fixture
def app(fresh_database: str) -> Flask:
    """Return an application that nobody else uses the connections of."""
    return application(fresh_database)


@pytest.fixture
def ada(app: Flask) -> Actor:
    return Actor.sign_up(app, "Ada")


@contextmanager
def locked_list(url: str, ada: Actor) -> Iterator[Any]:
    """Hold the row that every change of Ada's tasks locks first, in a transaction of ours."""
    with closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM task_lists WHERE user_id = %s FOR UPDATE", [ada.id])
        yield cursor
        other.rollback()


def end_sessions(url: str) -> None:
    """End every other session of the database, as a restart would."""
    name = urlsplit(url).path[1:]
    others = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    assert all(done for (done,) in execute(url, f"SELECT pg_terminate_backend(pid, 5000) {others}", name))


@pytest.mark.shows("PostgreSQL frozen")
def test_silence_ends_the_request_and_not_the_pool(
    ada: Actor, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server keeps silent about a lock for longer than it is waited for."""
    monkeypatch.setattr(timeouts, "RESPONSE_TIMEOUT", 0.5)
    ada.task()
    with locked_list(fresh_database, ada):
        started = time.monotonic()
        answer = ada.post("/tasks", json={"title": "x"})
        assert time.monotonic() - started < 2.5  # before the server's own three seconds
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert ada.post("/tasks", json={"title": "y"}).status_code == 201


@pytest.mark.shows("PostgreSQL timeouts")
def test_the_statements_of_a_request_share_its_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 1.0)

    def work() -> None:
        while True:
            fetch_all(text("SELECT pg_sleep(0.3)"))

    started = time.monotonic()
    with app.test_request_context(method="POST"), pytest.raises(psycopg2.Error):
        transaction(work)
    assert time.monotonic() - started < ENOUGH


def test_a_long_work_may_take_longer_than_a_request(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 0.2)
    with app.test_request_context(method="POST"):
        timeouts.set_deadline(ENOUGH)
        for _ in range(3):
            fetch_all(text("SELECT pg_sleep(0.3)"))
        assert g.deadline > time.monotonic()


def test_a_command_waits_as_long_as_it_takes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "RESPONSE_TIMEOUT", 0.1)
    timeouts.set_deadline(0.1)
    with app.app_context():
        assert fetch_one(text("SELECT pg_sleep(0.6)")) is not None


def test_a_server_that_is_cut_off_before_the_first_word_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, as the kernel does for a frozen process, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = application(f"postgresql://a:b@127.0.0.1:{silent.getsockname()[1]}/c")
        started = time.monotonic()
        answer = app.test_client().get("/readyz")
        assert time.monotonic() - started < 12
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_a_server_that_hangs_up_at_the_first_question_is_503(fresh_database: str) -> None:
    """SQLAlchemy asks it, of the first connection, and has failures of its own."""
    execute(fresh_database, "CREATE SCHEMA first")
    ending = "LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())::text'"
    execute(fresh_database, f"CREATE FUNCTION first.current_schema() RETURNS text {ending}")
    app = application(f"{fresh_database}?options=-csearch_path%3Dfirst,pg_catalog")
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


@pytest.mark.shows("PostgreSQL restart")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sessions_that_ended_meanwhile_are_noticed_before_anything_is_sent(
    ada: Actor, fresh_database: str, method: str
) -> None:
    ada.task()
    assert ada.post("/tasks/batch", json={"operations": [{"op": "create", "task": {"title": "x"}}]}).status_code == 200
    end_sessions(fresh_database)
    time.sleep(0.2)  # their farewell is on its way
    assert ada.request(method, "/tasks", json={"title": "x"}).status_code < 300
    assert ada.post("/tasks", json={"title": "x"}, headers={"Idempotency-Key": "k"}).status_code == 201


@pytest.mark.shows("PostgreSQL commit in doubt")
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 503)])
def test_a_lost_connection_is_hidden_from_who_reads_and_told_to_who_writes(
    app: Flask, fresh_database: str, method: str, status: int
) -> None:
    attempts = []

    def lost() -> str:
        attempts.append(method)
        fetch_all(text("SELECT CASE WHEN nextval('lost') = 1 THEN pg_terminate_backend(pg_backend_pid()) END"))
        return ""

    app.add_url_rule("/lost", view_func=lost, methods=["GET", "POST"])
    execute(fresh_database, "CREATE SEQUENCE lost")
    answer = app.test_client().open("/lost", method=method)
    assert (answer.status_code, attempts) == (status, [method])
    (called,) = execute(fresh_database, "SELECT last_value FROM lost")
    assert called == ((2,) if status == 200 else (1,))


LOST_AT_COMMIT = """CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('losses') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NULL; END $$"""


@pytest.mark.shows("PostgreSQL commit in doubt")
def test_who_lost_the_connection_at_the_commit_is_told_503_and_has_it_once_with_a_key(
    ada: Actor, fresh_database: str
) -> None:
    execute(fresh_database, "CREATE SEQUENCE losses")
    execute(fresh_database, LOST_AT_COMMIT)
    at_commit = "CREATE CONSTRAINT TRIGGER lost AFTER INSERT ON tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    execute(fresh_database, f"{at_commit} EXECUTE FUNCTION lost()")
    answers = [ada.post(**CREATE["key"]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 201, 201]
    assert [task["title"] for task in ada.get("/tasks").get_json()] == ["x"]


def test_silence_is_not_asked_twice(app: Flask, fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 0.3)
    execute(fresh_database, "CREATE SEQUENCE asked")
    with app.test_request_context(method="GET"), pytest.raises(psycopg2.Error):
        fetch_all(text("SELECT nextval('asked'), pg_sleep(4)"))
    assert execute(fresh_database, "SELECT last_value FROM asked") == [(1,)]


FAILING = """CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END IF;
    RETURN NEW; END $$"""


def fail(url: str, times: int, code: str) -> None:
    """Let so many inserts of tasks fail, as if PostgreSQL had chosen them."""
    execute(url, "CREATE SEQUENCE failures")
    execute(url, FAILING.format(times=times, code=code))
    execute(url, "CREATE TRIGGER failing BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION failing()")


CREATE: dict[str, dict[str, Any]] = {
    "alone": {"path": "/tasks", "json": {"title": "x"}},
    "key": {"path": "/tasks", "json": {"title": "x"}, "headers": {"Idempotency-Key": "k"}},
    "batch": {"path": "/tasks/batch", "json": {"operations": [{"op": "create", "task": {"title": "x"}}]}},
    "import": {"path": "/import", "json": {"format": "todo-export", "version": 1, "tasks": [{"title": "x"}]}},
    "import with key": {
        "path": "/import",
        "json": {"format": "todo-export", "version": 1, "tasks": [{"title": "x"}]},
        "headers": {"Idempotency-Key": "k"},
    },
}


@pytest.mark.parametrize("code", [errorcodes.SERIALIZATION_FAILURE, errorcodes.DEADLOCK_DETECTED])
@pytest.mark.parametrize("request_of", CREATE.values(), ids=CREATE)
@pytest.mark.shows("PostgreSQL deadlock")
def test_what_postgresql_undoes_is_done_again_up_to_three_times(
    ada: Actor, fresh_database: str, code: str, request_of: dict[str, Any]
) -> None:
    fail(fresh_database, 3, code)
    assert ada.post(**request_of).status_code < 300
    assert [task["title"] for task in ada.get("/tasks").get_json()] == ["x"]
    execute(fresh_database, "SELECT setval('failures', 1, false)")
    again = {**request_of, "headers": {}}
    execute(fresh_database, FAILING.replace("CREATE", "CREATE OR REPLACE").format(times=4, code=code))
    answer = ada.post(**again)
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert [task["title"] for task in ada.get("/tasks").get_json()] == ["x"]


SLOW = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$"


def test_an_import_may_take_longer_than_a_request(
    ada: Actor, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 0.2)
    execute(fresh_database, SLOW)
    execute(fresh_database, "CREATE TRIGGER slow BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION slow()")
    assert ada.post(**CREATE["alone"]).status_code == 503
    assert ada.post(**CREATE["import"]).status_code == 200
    assert ada.post(**CREATE["import with key"]).status_code == 200


class SlowBody(BytesIO):
    """A body that takes its time to come."""

    def readinto(self, buffer: Any) -> int:
        time.sleep(3)
        return super().readinto(buffer)


def test_a_slow_client_uses_up_nothing_of_the_database(
    ada: Actor, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An opaque token is looked up before the body has come."""
    monkeypatch.setattr(timeouts, "REQUEST_TIMEOUT", 3.5)  # of which the statement takes one
    execute(fresh_database, SLOW)
    execute(fresh_database, "CREATE TRIGGER slow BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION slow()")
    body = b'{"title": "x"}'
    headers = {**bearer(sign_in(ada).opaque), "Content-Type": "application/json", "Content-Length": str(len(body))}
    assert ada.post("/tasks", headers=headers, input_stream=SlowBody(body)).status_code == 201


@pytest.mark.shows("PostgreSQL full")
def test_another_failure_is_not_tried_again(ada: Actor, fresh_database: str) -> None:
    fail(fresh_database, 1, errorcodes.DISK_FULL)
    assert ada.post("/tasks", json={"title": "x"}).status_code == 503
    assert execute(fresh_database, "SELECT last_value FROM failures") == [(1,)]


@pytest.mark.shows("PostgreSQL deadlock", "ASVS 15.4.3")
def test_a_real_deadlock_is_not_seen_by_the_client(ada: Actor, fresh_database: str) -> None:
    """We hold Ada's list and want her task; the batch has changed the task, and wants the list of its next change."""
    name = urlsplit(fresh_database).path[1:]
    execute(fresh_database, f"ALTER DATABASE {name} SET deadlock_timeout = '200ms'")
    task = ada.task()
    waits = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with closing(psycopg2.connect(fresh_database, options="-c deadlock_timeout=10s")) as other:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM tasks WHERE id = %s FOR UPDATE", [task["id"]])
        answers = []
        path = f"/tasks/{task['id']}"
        writer = threading.Thread(target=lambda: answers.append(ada.put(path, json={"title": "y"})))
        writer.start()
        deadline = time.monotonic() + ENOUGH
        while not execute(fresh_database, waits, name):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM task_lists WHERE user_id = %s FOR UPDATE", [ada.id])
        other.rollback()
        writer.join(ENOUGH)
    assert [answer.status_code for answer in answers] == [200]
    assert execute(fresh_database, "SELECT deadlocks FROM pg_stat_database WHERE datname = %s", name) == [(1,)]


def test_a_watched_connection_costs_no_statement(ada: Actor, app: Flask) -> None:
    with counted() as statements:
        ada.task()
    assert len(statements) == 1
    assert timeouts.watchdog.ends == {}


def test_a_connection_that_is_gone_can_be_hung_up(fresh_database: str) -> None:
    connection = psycopg2.connect(fresh_database)
    connection.close()
    timeouts.shutdown_socket(connection)  # says nothing of it
    assert connection.closed


def test_a_child_process_watches_its_own() -> None:
    """What the parent waits for, the child must not hang up: both would lose the line."""
    own = timeouts.Watchdog()
    own.ends[object()] = 0.0  # type: ignore[index]
    own.reset()
    assert own.ends == {}
    assert own.thread is None
