"""Threads that create tasks, each with an Idempotency-Key and with retries until a 201."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import requests

from tests.support.credentials import sign_up_at
from tests.support.databases import execute
from tests.support.processes import wait_until
from tests.support.summary import FAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import pytest

    from tests.faults.servers import FaultyPostgres, ReplicatedPostgres
    from tests.support.processes import Service

Writing: TypeAlias = "Callable[[], AbstractContextManager[Writers]]"

THREADS = 6
RESPONSE_TIMEOUT = 12.0
"""Seconds for each response."""

RECOVERY_TIMEOUT = 10.0
"""Seconds from the end of a fault to the next 201. 3 to 5 are usual on an idle machine."""


@dataclass
class Report:
    """The results of a fault."""

    name: str
    responses: int
    unavailable: int
    acknowledged: int
    lost: int
    duplicated: int
    aborted: int
    slowest: float
    recovery: float
    unexpected: list[str]
    aborts_allowed: bool
    faults: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.faults}{self.responses} responses, {self.acknowledged} acknowledged, {self.lost} lost,"
            f" {self.duplicated} duplicated, {self.unavailable} times 503, {self.aborted} aborted,"
            f" slowest response {self.slowest:.1f} s, recovered in {self.recovery:.2f} s"
        )

    def check(self) -> None:
        assert self.unexpected == [], self
        assert (self.lost, self.duplicated) == (0, 0), self
        assert self.slowest <= RESPONSE_TIMEOUT, self
        assert self.recovery <= RECOVERY_TIMEOUT, self
        assert self.acknowledged > 0, self
        assert self.aborts_allowed or self.aborted == 0, self


@dataclass
class Writers:
    """The threads and their responses. They start as soon as the service is ready."""

    url: str
    acknowledged: set[str] = field(default_factory=set)
    acknowledged_at: list[float] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    responses: int = 0
    unavailable: int = 0
    aborted: int = 0
    slowest: float = 0.0
    recovery: float = 0.0
    aborts_allowed: bool = False
    faults: str = ""

    def __post_init__(self) -> None:
        wait_until(lambda: self.get("/readyz") == 200)
        user = sign_up_at(self.url, f"ada-{uuid.uuid4().hex[:8]}@example.com")
        self.headers, self.user_id = user.jwt, user.user_id
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.write) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: len(self.acknowledged_at) > THREADS)

    def get(self, path: str) -> int:
        return requests.get(f"{self.url}{path}", timeout=60).status_code

    def write(self) -> None:
        with requests.Session() as session:
            while not self.stopped.is_set():
                title = uuid.uuid4().hex
                while not self.create(session, title):
                    if self.stopped.wait(0.1):
                        return

    def create(self, session: requests.Session, title: str) -> bool:
        """Send one request, and return whether its response is 201."""
        started = time.monotonic()
        headers = {**self.headers, "Idempotency-Key": title}
        try:
            response = session.post(f"{self.url}/api/me/tasks", json={"title": title}, headers=headers, timeout=60)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            with self.lock:
                self.aborted += 1
            return False
        with self.lock:
            self.responses += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            if response.status_code == 201:
                self.acknowledged.add(title)
                self.acknowledged_at.append(time.monotonic())
                return True
            self.record_failure(response)
        return False

    def record_failure(self, response: requests.Response) -> None:
        """Accept a 503 with Retry-After, and the 409 for a key whose first request is still in progress."""
        if response.status_code == 409:
            return
        self.unavailable += 1
        kind = (response.status_code, response.headers.get("Content-Type"), response.headers.get("Retry-After"))
        if kind != (503, "application/problem+json", "2"):
            self.unexpected.append(f"{kind}: {response.text[:200]}")

    def check_health(self, *, ready: bool) -> None:
        """Check during a fault that the service is alive, and unless it is to stay ready, that it is not."""
        assert self.get("/healthz") == 200
        if not ready:
            wait_until(lambda: self.get("/readyz") == 503)

    def wait_for_progress(self) -> None:
        """Wait until enough tasks are created that most threads have created one."""
        before = len(self.acknowledged_at)
        wait_until(lambda: len(self.acknowledged_at) > before + 2 * THREADS)

    def wait_for_recovery(self) -> None:
        """Measure the seconds from now, the end of a fault, to the next 201. Wait until all threads progress."""
        ended = time.monotonic()
        before = len(self.acknowledged_at)
        wait_until(lambda: len(self.acknowledged_at) > before and self.acknowledged_at[-1] > ended)
        self.recovery = min(instant for instant in self.acknowledged_at if instant > ended) - ended
        self.wait_for_progress()
        wait_until(lambda: self.get("/readyz") == 200)

    def stop(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)

    def report(self, name: str, database: str) -> Report:
        query = "SELECT title, count(*) FROM tasks WHERE user_id = %s GROUP BY title"
        stored: dict[Any, Any] = dict(execute(database, query, self.user_id))  # type: ignore[arg-type]
        return Report(
            name=name,
            responses=self.responses,
            unavailable=self.unavailable,
            acknowledged=len(self.acknowledged),
            lost=len(self.acknowledged - set(stored)),
            duplicated=sum(number > 1 for number in stored.values()),
            aborted=self.aborted,
            slowest=self.slowest,
            recovery=self.recovery,
            unexpected=self.unexpected,
            aborts_allowed=self.aborts_allowed,
            faults=self.faults,
        )


@contextmanager
def checked_writers(
    service: Service, postgres: FaultyPostgres | ReplicatedPostgres, test: pytest.Item
) -> Iterator[Writers]:
    """Create tasks while the block runs and until the service has recovered. Then check all of them."""
    writers = Writers(service.url)
    try:
        yield writers
        writers.wait_for_recovery()
    finally:
        writers.stop()
    report = writers.report(test.name.removeprefix("test_"), postgres.url)
    test.user_properties.append((FAULT, str(report)))
    report.check()
