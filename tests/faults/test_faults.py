"""Whatever happens to PostgreSQL or a worker under a write load: a clean 503, nothing lost, nothing doubled."""

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
from tests.support.processes import children, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.faults.servers import Patient
    from tests.faults.writers import Writers
    from tests.support.processes import Service

    Writing = Callable[[], AbstractContextManager[Writers]]

END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'todo_api'"


@pytest.mark.shows("gunicorn KILL")
def test_workers_killed(hurt: Service, writing: Writing) -> None:
    with writing() as writers:
        writers.cuts_allowed = True
        for _ in range(5):
            worker = min(children(hurt.process.pid))
            os.kill(worker, signal.SIGKILL)
            wait_until(partial(has_ended, hurt, worker))
            writers.go_on()
            writers.meanwhile(ready=True)
        writers.fault = "5 killed, "
    assert writers.refused == 0


def has_ended(service: Service, worker: int) -> bool:
    return worker not in children(service.process.pid)


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL], ids=["at_once", "killed"])
@pytest.mark.shows("PostgreSQL restart", "PostgreSQL commit in doubt")
def test_postgresql_restarted(patient: Patient, writing: Writing, how: signal.Signals) -> None:
    with writing() as writers:
        for _ in range(2):
            patient.restart(how)
            writers.go_on()
        patient.restart(how)
        writers.fault = "3 restarts, "


@pytest.mark.shows("PostgreSQL frozen")
@pytest.mark.parametrize("seconds", [2, 10])
def test_postgresql_frozen(patient: Patient, writing: Writing, seconds: int) -> None:
    with writing() as writers, patient.frozen():
        ends = time.monotonic() + seconds
        writers.meanwhile()
        time.sleep(max(0.0, ends - time.monotonic()))


@pytest.mark.shows("PostgreSQL full")
def test_no_connection_left(patient: Patient, writing: Writing) -> None:
    with writing() as writers, ExitStack() as taken, closing(psycopg2.connect(patient.url)) as first:
        first.autocommit = True
        ends = time.monotonic() + 4
        while time.monotonic() < ends:
            with suppress(psycopg2.OperationalError):
                taken.enter_context(closing(psycopg2.connect(patient.url)))
                continue
            with first.cursor() as cursor:
                cursor.execute(END_SESSIONS)
            time.sleep(0.05)
        writers.meanwhile()


@pytest.mark.shows("PostgreSQL timeouts")
def test_tables_locked(patient: Patient, writing: Writing) -> None:
    with writing() as writers, closing(psycopg2.connect(patient.url)) as other:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE users, tasks, task_lists, idempotency_keys")
        writers.meanwhile(ready=True)
        wait_until(lambda: writers.refused > 0)
        time.sleep(2)


@pytest.mark.shows("PostgreSQL full")
def test_read_only(patient: Patient, writing: Writing) -> None:
    with writing() as writers:
        for value in ("on", "off"):
            execute(patient.url, f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            execute(patient.url, "SELECT pg_reload_conf()")
            if value == "on":
                writers.meanwhile()
                wait_until(lambda: writers.refused > 6)


@pytest.mark.shows("PostgreSQL frozen")
def test_the_network_says_nothing_any_more(patient: Patient, writing: Writing) -> None:
    with writing() as writers:
        patient.line.dead = True
        try:
            writers.meanwhile()
            wait_until(lambda: writers.refused > 6)
        finally:
            patient.line.dead = False


def test_the_network_refuses(patient: Patient, writing: Writing) -> None:
    with writing() as writers:
        patient.line.cut = True
        try:
            execute(patient.url, END_SESSIONS)
            writers.meanwhile()
            wait_until(lambda: writers.refused > 6)
        finally:
            patient.line.cut = False


@pytest.fixture
def small_disk(patient: Patient) -> Iterator[Path]:
    """Yield a disk of 32 MB, on which the tasks are while the test lasts."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    disk = Path("/mnt", f"todo_api-{os.getpid()}")
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], check=False)
    try:
        if mounted.returncode:
            pytest.skip("no small disk can be made here")
        space = disk / "space"
        space.mkdir(mode=0o700)
        os.chown(space, patient.home.account["user"], patient.home.account["group"])
        execute(patient.url, f"CREATE TABLESPACE small LOCATION '{space}'")
        execute(patient.url, "ALTER TABLE tasks SET TABLESPACE small")
        yield disk
        execute(patient.url, "ALTER TABLE tasks SET TABLESPACE pg_default")
        execute(patient.url, "DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", disk], check=False, capture_output=True)
        disk.rmdir()


@pytest.mark.shows("PostgreSQL full")
def test_the_disk_is_full(small_disk: Path, writing: Writing) -> None:
    with writing() as writers:
        fill = small_disk / "full"
        with suppress(OSError), fill.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        wait_until(lambda: writers.refused > 6)
        writers.meanwhile(ready=True)
        fill.unlink()
