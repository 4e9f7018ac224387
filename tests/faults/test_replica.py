"""A replica that is current, late, dead or frozen: clients notice nothing of it but its speed."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from devtools.processes import free_port
from server.setting_parsers.urls import postgresql_url
from tests.support.actors import Actor
from tests.support.api_keys import READ, create_key, with_key
from tests.support.databases import application, execute
from tests.support.processes import wait_until
from todo_api.database import replica
from todo_api.database.statements import Statement
from todo_api.http.conditional_requests import etag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.faults.servers import ReplicatedPostgres

pytestmark = pytest.mark.timed

READS = ("/tasks", "/tasks?limit=50", "/tasks?q=milk&sort=title", "/tasks/changes", "/export")
"""The routes that a replica answers."""


@pytest.fixture(scope="module")
def postgres(replicated_postgres: ReplicatedPostgres) -> ReplicatedPostgres:
    """Return the servers with asynchronous replication: the primary does not wait for a dead standby."""
    replicated_postgres.replicate()
    execute(replicated_postgres.url, "ALTER SYSTEM RESET synchronous_standby_names")
    execute(replicated_postgres.url, "SELECT pg_reload_conf()")
    return replicated_postgres


@pytest.fixture
def app(postgres: ReplicatedPostgres, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(replica, "pause", replica.Pause())
    return application(postgres.url, database_replica_url=postgresql_url(postgres.standby.url))


@pytest.fixture
def alice(app: Flask, postgres: ReplicatedPostgres) -> Actor:
    alice = Actor.sign_up(app, "Alice")
    alice.create_task(title="Buy milk")
    wait_for_replay(postgres)
    return alice


def wait_for_replay(postgres: ReplicatedPostgres) -> None:
    """Wait until the standby has applied all that the primary has written."""
    ((position,),) = execute(postgres.url, "SELECT pg_current_wal_lsn()")
    applied = "SELECT pg_last_wal_replay_lsn() >= %s"
    wait_until(lambda: execute(postgres.standby.url, applied, position) == [(True,)])


@contextmanager
def paused_replay(postgres: ReplicatedPostgres) -> Iterator[None]:
    """Keep the standby from applying changes while the block runs."""
    execute(postgres.standby.url, "SELECT pg_wal_replay_pause()")
    wait_until(lambda: execute(postgres.standby.url, "SELECT pg_get_wal_replay_pause_state()") == [("paused",)])
    try:
        yield
    finally:
        execute(postgres.standby.url, "SELECT pg_wal_replay_resume()")


@contextmanager
def recorded_ports() -> Iterator[list[str]]:
    """Yield the list of the servers' ports to which the statements of the block are sent."""
    send = Statement.execute
    ports: list[str] = []

    def execute(statement: Statement, connection: Any, cursor: Any, parameters: Any) -> None:
        ports.append(str(cursor.connection.info.port))
        send(statement, connection, cursor, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Statement, "execute", execute)
        yield ports


def titles(actor: Actor, path: str) -> list[str]:
    """Return the titles of the tasks in a response."""
    body = actor.get(path).get_json()
    return [task["title"] for task in (body if isinstance(body, list) else body["tasks"])]


def ports_of(actor: Actor, path: str) -> list[str]:
    """Return the ports of the servers that a read asks."""
    with recorded_ports() as ports:
        assert "Buy milk" in titles(actor, path)
    return ports


@pytest.mark.parametrize("path", READS)
def test_the_primary_checks_the_session_and_the_replica_has_the_rows(
    postgres: ReplicatedPostgres, alice: Actor, path: str
) -> None:
    assert ports_of(alice, path) == [postgres.primary.port, postgres.standby.port]


def test_a_single_task_is_read_from_the_primary(postgres: ReplicatedPostgres, alice: Actor) -> None:
    with recorded_ports() as ports:
        alice.get(f"/tasks/{alice.create_task()['id']}")
    assert set(ports) == {postgres.primary.port}


def test_every_write_is_read_at_once_from_a_late_replica(postgres: ReplicatedPostgres, alice: Actor) -> None:
    with paused_replay(postgres):
        for number in range(20):
            created = alice.post("/tasks", json={"title": f"milk {number}"})
            for path in READS:
                assert f"milk {number}" in titles(alice, path), path
            unmodified = alice.get("/tasks", headers={"If-None-Match": etag(number + 2)})
            assert unmodified.status_code == 304, unmodified.headers
            assert created.status_code == 201
    wait_for_replay(postgres)
    assert ports_of(alice, "/tasks")[-1] == postgres.standby.port


