"""The servers that are compared, each with a database of its own on the one PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import IO, TYPE_CHECKING

import jwt

from benchmarks.databases import FLOOR_TABLE, execute, fill, local_postgres
from benchmarks.people import PEOPLE, Account, Client, People
from benchmarks.workloads import Can
from config import Config
from devtools.commands import throwaway_database
from devtools.embedded_postgres import free_port
from devtools.installation import PYTHON, ROOT, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

OURS, FLOOR, SEED, ALONE = "todo_api", "floor", "seed", "alone"
SECRET = secrets.token_hex(32)
LONG_TOKENS = {"ACCESS_TOKEN_EXPIRE_MINUTES": "1440"}
MIGRATE = [str(PYTHON), "-m", "flask", "db", "upgrade"]
START_TIMEOUT = 600
"""Seconds until a server must answer: the seed's first start installs it."""
END_TIMEOUT = 40

CAN = {
    OURS: {Can.TASKS, Can.SIGN_INS, Can.PAGES, Can.SMALL_PAGE},
    FLOOR: {Can.TASKS},
    SEED: {Can.TASKS, Can.SIGN_INS},
    ALONE: {Can.SMALL_PAGE},
}


class ServerError(Exception):
    """A server does not start."""


@dataclass(frozen=True)
class Server:
    """A running server; the processes that are known are counted."""

    name: str
    url: str
    people: People
    pid: int | None = None
    postgres: int | None = None

    @property
    def can(self) -> set[Can]:
        """What it is able to do; one of somebody else's what the seed is."""
        return CAN.get(self.name, CAN[SEED])


def environment(database: str, port: int, workers: int) -> dict[str, str]:
    """Return the settings of a server: the defaults, whatever .env says, but limits that no load reaches."""
    return {
        **os.environ,
        **{declared.metadata["name"]: "" for declared in fields(Config)},
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": database,
        "PORT": str(port),
        "WEB_CONCURRENCY": str(workers),
        "RATE_LIMIT_ADDRESS_SCALE": "10000",
        "RATE_LIMIT_USER_SCALE": "10000",
        "MAX_TASKS_PER_USER": "10000000",
        **LONG_TOKENS,
    }


@contextmanager
def process(command: Sequence[str | Path], environ: dict[str, str]) -> Iterator[int]:
    """Run a server until the block ends, in a session of its own, so that Ctrl-C is ours. Its log goes to a file."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    running = subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True, stdout=log, stderr=log)
    try:
        wait_until_answering(f"http://127.0.0.1:{environ['PORT']}/", running, log)
        yield running.pid
    finally:
        running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(END_TIMEOUT)
        # What it leaves behind, such as an installation that was going on.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        log.close()


def wait_until_answering(url: str, running: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Return as soon as the server answers, whatever it says."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and running.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    log.seek(0)
    said = log.read().decode(errors="replace").strip().splitlines() or ["nothing"]
    raise ServerError(f"{running.args!r} does not serve on {url}; its last word: {said[-1]}")


@contextmanager
def gunicorn(application: Sequence[str], database: str, workers: int) -> Iterator[tuple[str, int]]:
    """Serve by gunicorn as the service does; yield the URL and the master."""
    port = free_port()
    command = [str(PYTHON), "-m", "gunicorn", "--config", "gunicorn.conf.py", "--log-level", "warning", *application]
    with process(command, environment(database, port, workers)) as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def service(url: str, workers: int, name: str = OURS) -> Iterator[Server]:
    """Serve this project. `alone` is one whose users have no others beside them."""
    with throwaway_database({"DATABASE_URL": url}, f"bench_{name}") as environ:
        database = environ["DATABASE_URL"]
        subprocess.run(MIGRATE, cwd=ROOT, env=environment(database, 1, workers), check=True, capture_output=True)
        with gunicorn([], database, workers) as (address, pid):
            people = settle(address, creators=name == OURS)
            if name == OURS:
                people = with_many(address, database, people)
            yield Server(name, address, people, pid, local_postgres(url))


def settle(url: str, *, creators: bool = True) -> People:
    """Make the accounts, and the tasks of those who read."""
    client = Client(url)
    run = secrets.token_hex(4)
    readers = [client.sign_up(f"reader-{run}-{number}") for number in range(PEOPLE)]
    for reader in readers:
        client.add_tasks(reader)
    return People(readers, [client.sign_up(f"creator-{run}-{number}") for number in range(PEOPLE if creators else 0)])


def with_many(url: str, database: str, people: People) -> People:
    """Add the one with 50,000 tasks."""
    client = Client(url)
    many = client.sign_up("many")
    fill(database, many.id)
    return People(people.readers, people.creators, many, client.place_of_page_1000(many))


@contextmanager
def floor(url: str, workers: int) -> Iterator[Server]:
    """Serve the floor, whose users are whoever has a token."""
    with throwaway_database({"DATABASE_URL": url}, "bench_floor") as environ:
        execute(environ["DATABASE_URL"], FLOOR_TABLE)
        with gunicorn(["benchmarks.floor:app"], environ["DATABASE_URL"], workers) as (address, pid):
            names = [f"someone-{number}" for number in range(2 * PEOPLE)]
            accounts = [
                Account(name, "", jwt.encode({"sub": name, "exp": time.time() + 36_000}, SECRET)) for name in names
            ]
            for reader in accounts[:PEOPLE]:
                Client(address).add_tasks(reader)
            yield Server(FLOOR, address, People(accounts[:PEOPLE], accounts[PEOPLE:]), pid, local_postgres(url))


@contextmanager
def seed(url: str, workers: int, script: Path) -> Iterator[Server]:
    """Serve the seed's app by the script that runs it."""
    say("starting the seed's app; the first time it is installed")
    with throwaway_database({"DATABASE_URL": url}, "bench_seed") as environ:
        port = free_port()
        database = environ["DATABASE_URL"]
        command: list[str | Path] = [
            sys.executable,
            script,
            f"--database-url={database}",
            f"--port={port}",
            f"--workers={workers}",
        ]
        settings = {**os.environ, **LONG_TOKENS, "BETTER_AUTH_SECRET": SECRET, "PORT": str(port)}
        with process(command, settings) as pid:
            address = f"http://127.0.0.1:{port}"
            yield Server(SEED, address, settle(address), pid, local_postgres(url))
