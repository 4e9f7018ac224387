"""Connections to PostgreSQL: their options, their pools, and those that the server has closed."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from tests.support.databases import application, end_sessions, execute
from tests.support.processes import child_pids
from tests.support.service_client import ServiceClient, count_statuses, in_parallel
from todo_api.database.connections import AUTOCOMMIT, POOL_SIZE, driver_connection, pool_connection
from todo_api.database.execution import fetch_one

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor
    from tests.support.processes import Service


@pytest.mark.parametrize(
    ("query", "setting", "value"),
    [
        ("", "statement_timeout", "5s"),
        ("", "TimeZone", "UTC"),
        ("", "plan_cache_mode", "force_generic_plan"),
        ("?options=-csearch_path%3Dfoo", "search_path", "foo"),
        ("?options=-csearch_path%3Dfoo", "statement_timeout", "5s"),
        ("?application_name=mine", "application_name", "mine"),
    ],
)
def test_the_url_adds_options_and_overrides_them(database: str, query: str, setting: str, value: str) -> None:
    with application(database + query).app_context():
        row = fetch_one(text(f"SELECT current_setting('{setting}') AS value"))
    assert row is not None
    assert row["value"] == value


@pytest.mark.timed
@pytest.mark.shows("ASVS 13.2.6", "PostgreSQL pool")
@pytest.mark.parametrize(
    ("bind", "headers"), [(AUTOCOMMIT, {}), (None, {"Idempotency-Key": "k"})], ids=["statements", "transactions"]
)
def test_an_exhausted_pool_is_503_within_the_timeout(
    app: Flask, alice: Actor, bind: str | None, headers: dict[str, str]
) -> None:
    with app.app_context(), ExitStack() as stack:
        for _ in range(POOL_SIZE):
            stack.enter_context(pool_connection(bind))
        started = time.monotonic()
        response = alice.post("/tasks", json={"title": "x"}, headers=headers)
        assert time.monotonic() - started < 12
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.get_json()["code"] == "SERVICE_UNAVAILABLE"
    assert alice.post("/tasks", json={"title": "x"}, headers=headers).status_code == 201


def sockets(pid: int, port: int) -> set[str]:
    """Return the sockets of a process that are connected to the port."""
    tables = [Path(f"/proc/{pid}/net/{table}").read_text() for table in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()]
    connected = {f"socket:[{line[9]}]" for line in lines if line[2].endswith(f":{port:04X}")}
    files = subprocess.run(["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, check=False, text=True).stdout
    return {socket for socket in connected if socket in files}


@pytest.mark.shows("gunicorn fork")
@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="this system does not list sockets")
def test_no_connection_is_shared_by_two_processes(service: Service, fresh_database: str) -> None:
    caller = ServiceClient(service)
    assert count_statuses(in_parallel(40, lambda _: caller.create_task())) == {201: 40}
    port = urlsplit(fresh_database).port or 5432
    workers = [sockets(pid, port) for pid in child_pids(service.process.pid)]
    assert any(workers)
    assert set.intersection(*workers) == set()
    assert sockets(service.process.pid, port) == set()


def test_a_write_that_a_read_only_server_refuses_is_repeated_on_a_new_connection(app: Flask, alice: Actor) -> None:
    alice.create_task()
    with app.app_context(), pool_connection(AUTOCOMMIT) as connection, driver_connection(connection).cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    assert alice.post("/tasks", json={"title": "x"}).status_code == 201
    with app.app_context():
        assert fetch_one(text("SHOW default_transaction_read_only")) == {"default_transaction_read_only": "off"}


@pytest.mark.shows("PostgreSQL restart")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_the_server_has_closed_is_replaced_before_use(
    alice: Actor, fresh_database: str, method: str
) -> None:
    alice.create_task()
    batch = {"operations": [{"op": "create", "task": {"title": "x"}}]}
    assert alice.post("/tasks/batch", json=batch).status_code == 200
    end_sessions(fresh_database)
    time.sleep(0.2)  # until the server's last messages arrive
    assert alice.request(method, "/tasks", json={"title": "x"}).status_code < 300
    assert alice.post("/tasks", json={"title": "x"}, headers={"Idempotency-Key": "k"}).status_code == 201


def test_a_connection_lost_during_sqlalchemys_first_statement_is_503(fresh_database: str) -> None:
    execute(fresh_database, "CREATE SCHEMA first")
    terminate = "LANGUAGE sql AS 'SELECT pg_terminate_backend(pg_backend_pid())::text'"
    execute(fresh_database, f"CREATE FUNCTION first.current_schema() RETURNS text {terminate}")
    app = application(f"{fresh_database}?options=-csearch_path%3Dfirst,pg_catalog")
    response = app.test_client().get("/readyz")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
