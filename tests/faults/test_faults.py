"""Faults of PostgreSQL, the network and the workers under load: 503, and no task is lost or duplicated."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.support.databases import execute
from tests.support.processes import child_pids, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.servers import FaultyPostgres
    from tests.faults.writers import Writing
    from tests.support.processes import Service

pytestmark = pytest.mark.timed

END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'todo_api'"


@pytest.mark.shows("gunicorn KILL")
def test_killed_workers(faulty_service: Service, writing: Writing) -> None:
    with writing() as writers:
        writers.aborts_allowed = True
        for _ in range(5):
            # Without this, the only worker that serves could be killed, and the requests would wait for a start.
            wait_until(lambda: writers.get("/healthz") == 200 and has_two_serving_workers(faulty_service), 60)
            worker = min(child_pids(faulty_service.process.pid))
            os.kill(worker, signal.SIGKILL)
            wait_until(partial(has_exited, faulty_service, worker))
            writers.wait_for_progress()
            writers.check_health(ready=True)
        writers.faults = "5 killed, "
    assert writers.unavailable == 0


def has_two_serving_workers(service: Service) -> bool:
    """Return whether both workers have threads, which their first requests start."""
    workers = child_pids(service.process.pid)
    return len(workers) == 2 and all(len(list(Path(f"/proc/{worker}/task").iterdir())) > 1 for worker in workers)


def has_exited(service: Service, worker: int) -> bool:
    return worker not in child_pids(service.process.pid)


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate_shutdown", "kill"])
@pytest.mark.shows("PostgreSQL restart", "PostgreSQL commit in doubt")
def test_a_restart_of_postgresql(postgres: FaultyPostgres, writing: Writing, number: signal.Signals) -> None:
    with writing() as writers:
        for _ in range(2):
            postgres.restart(number)
            writers.wait_for_progress()
        postgres.restart(number)
        writers.faults = "3 restarts, "


@pytest.mark.shows("PostgreSQL frozen")
@pytest.mark.parametrize("seconds", [2, 10])
def test_a_frozen_postgresql(postgres: FaultyPostgres, writing: Writing, seconds: int) -> None:
    with writing() as writers, postgres.frozen():
        deadline = time.monotonic() + seconds
        writers.check_health(ready=False)
        time.sleep(max(0.0, deadline - time.monotonic()))


@pytest.mark.shows("PostgreSQL full")
def test_no_free_connections(postgres: FaultyPostgres, writing: Writing) -> None:
    with writing() as writers, ExitStack() as connections, closing(psycopg2.connect(postgres.url)) as first:
        first.autocommit = True
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            with suppress(psycopg2.OperationalError):
                connections.enter_context(closing(psycopg2.connect(postgres.url)))
                continue
            with first.cursor() as cursor:
                cursor.execute(END_SESSIONS)
            time.sleep(0.05)
        writers.check_health(ready=False)


@pytest.mark.shows("PostgreSQL timeouts")
def test_a_locked_table(postgres: FaultyPostgres, writing: Writing) -> None:
    with writing() as writers, closing(psycopg2.connect(postgres.url)) as other:
        with other.cursor() as cursor:
            # One table only: a second lock could deadlock with the statements of the service.
            cursor.execute("LOCK TABLE tasks")
        writers.check_health(ready=True)
        wait_until(lambda: writers.unavailable > 0)
        time.sleep(2)


@pytest.mark.shows("PostgreSQL full")
def test_a_read_only_database(postgres: FaultyPostgres, writing: Writing) -> None:
    with writing() as writers:
        for value in ("on", "off"):
            execute(postgres.url, f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            execute(postgres.url, "SELECT pg_reload_conf()")
            if value == "on":
                writers.check_health(ready=False)
                wait_until(lambda: writers.unavailable > 6)


@pytest.mark.shows("PostgreSQL frozen")
def test_a_silent_network(postgres: FaultyPostgres, writing: Writing) -> None:
    with writing() as writers:
        postgres.proxy.is_silent = True
        try:
            writers.check_health(ready=False)
            wait_until(lambda: writers.unavailable > 6)
        finally:
            postgres.proxy.is_silent = False


def test_a_network_that_refuses_connections(postgres: FaultyPostgres, writing: Writing) -> None:
    with writing() as writers:
        postgres.proxy.is_refusing = True
        try:
            execute(postgres.url, END_SESSIONS)
            writers.check_health(ready=False)
            wait_until(lambda: writers.unavailable > 6)
        finally:
            postgres.proxy.is_refusing = False


@pytest.fixture
def small_disk(postgres: FaultyPostgres) -> Iterator[Path]:
    """Yield a file system of 32 MB that contains the table of the tasks during the test."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    disk = Path("/mnt", f"todo_api-{os.getpid()}")
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], check=False)
    try:
        if mount.returncode:
            pytest.skip("no file system can be mounted here")
        tablespace = disk / "tablespace"
        tablespace.mkdir(mode=0o700)
        os.chown(tablespace, postgres.server.account["user"], postgres.server.account["group"])
        execute(postgres.url, f"CREATE TABLESPACE small LOCATION '{tablespace}'")
        execute(postgres.url, "ALTER TABLE tasks SET TABLESPACE small")
        yield disk
        execute(postgres.url, "ALTER TABLE tasks SET TABLESPACE pg_default")
        execute(postgres.url, "DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", disk], check=False, capture_output=True)
        disk.rmdir()


@pytest.mark.shows("PostgreSQL full")
def test_a_full_disk(small_disk: Path, writing: Writing) -> None:
    with writing() as writers:
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        wait_until(lambda: writers.unavailable > 6)
        writers.check_health(ready=True)
        filler.unlink()
