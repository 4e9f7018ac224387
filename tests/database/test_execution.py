"""Retries: what PostgreSQL has rolled back runs again, and no write runs twice."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2 import errorcodes
from sqlalchemy import text

from tests.support.databases import execute
from tests.support.processes import wait_until
from todo_api.database.execution import fetch_all

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor

ENOUGH = 30.0
"""Seconds within which PostgreSQL has ended a deadlock, even on a busy machine."""


@pytest.mark.shows("PostgreSQL commit in doubt")
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 503)])
def test_after_a_lost_connection_a_read_is_retried_and_a_write_is_503(
    app: Flask, fresh_database: str, method: str, status: int
) -> None:
    calls = []

    def lost() -> str:
        calls.append(method)
        fetch_all(text("SELECT CASE WHEN nextval('lost') = 1 THEN pg_terminate_backend(pg_backend_pid()) END"))
        return ""

    app.add_url_rule("/lost", view_func=lost, methods=["GET", "POST"])
    execute(fresh_database, "CREATE SEQUENCE lost")
    response = app.test_client().open("/lost", method=method)
    assert (response.status_code, calls) == (status, [method])
    (attempts,) = execute(fresh_database, "SELECT last_value FROM lost")
    assert attempts == ((2,) if status == 200 else (1,))


LOST_AT_COMMIT = """CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('losses') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NULL; END $$"""


@pytest.mark.shows("PostgreSQL commit in doubt")
def test_a_connection_lost_at_the_commit_is_503_and_an_idempotency_key_makes_the_retry_safe(
    alice: Actor, fresh_database: str
) -> None:
    execute(fresh_database, "CREATE SEQUENCE losses")
    execute(fresh_database, LOST_AT_COMMIT)
    at_commit = "CREATE CONSTRAINT TRIGGER lost AFTER INSERT ON tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    execute(fresh_database, f"{at_commit} EXECUTE FUNCTION lost()")
    responses = [alice.post(**CREATE["key"]) for _ in range(3)]
    assert [response.status_code for response in responses] == [503, 201, 201]
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["x"]


FAIL = """CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END IF;
    RETURN NEW; END $$"""


def fail_inserts(url: str, times: int, code: str) -> None:
    """Make the first inserts of tasks fail with an error code of PostgreSQL."""
    execute(url, "CREATE SEQUENCE failures")
    execute(url, FAIL.format(times=times, code=code))
    execute(url, "CREATE TRIGGER fail BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION fail()")


CREATE: dict[str, dict[str, Any]] = {
    "autocommit": {"path": "/tasks", "json": {"title": "x"}},
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
@pytest.mark.parametrize("create", CREATE.values(), ids=CREATE)
@pytest.mark.shows("PostgreSQL deadlock")
def test_a_rollback_by_postgresql_is_retried_up_to_three_times(
    alice: Actor, fresh_database: str, code: str, create: dict[str, Any]
) -> None:
    fail_inserts(fresh_database, 3, code)
    assert alice.post(**create).status_code < 300
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["x"]
    execute(fresh_database, "SELECT setval('failures', 1, false)")
    execute(fresh_database, FAIL.format(times=4, code=code))
    response = alice.post(**{**create, "headers": {}})
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["x"]


@pytest.mark.shows("PostgreSQL full")
def test_other_errors_are_not_retried(alice: Actor, fresh_database: str) -> None:
    fail_inserts(fresh_database, 1, errorcodes.DISK_FULL)
    assert alice.post("/tasks", json={"title": "x"}).status_code == 503
    assert execute(fresh_database, "SELECT last_value FROM failures") == [(1,)]


@pytest.mark.shows("PostgreSQL deadlock", "ASVS 15.4.3")
def test_a_real_deadlock_is_hidden_from_the_client(alice: Actor, fresh_database: str) -> None:
    """The test locks the task and then the list; the request locks the list and then the task."""
    name = urlsplit(fresh_database).path[1:]
    execute(fresh_database, f"ALTER DATABASE {name} SET deadlock_timeout = '200ms'")
    path = f"/tasks/{alice.create_task()['id']}"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with closing(psycopg2.connect(fresh_database, options="-c deadlock_timeout=10s")) as other:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM tasks WHERE id = %s FOR UPDATE", [path.rpartition("/")[2]])
        responses = []
        writer = threading.Thread(target=lambda: responses.append(alice.put(path, json={"title": "y"})))
        writer.start()
        wait_until(lambda: bool(execute(fresh_database, waiting, name)))
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM task_lists WHERE user_id = %s FOR UPDATE", [alice.id])
        other.rollback()
        writer.join(ENOUGH)
    assert [response.status_code for response in responses] == [200]
    assert execute(fresh_database, "SELECT deadlocks FROM pg_stat_database WHERE datname = %s", name) == [(1,)]
