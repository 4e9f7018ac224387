"""Numbers for Prometheus: of all processes, few however much is asked, and only where they are wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application
from tests.support.processes import ROOT, serving
from todo_api.database.connections import AUTOCOMMIT, pool_connection

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

Numbers = dict[tuple[str, ...], float]

FOLDERS = Path("/dev/shm")
TASKS = "/api/<user_id>/tasks"


def numbers(text: str) -> Numbers:
    """Return each number by its name and the values of its labels."""
    families = text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


@pytest.fixture
def counting(database: str) -> Flask:
    return application(database, metrics=True)


def seen(app: Flask) -> Numbers:
    response = app.test_client().get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return numbers(response.text)


def test_there_are_none_unless_they_are_asked_for(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 404


def test_the_document_leaves_them_out(counting: Flask) -> None:
    assert "/metrics" not in counting.test_client().get("/openapi.json").get_json()["paths"]


def test_requests_are_counted_and_timed_by_route(counting: Flask) -> None:
    ada = Actor.sign_up(counting, "Ada")
    for _ in range(3):
        ada.get("/tasks")
    ada.post("/tasks", json={})
    found = seen(counting)
    assert found["http_requests_total", "GET", TASKS, "200"] == 3
    assert found["http_requests_total", "POST", TASKS, "422"] == 1
    assert found["http_request_duration_seconds_count", TASKS] == 4
    assert 0 < found["http_request_duration_seconds_sum", TASKS] < 60


def test_sign_ins_are_counted_by_outcome(counting: Flask) -> None:
    ada = Actor.sign_up(counting, "Ada")
    for password in (PASSWORD, "wrong password", "wrong password"):
        ada.client.post("/api/auth/sign-in/email", json={"email": ada.email, "password": password})
    found = seen(counting)
    assert (found["sign_ins_total", "success"], found["sign_ins_total", "failure"]) == (1, 2)


def test_whatever_is_asked_the_numbers_stay_few(counting: Flask) -> None:
    client = counting.test_client()

    def asked(number: int) -> set[tuple[str, ...]]:
        client.get(f"/nothing/{number}")
        client.open(f"/{number}", method=f"X{number}")
        client.get(f"/api/{number}/tasks/{number}?{number}")
        return set(seen(counting))

    asked(0)
    first = asked(1)
    assert all(asked(number) == first for number in range(2, 10))
    found = seen(counting)
    assert found["http_requests_total", "OTHER", "unmatched", "404"] == 10
    assert found["http_requests_total", "GET", "unmatched", "404"] == 10


def test_connections_in_use_are_seen(counting: Flask) -> None:
    def in_use() -> float:
        counting.test_client().get("/")
        return seen(counting)["database_connections_in_use", "autocommit"]

    assert in_use() == 0
    with counting.app_context(), pool_connection(AUTOCOMMIT) as connection:
        assert connection.is_valid
        assert in_use() == 1
    assert in_use() == 0


COUNT_ONE = """
from dataclasses import replace
from tests.support.databases import CONFIG
from todo_api import create_app
create_app(replace(CONFIG, metrics=True)).test_client().get("/")
"""


def test_any_process_shows_what_others_have_counted(
    counting: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for _ in range(2):
        subprocess.run([sys.executable, "-c", COUNT_ONE], cwd=ROOT, check=True, timeout=120)
    assert seen(counting)["http_requests_total", "GET", "/", "200"] == 2


def folders(pid: int) -> list[Path]:
    return list(FOLDERS.glob(f"todo_api-metrics-{pid}-*"))


@pytest.mark.skipif(not FOLDERS.is_dir(), reason="the folder is elsewhere")
def test_the_processes_numbers_are_added_up_and_outlive_a_worker(fresh_database: str) -> None:
    with serving(fresh_database, METRICS="true") as service:

        def asked(number: int) -> float:
            for _ in range(number):
                requests.get(f"{service.url}/api/auth/ok", timeout=30)
            found = numbers(requests.get(f"{service.url}/metrics", timeout=30).text)
            return found["http_requests_total", "GET", "/api/auth/ok", "200"]

        master = service.process.pid
        (folder,) = folders(master)
        children = [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
        assert len(children) == 2
        for expected, idle in zip((5, 10), children, strict=True):
            os.kill(idle, signal.SIGSTOP)  # so that the other one answers
            assert asked(5) == expected
            os.kill(idle, signal.SIGCONT)
        os.kill(children[0], signal.SIGKILL)
        gauge = folder / f"gauge_livesum_{children[0]}.db"
        deadline = time.monotonic() + 30
        while gauge.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert asked(0) == 10
        os.kill(master, signal.SIGHUP)
        assert asked(1) == 11
        assert folders(master) == [folder]
    assert folders(master) == []