def test_a_session_a_key_and_a_name_that_changed_have_changed_at_a_late_replica(
    postgres: ReplicatedPostgres, alice: Actor
) -> None:
    key = create_key(alice, permissions=READ)["key"]
    wait_for_replay(postgres)
    assert with_key(alice, key, "GET", "/tasks").status_code == 200
    with paused_replay(postgres):
        execute(postgres.url, "UPDATE users SET name = 'Ada' WHERE id = %s", alice.id)
        assert alice.get("/export").get_json()["user"]["name"] == "Ada"
        execute(postgres.url, "DELETE FROM api_keys WHERE user_id = %s", alice.id)
        assert with_key(alice, key, "GET", "/tasks").status_code == 401
        assert alice.sign_out().status_code == 200
        for path in READS:
            assert alice.get(path).status_code == 401


def test_a_new_session_reads_before_the_replica_knows_it(postgres: ReplicatedPostgres, app: Flask) -> None:
    with paused_replay(postgres):
        bob = Actor.sign_up(app, "Bob")
        for path in READS:
            assert titles(bob, path) == []


def test_a_dead_replica_is_left_out_and_used_again(
    postgres: ReplicatedPostgres,
    alice: Actor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(replica, "PAUSE", 0.5)
    assert ports_of(alice, "/tasks")[-1] == postgres.standby.port
    postgres.standby.end(signal.SIGKILL)
    for path in READS:
        assert postgres.standby.port not in ports_of(alice, path)[1:]
        monkeypatch.setattr(replica, "pause", replica.Pause())
    alice.get("/tasks")
    assert ports_of(alice, "/tasks") == [postgres.primary.port], "no statement during the pause"
    assert "replica: OperationalError: it gets no statements for 0 s" in caplog.text
    postgres.standby.start()
    wait_for_replay(postgres)
    wait_until(lambda: postgres.standby.port in ports_of(alice, "/tasks"))


def test_a_frozen_replica_costs_one_request_two_seconds(postgres: ReplicatedPostgres, alice: Actor) -> None:
    assert ports_of(alice, "/tasks")[-1] == postgres.standby.port
    with postgres.standby.frozen():
        started = time.monotonic()
        assert titles(alice, "/tasks") == ["Buy milk"]
        assert 1.5 < time.monotonic() - started < 4
        started = time.monotonic()
        for path in READS:
            assert titles(alice, path) == ["Buy milk"]
        assert time.monotonic() - started < 1.5


def test_doctor_checks_that_the_replica_is_a_standby_of_the_database(
    postgres: ReplicatedPostgres, server: str, app: Flask
) -> None:
    assert "ok   replica: a standby of the database responds" in doctor(app)
    for url in (postgres.url, server):
        other = application(postgres.url, database_replica_url=postgresql_url(url))
        assert "fail replica: it is not a standby of the database - fix DATABASE_REPLICA_URL" in doctor(other)
    dead = application(postgres.url, database_replica_url=postgresql_url(f"postgresql://127.0.0.1:{free_port()}/x"))
    (line,) = (line for line in doctor(dead) if "replica" in line)
    assert line.startswith("warn replica: connection to server at ")
    assert line.endswith("so the database answers all requests - start the replica, or fix DATABASE_REPLICA_URL")


def doctor(app: Flask) -> list[str]:
    """Return the lines of `flask doctor`."""
    return app.test_cli_runner().invoke(args=["doctor"]).stdout.splitlines()


def test_after_a_pause_one_request_tries_the_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "PAUSE", 0.2)
    pause = replica.Pause()
    pause.begin()
    assert not pause.is_over()
    assert not pause.take_trial()
    time.sleep(0.25)
    assert pause.is_over()
    assert [pause.take_trial() for _ in range(3)] == [True, False, False]
    monkeypatch.setattr(replica, "pause", pause)
    assert replica.attempt(lambda: 1) is None


def test_an_error_of_a_replica_that_responds_begins_no_pause(app: Flask) -> None:
    """Such as a statement that recovery has canceled."""
    with app.app_context():
        assert replica.attempt(lambda: replica.fetch_all(Statement(text("SELECT 1 / 0"), prepared=False), {})) is None
        assert replica.is_available()
        assert replica.attempt(lambda: replica.fetch_all(Statement(text("SELECT 1"), prepared=False), {}))
