"""A primary with a synchronous standby: it dies, freezes or turns read-only under load, and the standby is promoted."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING

import pytest
import requests

from tests.faults.writers import checked_writers
from tests.support.databases import execute
from tests.support.processes import running_service, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.servers import ReplicatedPostgres
    from tests.faults.writers import Writers, Writing
    from tests.support.processes import Service

pytestmark = pytest.mark.timed

BACK_AFTER_PROMOTION = 5.0
"""Seconds from the promotion to the next 201."""


@pytest.fixture(scope="module")
def replicated_service(replicated_postgres: ReplicatedPostgres) -> Iterator[Service]:
    """Yield one service for all failovers: it is not restarted."""
    with running_service(replicated_postgres.url_of_both) as service:
        yield service


@pytest.fixture
def postgres(replicated_postgres: ReplicatedPostgres) -> ReplicatedPostgres:
    replicated_postgres.replicate()
    return replicated_postgres


@pytest.fixture
def writing(postgres: ReplicatedPostgres, replicated_service: Service, request: pytest.FixtureRequest) -> Writing:
    return partial(checked_writers, replicated_service, postgres, request.node)


class Reader:
    """A client that reads the tasks during a fault, and records its slowest response."""

    def __init__(self, writers: Writers) -> None:
        self.writers = writers
        self.statuses: set[int] = set()
        self.slowest = 0.0
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self) -> None:
        url, headers = f"{self.writers.url}/api/me/tasks?limit=1", self.writers.headers
        while not self.writers.stopped.is_set():
            started = time.monotonic()
            self.statuses.add(requests.get(url, headers=headers, timeout=60).status_code)
            self.slowest = max(self.slowest, time.monotonic() - started)
            time.sleep(0.02)


def read_own_writes(writers: Writers, number: int) -> None:
    """Create tasks, and read each one at once."""
    url = f"{writers.url}/api/me/tasks"
    for _ in range(number):
        created = requests.post(url, json={"title": uuid.uuid4().hex}, headers=writers.headers, timeout=60)
        assert created.status_code == 201, created.text
        read = requests.get(f"{url}/{created.json()['id']}", headers=writers.headers, timeout=60)
        assert read.status_code == 200, read.text


@pytest.mark.shows("PostgreSQL failover")
def test_a_killed_primary(postgres: ReplicatedPostgres, writing: Writing) -> None:
    with writing() as writers:
        postgres.primary.end(signal.SIGKILL)
        writers.check_health(ready=False)
        wait_until(lambda: writers.unavailable > 6)
        postgres.promote()
    assert writers.recovery <= BACK_AFTER_PROMOTION


@pytest.mark.shows("PostgreSQL failover")
def test_a_frozen_primary_that_wakes_up(postgres: ReplicatedPostgres, writing: Writing) -> None:
    """While it is frozen and after it, with two primaries, the service uses the new one only."""
    with writing() as writers:
        reader = Reader(writers)
        with postgres.primary.frozen():
            time.sleep(3)
            postgres.promote()
            promoted = time.monotonic()
            wait_until(lambda: writers.acknowledged_at[-1] > promoted + 0.1)
            back = time.monotonic() - promoted
            writers.wait_for_progress()
            read_own_writes(writers, 10)
        read_own_writes(writers, 40)
        writers.faults = f"slowest read {reader.slowest:.1f} s, writes {back:.2f} s after the promotion, "
    reader.thread.join(60)
    assert reader.statuses <= {200, 503}
    assert reader.slowest <= 8
    assert back <= BACK_AFTER_PROMOTION


@pytest.mark.shows("PostgreSQL failover")
def test_a_primary_that_turns_read_only(postgres: ReplicatedPostgres, writing: Writing) -> None:
    """It closes no connection. The service replaces each one whose write it refuses."""
    with writing() as writers:
        execute(postgres.url, "ALTER SYSTEM SET default_transaction_read_only = on")
        execute(postgres.url, "SELECT pg_reload_conf()")
        wait_until(lambda: writers.unavailable > 6)
        postgres.promote()
    assert writers.recovery <= BACK_AFTER_PROMOTION
