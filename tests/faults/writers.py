"""Some who create tasks all the time, each under a key that is sent until it is acknowledged."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.support.credentials import sign_up_at
from tests.support.databases import execute
from tests.support.processes import wait_until

THREADS = 6
PATIENCE = 12.0
"""Seconds within which everything is answered."""

RECOVERY = 10.0
"""Seconds after a fault within which writes are taken again; the aim is 3 to 5, on a machine that is not busy."""


@dataclass
class Report:
    """What came of a fault."""

    name: str
    sent: int
    refused: int
    acknowledged: int
    lost: int
    doubled: int
    cut: int
    slowest: float
    recovery: float
    wrong: list[str]
    not_ready: bool
    cuts_allowed: bool
    fault: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.fault}{self.sent} requests, {self.acknowledged} acknowledged, {self.lost} lost,"
            f" {self.doubled} doubled, {self.refused} times 503, {self.cut} cut off,"
            f" slowest answer {self.slowest:.1f} s, recovered in {self.recovery:.2f} s"
        )

    def judge(self) -> None:
        assert self.wrong == [], self
        assert (self.lost, self.doubled) == (0, 0), self
        assert self.slowest <= PATIENCE, self
        assert self.recovery <= RECOVERY, self
        assert self.acknowledged > 0, self
        assert self.cuts_allowed or self.cut == 0, self


@dataclass
class Writers:
    """The threads, and what they were told."""

    url: str
    acknowledged: set[str] = field(default_factory=set)
    moments: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    sent: int = 0
    refused: int = 0
    cut: int = 0
    slowest: float = 0.0
    recovery: float = 0.0
    not_ready: bool = False
    cuts_allowed: bool = False
    fault: str = ""

    def __post_init__(self) -> None:
        signed = sign_up_at(self.url, f"ada-{uuid.uuid4().hex[:8]}@example.com")
        self.headers, self.user_id = signed.jwt, signed.user_id
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.write) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: len(self.moments) > THREADS)

    def write(self) -> None:
        with requests.Session() as session:
            while not self.stopped.is_set():
                title = uuid.uuid4().hex
                while not self.create(session, title):
                    if self.stopped.wait(0.1):
                        return

    def create(self, session: requests.Session, title: str) -> bool:
        """Send one request; tell whether it was acknowledged."""
        started = time.monotonic()
        headers = {**self.headers, "Idempotency-Key": title}
        try:
            answer = session.post(f"{self.url}/api/me/tasks", json={"title": title}, headers=headers, timeout=60)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            with self.lock:
                self.cut += 1
            return False
        with self.lock:
            self.sent += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            if answer.status_code == 201:
                self.acknowledged.add(title)
                self.moments.append(time.monotonic())
                return True
            self.note(answer)
        return False

    def note(self, answer: requests.Response) -> None:
        """Take a refusal, which must be a clean one; a key whose first request is still under way is told so."""
        if answer.status_code == 409:
            return
        self.refused += 1
        kind = (answer.status_code, answer.headers.get("Content-Type"), answer.headers.get("Retry-After"))
        if kind != (503, "application/problem+json", "2"):
            self.wrong.append(f"{kind}: {answer.text[:200]}")

    def meanwhile(self, *, ready: bool = False) -> None:
        """Ask during a fault how the service is: it lives, and says that it is not ready."""
        assert requests.get(f"{self.url}/healthz", timeout=60).status_code == 200
        if not ready:
            wait_until(lambda: requests.get(f"{self.url}/readyz", timeout=60).status_code == 503)
            self.not_ready = True

    def go_on(self) -> None:
        """Return as soon as every writer has been acknowledged something, or one of them much."""
        before = len(self.moments)
        wait_until(lambda: len(self.moments) > before + 2 * THREADS)

    def recover(self, url: str) -> None:
        """Wait from the end of a fault until a write is taken, and all writers have got on."""
        ended = time.monotonic()
        before = len(self.moments)
        wait_until(lambda: len(self.moments) > before and self.moments[-1] > ended)
        self.recovery = min(moment for moment in self.moments if moment > ended) - ended
        self.go_on()
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=60).status_code == 200)

    def end(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)

    def report(self, name: str, database: str) -> Report:
        query = "SELECT title, count(*) FROM tasks WHERE user_id = %s GROUP BY title"
        there: dict[Any, Any] = dict(execute(database, query, self.user_id))  # type: ignore[arg-type]
        return Report(
            name=name,
            sent=self.sent,
            refused=self.refused,
            acknowledged=len(self.acknowledged),
            lost=len(self.acknowledged - set(there)),
            doubled=sum(number > 1 for number in there.values()),
            cut=self.cut,
            slowest=self.slowest,
            recovery=self.recovery,
            wrong=self.wrong,
            not_ready=self.not_ready,
            cuts_allowed=self.cuts_allowed,
            fault=self.fault,
        )
