"""One load: wrk for some seconds, and what the server used meanwhile."""

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

from benchmarks.people import FORM, PASSWORD, Client
from benchmarks.processes import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.people import Account
    from benchmarks.servers import Server
    from benchmarks.workloads import Workload

SCRIPT = Path(__file__).with_name("load.lua")
CLIENTS = 4
"""Who sign in without pause."""
PATIENCE = 60
"""Seconds that an answer may take, and wrk to end: slow is a figure, and no failure."""


class LoadError(Exception):
    """The load was not answered as it should be, so that it gives no figures."""


@dataclass(frozen=True)
class Said:
    """What wrk said: answered requests by status, and those that got no answer."""

    seconds: float
    p50: float
    p99: float
    statuses: dict[int, int]
    broken: int

    @classmethod
    def read(cls, output: str) -> Said:
        """Read the line that the script prints; times in it are microseconds."""
        (line,) = [line for line in output.splitlines() if line.startswith("{")]
        told = json.loads(line)
        statuses = {int(status): number for status, number in told["statuses"].items()}
        return cls(told["microseconds"] / 1e6, told["p50"] / 1e3, told["p99"] / 1e3, statuses, told["broken"])

    def answered(self, status: int) -> int:
        """Return how many requests were answered with the status.

        Raises:
            LoadError: one was answered otherwise, or not at all, or none was sent.

        """
        if set(self.statuses) != {status} or self.broken:
            message = f"{status} was expected; answers by status: {self.statuses}, without answer: {self.broken}"
            raise LoadError(message)
        return self.statuses[status]


class Figures(NamedTuple):
    """What a load measured: requests a second, latencies in ms, ms of CPU per request."""

    rate: float
    p50: float
    p99: float
    cpu: float | None
    postgres: float | None
    requests: int


def lua(value: Any) -> str:
    """Write a value in Lua."""
    if isinstance(value, dict):
        value = [f"[{lua(key)}] = {lua(each)}" for key, each in value.items()]
        return f"{{{', '.join(value)}}}"
    if isinstance(value, list):
        return f"{{{', '.join(map(lua, value))}}}"
    return "nil" if value is None else json.dumps(value)


def load(server: Server, workload: Workload, seconds: int, connections: int) -> Figures:
    """Load the server.

    Raises:
        LoadError: a request was answered otherwise than it should be.

    """
    requests = [vars(request) for request in workload.build(server.url, server.people)]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(f"return {lua(requests)}")
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={PATIENCE}s", f"-s{SCRIPT}"]
        before = used(server)
        said = Said.read(wrk([*command, server.url, "--", file.name], seconds))
        after = used(server)
    number = said.answered(workload.status)
    cpu, postgres = (
        None if then is None or now is None else 1000 * (now - then) / number
        for then, now in zip(before, after, strict=True)
    )
    return Figures(number / said.seconds, said.p50, said.p99, cpu, postgres, number)


def wrk(command: Sequence[str], seconds: int) -> str:
    """Run wrk and return what it says.

    Raises:
        LoadError: it failed.

    """
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + PATIENCE)
    except subprocess.TimeoutExpired:
        raise LoadError("wrk did not end") from None
    if ended.returncode:
        raise LoadError(f"wrk failed: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout


def used(server: Server) -> tuple[float | None, float | None]:
    """Return the seconds of CPU that the server and PostgreSQL have used, as far as they can be known."""
    return tuple(None if pid is None else cpu_seconds(pid) for pid in (server.pid, server.postgres))  # type: ignore[return-value]


@contextmanager
def sign_ins(server: Server) -> Iterator[None]:
    """Let four clients sign in without pause, until the block ends.

    Raises:
        LoadError: a sign-in was not answered with 200.

    """
    ended, faults = threading.Event(), list[str]()
    clients = [
        threading.Thread(target=sign_in, args=(server.url, account, ended, faults))
        for account in server.people.readers[:CLIENTS]
    ]
    for client in clients:
        client.start()
    # Their first passwords are being hashed when the block begins.
    time.sleep(0.2)
    try:
        yield
    finally:
        ended.set()
        for client in clients:
            client.join()
    if faults:
        raise LoadError(f"a sign-in failed: {faults[0]}")


def sign_in(url: str, account: Account, ended: threading.Event, faults: list[str]) -> None:
    """Sign in again and again."""
    client = Client(url)
    form = urlencode({"email": account.email, "password": PASSWORD})
    try:
        while not ended.is_set():
            client.expect(200, "POST", "/api/auth/sign-in/email", FORM, form)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run tells it
        faults.append(repr(error))
