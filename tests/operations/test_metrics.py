"""Metrics for Prometheus: off by default, limited in number, and added up over all processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application
from tests.support.processes import COMMANDS, ROOT, running_service, wait_until
from todo_api.database.connections import AUTOCOMMIT, pool_connection

if TYPE_CHECKING:
    from flask import Flask

Samples = dict[tuple[str, ...], float]
"""Values by the name of the metric and the values of its labels."""

SHARED_MEMORY = Path("/dev/shm")
TASKS = "/api/<user_id>/tasks"


def parse(text: str) -> Samples:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


@pytest.fixture
def app(database: str) -> Flask:
    return application(database, metrics=True)


def read_metrics(app: Flask) -> Samples:
    response = app.test_client().get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return parse(response.text)


def test_metrics_are_off_by_default(database: str) -> None:
    assert application(database).test_client().get("/metrics").status_code == 404


def test_the_openapi_document_omits_metrics(app: Flask) -> None:
    assert "/metrics" not in app.test_client().get("/openapi.json").get_json()["paths"]


def test_requests_are_counted_and_timed_by_route(app: Flask) -> None:
    ada = Actor.sign_up(app, "Ada")
    for _ in range(3):
        ada.get("/tasks")
    ada.post("/tasks", json={})
    samples = read_metrics(app)
    assert samples["http_requests_total", "GET", TASKS, "200"] == 3
    assert samples["http_requests_total", "POST", TASKS, "422"] == 1
    assert samples["http_request_duration_seconds_count", TASKS] == 4
    assert 0 < samples["http_request_duration_seconds_sum", TASKS] < 60


def test_sign_ins_are_counted_by_outcome(app: Flask) -> None:
    ada = Actor.sign_up(app, "Ada")
    for password in (PASSWORD, "wrong password", "wrong password"):
        ada.client.post("/api/auth/sign-in/email", json={"email": ada.email, "password": password})
    samples = read_metrics(app)
    assert (samples["sign_ins_total", "success"], samples["sign_ins_total", "failure"]) == (1, 2)


def test_unknown_paths_and_methods_add_no_metrics(app: Flask) -> None:
    client = app.test_client()

    def labels_after_requests(number: int) -> set[tuple[str, ...]]:
        client.get(f"/nothing/{number}")
        client.open(f"/{number}", method=f"X{number}")
        client.get(f"/api/{number}/tasks/{number}?{number}")
        return set(read_metrics(app))

    labels_after_requests(0)
    first = labels_after_requests(1)
    assert all(labels_after_requests(number) == first for number in range(2, 10))
    samples = read_metrics(app)
    assert samples["http_requests_total", "OTHER", "unmatched", "404"] == 10
    assert samples["http_requests_total", "GET", "unmatched", "404"] == 10


def test_connections_in_use_are_a_gauge(app: Flask) -> None:
    def in_use() -> float:
        app.test_client().get("/")
        return read_metrics(app)["database_connections_in_use", "autocommit"]

    assert in_use() == 0
    with app.app_context(), pool_connection(AUTOCOMMIT) as connection:
        assert connection.is_valid
        assert in_use() == 1
    assert in_use() == 0


COUNT_ONE_REQUEST = """
from dataclasses import replace
from tests.support.databases import CONFIG
from todo_api import create_app
create_app(replace(CONFIG, metrics=True)).test_client().get("/")
"""


def test_any_process_renders_the_metrics_of_all(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for _ in range(2):
        subprocess.run([sys.executable, "-c", COUNT_ONE_REQUEST], cwd=ROOT, check=True, timeout=120)
    assert read_metrics(app)["http_requests_total", "GET", "/", "200"] == 2


def directories(pid: int) -> list[Path]:
    return list(SHARED_MEMORY.glob(f"todo_api-metrics-{pid}-*"))


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="the metrics are in another directory")
@pytest.mark.parametrize("name", COMMANDS)
def test_metrics_of_all_workers_are_added_up_and_survive_a_worker(fresh_database: str, name: str) -> None:
    with running_service(fresh_database, server=name, METRICS="true") as service:

        def count_after_requests(number: int) -> float:
            for _ in range(number):
                requests.get(f"{service.url}/api/auth/ok", timeout=30)
            samples = parse(requests.get(f"{service.url}/metrics", timeout=30).text)
            return samples["http_requests_total", "GET", "/api/auth/ok", "200"]

        master = service.process.pid
        (directory,) = directories(master)
        children = [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
        assert len(children) == 2
        for expected, idle in zip((5, 10), children, strict=True):
            os.kill(idle, signal.SIGSTOP)  # so that the other one responds
            assert count_after_requests(5) == expected
            os.kill(idle, signal.SIGCONT)
        os.kill(children[0], signal.SIGKILL)
        gauge = directory / f"gauge_livesum_{children[0]}.db"
        wait_until(lambda: not gauge.exists())
        assert count_after_requests(0) == 10
        os.kill(master, signal.SIGHUP)
        assert count_after_requests(1) == 11
        assert directories(master) == [directory]
    assert directories(master) == []
