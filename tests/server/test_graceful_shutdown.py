"""How the service ends, and is reloaded: whoever was heard is answered."""

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

from tests.support.callers import Caller, statuses
from tests.support.databases import execute
from tests.support.processes import children, serving, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Service


@dataclass
class Stream:
    """Many who send one request after the other, over connections that they keep or over new ones, until refused."""

    url: str
    headers: dict[str, str]
    statuses: list[int] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    closing: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.threads = [threading.Thread(target=self.send, args=(number % 2 == 0,)) for number in range(6)]
        for thread in self.threads:
            thread.start()

    def send(self, keep: bool) -> None:  # noqa: FBT001
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
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException) as error:
                    self.dropped.append(repr(error))
                    return
                self.statuses.append(answer.status)
                self.closing += answer.getheader("Connection") == "close"
                if not keep:
                    connection.close()

    def end(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(40)


@pytest.mark.shows("gunicorn TERM")
def test_whoever_is_in_the_database_at_sigterm_is_answered(service: Service, fresh_database: str) -> None:
    ada = Caller(service)
    ada.task()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    answers: list[requests.Response] = []
    with closing(psycopg2.connect(fresh_database)) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM task_lists FOR UPDATE")
        threads = [threading.Thread(target=lambda: answers.append(ada.task())) for _ in range(6)]
        for thread in threads:
            thread.start()
        # One worker may have them all, and four connections for them.
        wait_until(lambda: execute(fresh_database, waiting)[0] >= (4,))
        time.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert answers == []
        other.rollback()
    for thread in threads:
        thread.join(30)
    assert statuses(answers) == {201: 6}
    assert service.process.wait(40) == 0


@pytest.fixture
def slowly_ending(fresh_database: str) -> Iterator[Service]:
    with serving(fresh_database, SHUTDOWN_DELAY_SECONDS="20") as service:
        yield service
        service.process.send_signal(signal.SIGINT)  # where the test has failed


@pytest.mark.shows("gunicorn TERM", "gunicorn readiness")
def test_sigterm_drops_nobody_who_was_let_in(slowly_ending: Service) -> None:
    service = slowly_ending
    ada = Caller(service)
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
    stream.end()
    assert stream.dropped == []
    assert set(stream.statuses) == {201}
    assert stream.closing > 0


def test_a_second_sigterm_ends_the_delay(fresh_database: str) -> None:
    with serving(fresh_database, SHUTDOWN_DELAY_SECONDS="20") as service:
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: requests.get(f"{service.url}/readyz", timeout=10).status_code == 503)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(40) == 0


def test_sigint_does_not_delay(fresh_database: str) -> None:
    with serving(fresh_database, SHUTDOWN_DELAY_SECONDS="20") as service:
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(40) == 0


def test_a_reload_drops_nobody_and_brings_new_workers(service: Service) -> None:
    ada = Caller(service)
    before = children(service.process.pid)
    stream = Stream(service.url, {**ada.headers, "Content-Type": "application/json"})
    wait_until(lambda: len(stream.statuses) > 20)
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(children(service.process.pid)) == 2 and not before & children(service.process.pid))
    served = len(stream.statuses)
    wait_until(lambda: len(stream.statuses) > served + 20)
    stream.end()
    assert stream.dropped == []
    assert set(stream.statuses) == {201}


def test_after_a_reload_sigterm_still_says_so(fresh_database: str) -> None:
    """The byte that the workers look at is the same one for the new ones."""
    with serving(fresh_database, SHUTDOWN_DELAY_SECONDS="20") as service:
        before = children(service.process.pid)
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(children(service.process.pid)) == 2 and not before & children(service.process.pid))
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: requests.get(f"{service.url}/readyz", timeout=10).status_code == 503)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(40) == 0


@pytest.mark.shows("gunicorn KILL")
def test_the_service_outlives_any_worker(service: Service) -> None:
    ada = Caller(service)
    for worker in children(service.process.pid):
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: ada.task().status_code == 201)
    wait_until(lambda: len(children(service.process.pid)) == 2)
