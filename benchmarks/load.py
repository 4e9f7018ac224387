"""One load: wrk for some seconds, and the CPU time that the server and PostgreSQL use."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from benchmarks.accounts import FORM, PASSWORD, Client
from benchmarks.processes import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.accounts import Account
    from benchmarks.servers import Server
    from benchmarks.workloads import Workload

SCRIPT = Path(__file__).with_name("load.lua")
SIGN_IN_CLIENTS = 4
"""Clients that sign in without pause."""
TIMEOUT = 60
"""Seconds for a response, and for wrk to exit. A slow response is a result, not a failure."""


class LoadError(Exception):
    """The load had unexpected responses, so that it has no figures."""


@dataclass(frozen=True)
class Output:
    """The outcome of a load: times in ms, responses by status, and the number of requests without a response."""

    seconds: float
    p50: float
    p99: float
    statuses: dict[int, int]
    unanswered: int

    @classmethod
    def parse(cls, output: str) -> Output:
        """Parse the line that wrk's script prints. Its times are microseconds."""
        (line,) = [line for line in output.splitlines() if line.startswith("{")]
        fields = json.loads(line)
        statuses = {int(status): count for status, count in fields["statuses"].items()}
        return cls(
            fields["microseconds"] / 1e6, fields["p50"] / 1e3, fields["p99"] / 1e3, statuses, fields["unanswered"]
        )

    def responses(self, status: int) -> int:
        """Return the number of responses, all of which must have the status.

        Raises:
            LoadError: there is a response with another status, a request without a response, or no request.

        """
        if set(self.statuses) != {status} or self.unanswered:
            raise LoadError(f"expected {status}; responses by status: {self.statuses}, no response: {self.unanswered}")
        return self.statuses[status]


class Figures(NamedTuple):
    """The figures of a load: requests per second, latencies in ms, CPU per request in ms."""

    rate: float
    p50: float
    p99: float
    cpu: float | None
    postgres: float | None
    requests: int


def lua(value: Any) -> str:
    """Return a value as a Lua expression."""
    if isinstance(value, dict):
        value = [f"[{lua(key)}] = {lua(item)}" for key, item in value.items()]
        return f"{{{', '.join(value)}}}"
    if isinstance(value, list):
        return f"{{{', '.join(map(lua, value))}}}"
    return "nil" if value is None else json.dumps(value)


def load(server: Server, workload: Workload, seconds: int, connections: int) -> Figures:
    """Load the server.

    Raises:
        LoadError: a response was not as expected.

    """
    requests = [vars(request) for request in workload.build(server.url, server.accounts)]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(f"return {lua(requests)}")
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT}s", f"-s{SCRIPT}"]
        command += [server.url, "--", file.name]
        return measure(server, workload, lambda: Output.parse(wrk(command, seconds)))


def measure(server: Server, workload: Workload, run: Callable[[], Output]) -> Figures:
    """Run a load and return its figures.

    Raises:
        LoadError: a response was not as expected.

    """
    before = cpu_times(server)
    output = run()
    after = cpu_times(server)
    count = output.responses(workload.status)
    cpu, postgres = (
        None if start is None or end is None else 1000 * (end - start) / count
        for start, end in zip(before, after, strict=True)
    )
    return Figures(count / output.seconds, output.p50, output.p99, cpu, postgres, count)


def wrk(command: Sequence[str], seconds: int) -> str:
    """Run wrk and return its output.

    Raises:
        LoadError: wrk failed.

    """
    try:
        completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + TIMEOUT)
    except subprocess.TimeoutExpired:
        raise LoadError("wrk did not exit") from None
    if completed.returncode:
        raise LoadError(f"wrk failed: {completed.stderr.strip() or completed.stdout.strip()}")
    return completed.stdout


def cpu_times(server: Server) -> tuple[float | None, float | None]:
    """Return the CPU seconds of the server and of PostgreSQL, or None for a process that is not known."""
    return tuple(None if pid is None else cpu_seconds(pid) for pid in (server.pid, server.postgres))  # type: ignore[return-value]


@contextmanager
def sign_ins(server: Server) -> Iterator[None]:
    """Sign in with four clients, without pause, until the end of the block.

    Raises:
        LoadError: a sign-in did not return 200.

    """
    stopped, errors = threading.Event(), list[str]()
    threads = [
        threading.Thread(target=sign_in, args=(server.url, account, stopped, errors))
        for account in server.accounts.readers[:SIGN_IN_CLIENTS]
    ]
    for thread in threads:
        thread.start()
    # The server hashes their first passwords when the block begins.
    time.sleep(0.2)
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    if errors:
        raise LoadError(f"a sign-in failed: {errors[0]}")


def sign_in(url: str, account: Account, stopped: threading.Event, errors: list[str]) -> None:
    """Sign in again and again."""
    client = Client(url)
    form = urlencode({"email": account.email, "password": PASSWORD})
    try:
        while not stopped.is_set():
            client.expect(200, "POST", "/api/auth/sign-in/email", FORM, form)
    except Exception as error:  # noqa: BLE001 - the run reports every error of its threads
        errors.append(repr(error))
