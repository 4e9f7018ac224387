"""The servers of the comparison. Each has a database of its own on the same PostgreSQL."""

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

from benchmarks.accounts import ACCOUNTS, Account, Accounts, Client
from benchmarks.databases import FLOOR_TABLE, execute, insert_tasks, local_postgres
from benchmarks.workloads import Capability
from config import Config
from devtools.environment import temporary_database
from devtools.installation import PYTHON, ROOT, print_status
from devtools.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SERVICE, GRANIAN, FLOOR, SEED, ALONE = "todo_api", "granian", "floor", "seed", "alone"
"""The service on gunicorn and on granian, the floor, the seed's app, and the service without a large account."""
SECRET = secrets.token_hex(32)
LONG_TOKENS = {"ACCESS_TOKEN_EXPIRE_MINUTES": "1440"}
MIGRATE = [str(PYTHON), "-m", "flask", "db", "upgrade"]
START_TIMEOUT = 600
"""Seconds for a server to answer. The first start of the seed installs it."""
STOP_TIMEOUT = 40

CAPABILITIES = {
    SERVICE: {Capability.TASKS, Capability.SIGN_INS, Capability.PAGES, Capability.SMALL_PAGE},
    GRANIAN: {Capability.TASKS, Capability.SIGN_INS},
    FLOOR: {Capability.TASKS},
    SEED: {Capability.TASKS, Capability.SIGN_INS},
    ALONE: {Capability.SMALL_PAGE},
}


class ServerError(Exception):
    """A server does not start."""


@dataclass(frozen=True)
class Server:
    """A running server. Without process ids, its CPU time and memory are not measured."""

    name: str
    url: str
    accounts: Accounts
    pid: int | None = None
    postgres: int | None = None

    @property
    def capabilities(self) -> set[Capability]:
        """The requests that it supports. A peer supports those of the seed."""
        return CAPABILITIES.get(self.name, CAPABILITIES[SEED])


def environment(database: str, port: int, workers: int) -> dict[str, str]:
    """Return the default settings, whatever .env sets, with limits that no load reaches."""
    return {
        **os.environ,
        **{setting.metadata["name"]: "" for setting in fields(Config)},
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
def running_process(command: Sequence[str | Path], environ: dict[str, str]) -> Iterator[int]:
    """Run a server during the block, in a session that Ctrl-C does not reach. Yield its process id."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    process = subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True, stdout=log, stderr=log)
    try:
        wait_until_ready(f"http://127.0.0.1:{environ['PORT']}/", process, log)
        yield process.pid
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
        # Its remaining children, such as an unfinished installation.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Return as soon as the server answers, with any status."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines() or ["none"]
    raise ServerError(f"{process.args!r} does not serve on {url}; its last output: {lines[-1]}")


GUNICORN_COMMAND = ["-m", "gunicorn", "--config", "gunicorn.conf.py", "--log-level", "warning"]
GRANIAN_COMMAND = ["serve_granian.py"]


@contextmanager
def serving(command: Sequence[str], database: str, workers: int) -> Iterator[tuple[str, int]]:
    """Serve an application with arguments of Python. Yield the URL and the master's process id."""
    port = free_port()
    with running_process([str(PYTHON), *command], environment(database, port, workers)) as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def service(url: str, workers: int, name: str = SERVICE) -> Iterator[Server]:
    """Serve this project. Only the server `todo_api` has an account with 50,000 tasks."""
    command = GRANIAN_COMMAND if name == GRANIAN else GUNICORN_COMMAND
    with temporary_database(url, f"bench_{name}") as database:
        subprocess.run(MIGRATE, cwd=ROOT, env=environment(database, 1, workers), check=True, capture_output=True)
        with serving(command, database, workers) as (address, pid):
            accounts = create_accounts(address, creators=name != ALONE)
            if name == SERVICE:
                accounts = with_large_account(address, database, accounts)
            yield Server(name, address, accounts, pid, local_postgres(url))


def create_accounts(url: str, *, creators: bool = True) -> Accounts:
    """Create the accounts, and the tasks of the readers."""
    client = Client(url)
    suffix = secrets.token_hex(4)
    readers = [client.sign_up(f"reader-{suffix}-{number}") for number in range(ACCOUNTS)]
    for reader in readers:
        client.add_tasks(reader)
    count = ACCOUNTS if creators else 0
    return Accounts(readers, [client.sign_up(f"creator-{suffix}-{number}") for number in range(count)])


def with_large_account(url: str, database: str, accounts: Accounts) -> Accounts:
    """Add the account with 50,000 tasks."""
    large = Client(url).sign_up("many")
    insert_tasks(database, large.id)
    # A connection of its own: the insertion may take longer than the server keeps an idle connection.
    return Accounts(accounts.readers, accounts.creators, large, Client(url).cursor_of_page_1000(large))


@contextmanager
def floor(url: str, workers: int) -> Iterator[Server]:
    """Serve the floor. Its users are the subjects of tokens, without accounts."""
    with temporary_database(url, "bench_floor") as database:
        execute(database, FLOOR_TABLE)
        with serving([*GUNICORN_COMMAND, "benchmarks.floor:app"], database, workers) as (address, pid):
            names = [f"someone-{number}" for number in range(2 * ACCOUNTS)]
            users = [
                Account(name, "", jwt.encode({"sub": name, "exp": time.time() + 36_000}, SECRET)) for name in names
            ]
            for reader in users[:ACCOUNTS]:
                Client(address).add_tasks(reader)
            yield Server(FLOOR, address, Accounts(users[:ACCOUNTS], users[ACCOUNTS:]), pid, local_postgres(url))


@contextmanager
def seed(url: str, workers: int, script: Path) -> Iterator[Server]:
    """Serve the seed's app with the script that runs it."""
    print_status("starting the seed's app; its first start installs it")
    with temporary_database(url, "bench_seed") as database:
        port = free_port()
        options = [f"--database-url={database}", f"--port={port}", f"--workers={workers}"]
        environ = {**os.environ, **LONG_TOKENS, "BETTER_AUTH_SECRET": SECRET, "PORT": str(port)}
        with running_process([sys.executable, script, *options], environ) as pid:
            address = f"http://127.0.0.1:{port}"
            yield Server(SEED, address, create_accounts(address), pid, local_postgres(url))
