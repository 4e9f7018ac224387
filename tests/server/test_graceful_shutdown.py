"""Graceful shutdown and reload: every accepted request has its response."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
import pytest
import requests

from tests.support.databases import execute
from tests.support.processes import COMMANDS, GRANIAN, ON_BOTH_SERVERS, child_pids, running_service, wait_until
from tests.support.service_client import ServiceClient, count_statuses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Service

CLOSES_IDLE_CONNECTIONS = {GRANIAN}
"""Servers on which a reload closes open connections between two requests, without `Connection: close` before."""

RESPAWN_INTERVAL = 3.5
"""Seconds from the start of a new worker to the end of the old one, in granian."""


@dataclass
class Stream:
    """Clients that send requests until the service refuses connections: three keep theirs open, three open new ones."""

    url: str
    headers: dict[str, str]
    statuses: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Of all clients."""
    errors_of_new_connections: list[str] = field(default_factory=list)
    connection_close: int = 0
    """The number of responses with `Connection: close`."""
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.threads = [threading.Thread(target=self.send, args=(number % 2 == 0,)) for number in range(6)]
        for thread in self.threads:
            thread.start()

    def send(self, keep_alive: bool) -> None:  # noqa: FBT001
        target = urlsplit(self.url)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
        with closing(connection):
            while not self.stopped.is_set():
                if connection.sock is None:
                    try:
                        connection.connect()
                    except ConnectionRefusedError:
                        return
                try:
                    connection.request("POST", "/api/me/tasks", json.dumps({"title": "x"}), self.headers)
                    response = connection.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException) as error:
                    self.errors.append(repr(error))
                    if not keep_alive:
                        self.errors_of_new_connections.append(repr(error))
                    return
                self.statuses.append(response.status)
                self.connection_close += response.getheader("Connection") == "close"
                if not keep_alive:
                    connection.close()

    def stop(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(40)


@ON_BOTH_SERVERS
@pytest.mark.timed
@pytest.mark.shows("gunicorn TERM")
def test_requests_that_wait_for_the_database_at_sigterm_are_answered(service: Service, fresh_database: str) -> None:
    ada = ServiceClient(service)
    ada.create_task()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    responses: list[requests.Response] = []
    with closing(psycopg2.connect(fresh_database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM task_lists FOR UPDATE")
        threads = [threading.Thread(target=lambda: responses.append(ada.create_task())) for _ in range(6)]
        for thread in threads:
            thread.start()
        # One worker may serve all six, with its four connections.
        wait_until(lambda: execute(fresh_database, waiting)[0] >= (4,))
        time.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert responses == []
        connection.rollback()
    for thread in threads:
        thread.join(30)
    assert count_statuses(responses) == {201: 6}
    assert service.process.wait(40) == 0


@pytest.fixture(params=COMMANDS)
def delayed_service(request: pytest.FixtureRequest, fresh_database: str) -> Iterator[Service]:
    """Yield a service that a SIGTERM stops after a minute, on each server."""
    with running_service(fresh_database, server=request.param, SHUTDOWN_DELAY_SECONDS="60") as service:
        yield service
        service.process.send_signal(signal.SIGINT)  # in case the test has failed


@pytest.mark.shows("gunicorn TERM", "gunicorn readiness")
def test_sigterm_drops_no_accepted_connection(delayed_service: Service) -> None:
    service = delayed_service
    ada = ServiceClient(service)
    assert requests.get(f"{service.url}/readyz", timeout=10).status_code == 200
    stream = Stream(service.url, {**ada.headers, "Content-Type": "application/json"})
    wait_until(lambda: len(stream.statuses) > 20)
    service.process.send_signal(signal.SIGTERM)
    wait_until(lambda: requests.get(f"{service.url}/readyz", timeout=10).status_code == 503)
    assert requests.get(f"{service.url}/readyz", timeout=10).headers["Connection"] == "close"
    assert requests.get(f"{service.url}/healthz", timeout=10).status_code == 200
    served = len(stream.statuses)
    wait_until(lambda: len(stream.statuses) > served + 20)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(40) == 0
    stream.stop()
    assert stream.errors == []
    assert set(stream.statuses) == {201}
    assert stream.connection_close > 0


def test_sigint_stops_without_delay(delayed_service: Service) -> None:
    delayed_service.process.send_signal(signal.SIGINT)
    assert delayed_service.process.wait(40) == 0


@ON_BOTH_SERVERS
def test_a_reload_drops_no_connection_and_starts_new_workers(service: Service) -> None:
    ada = ServiceClient(service)
    before = child_pids(service.process.pid)
    stream = Stream(service.url, {**ada.headers, "Content-Type": "application/json"})
    wait_until(lambda: len(stream.statuses) > 20)
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(child_pids(service.process.pid)) == 2 and not before & child_pids(service.process.pid))
    served = len(stream.statuses)
    wait_until(lambda: len(stream.statuses) > served + 20)
    stream.stop()
    assert (stream.errors_of_new_connections if service.server in CLOSES_IDLE_CONNECTIONS else stream.errors) == []
    assert set(stream.statuses) == {201}


def test_granian_stops_a_worker_after_the_new_one_has_loaded_the_application(fresh_database: str) -> None:
    with running_service(fresh_database, server=GRANIAN, WEB_CONCURRENCY="1") as service:
        (old,) = child_pids(service.process.pid)
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(child_pids(service.process.pid)) == 2)
        (new,) = child_pids(service.process.pid) - {old}
        os.kill(new, signal.SIGSTOP)  # it is slow
        time.sleep(RESPAWN_INTERVAL + 0.5)
        assert requests.get(f"{service.url}/", timeout=10).status_code == 200
        os.kill(new, signal.SIGCONT)
        wait_until(lambda: child_pids(service.process.pid) == {new})
        assert requests.get(f"{service.url}/", timeout=10).status_code == 200


def test_sigterm_drains_also_after_a_reload(delayed_service: Service) -> None:
    """The new workers share the same draining flag. A second SIGTERM skips the delay."""
    process = delayed_service.process
    before = child_pids(process.pid)
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(child_pids(process.pid)) == 2 and not before & child_pids(process.pid))
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: requests.get(f"{delayed_service.url}/readyz", timeout=10).status_code == 503)
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0


@pytest.mark.parametrize("service", [GRANIAN], indirect=True)  # tests/faults kills the workers of gunicorn
@pytest.mark.shows("gunicorn KILL")
def test_the_service_survives_a_kill_of_any_worker(service: Service) -> None:
    ada = ServiceClient(service)
    for worker in child_pids(service.process.pid):
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: ada.create_task().status_code == 201)
    wait_until(lambda: len(child_pids(service.process.pid)) == 2)
