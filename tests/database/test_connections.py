"""How PostgreSQL is reached."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from tests.support.callers import Caller, statuses
from tests.support.databases import application
from tests.support.processes import children
from todo_api.database.connections import AUTOCOMMIT, POOL_SIZE, pool_connection
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
        ("?options=-csearch_path%3Dfoo", "search_path", "foo"),
        ("?options=-csearch_path%3Dfoo", "statement_timeout", "5s"),
        ("?application_name=mine", "application_name", "mine"),
    ],
)
def test_the_url_may_ask_for_more(database: str, query: str, setting: str, value: str) -> None:
    with application(database + query).app_context():
        row = fetch_one(text(f"SELECT current_setting('{setting}') AS value"))
    assert row is not None
    assert row["value"] == value


@pytest.mark.shows("ASVS 13.2.6", "PostgreSQL pool")
@pytest.mark.parametrize(
    ("bind", "headers"), [(AUTOCOMMIT, {}), (None, {"Idempotency-Key": "k"})], ids=["statements", "transactions"]
)
def test_who_finds_all_connections_in_use_is_told_so_in_time(
    app: Flask, alice: Actor, bind: str | None, headers: dict[str, str]
) -> None:
    with app.app_context(), ExitStack() as taken:
        for _ in range(POOL_SIZE):
            taken.enter_context(pool_connection(bind))
        started = time.monotonic()
        answer = alice.post("/tasks", json={"title": "x"}, headers=headers)
        assert time.monotonic() - started < 12
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.get_json()["code"] == "SERVICE_UNAVAILABLE"
    assert alice.post("/tasks", json={"title": "x"}, headers=headers).status_code == 201


def connections(pid: int, port: int) -> set[str]:
    """Return the sockets that a process has, of those that lead to the port."""
    tables = [Path(f"/proc/{pid}/net/{table}").read_text() for table in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()]
    leading = {f"socket:[{line[9]}]" for line in lines if line[2].endswith(f":{port:04X}")}
    held = subprocess.run(["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, check=False, text=True).stdout
    return {each for each in leading if each in held}


@pytest.mark.shows("gunicorn fork")
@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="this system shows no sockets")
def test_no_connection_is_shared_by_two_processes(service: Service, fresh_database: str) -> None:
    caller = Caller(service)
    assert statuses(caller.at_once(40, lambda _: caller.task())) == {201: 40}
    port = urlsplit(fresh_database).port or 5432
    workers = [connections(pid, port) for pid in children(service.process.pid)]
    assert any(workers)
    assert set.intersection(*workers) == set()
    assert connections(service.process.pid, port) == set()
