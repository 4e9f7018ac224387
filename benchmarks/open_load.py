"""An open load: requests at a fixed rate, whether or not the earlier ones have their responses.

The load of wrk is closed: a connection waits for its response before it sends again, so a slow server is asked less
often and its queue stays short. Here the time of a response counts from the moment at which its request was due.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from typing import TYPE_CHECKING

from benchmarks.accounts import Client
from benchmarks.load import Output, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.load import Figures
    from benchmarks.servers import Server
    from benchmarks.workloads import Request, Workload

CONNECTIONS = 64
"""Connections, each with a thread. A request that finds none free is sent late, which its time includes."""


@dataclass
class Schedule:
    """Requests in their order, again and again, at a rate per second."""

    requests: Sequence[Request]
    rate: int
    total: int
    numbers: Iterator[int] = field(default_factory=count)
    started: float = field(default_factory=time.monotonic)
    responses: list[tuple[int, float]] = field(default_factory=list)
    """The status of each response, and its time in milliseconds."""

    def send(self, url: str) -> None:
        """Send each next request on one connection, until none is left or one has no response."""
        client = Client(url)
        with closing(client.connection), suppress(OSError, HTTPException):
            while (number := next(self.numbers)) < self.total:
                request = self.requests[number % len(self.requests)]
                due = self.started + number / self.rate
                time.sleep(max(0.0, due - time.monotonic()))
                response = client.call(request.method, request.path, request.headers, request.body)
                self.responses.append((response.status, 1000 * (time.monotonic() - due)))

    def run(self, url: str) -> Output:
        """Send all requests."""
        threads = [threading.Thread(target=self.send, args=[url]) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - self.started
        statuses = Counter(status for status, _ in self.responses)
        times = sorted(milliseconds for _, milliseconds in self.responses) or [0.0]
        p50, p99 = (times[int(fraction * len(times))] for fraction in (0.5, 0.99))
        return Output(seconds, p50, p99, dict(statuses), self.total - statuses.total())


def open_load(server: Server, workload: Workload, seconds: int, rate: int) -> Figures:
    """Load the server at a rate of requests per second.

    Raises:
        LoadError: a response was not as expected.

    """
    requests = workload.build(server.url, server.accounts)
    return measure(server, workload, lambda: Schedule(requests, rate, rate * seconds).run(server.url))
