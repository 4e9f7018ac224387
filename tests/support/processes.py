"""The service as its users run it: a gunicorn of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import requests

from devtools.embedded_postgres import free_port
from tests.support.databases import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@dataclass
class Service:
    """A running gunicorn."""

    url: str
    process: subprocess.Popen[bytes]


def environment(**settings: str) -> dict[str, str]:
    """Return an environment in which nothing but these settings is set."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **settings}


@contextmanager
def serving(database: str, port: int | None = None, stderr: IO[bytes] | None = None, **extra: str) -> Iterator[Service]:
    """Run the service with its own gunicorn.conf.py, and with extra settings over the tests', until the block ends."""
    chosen = port or free_port()
    settings = {
        "BETTER_AUTH_SECRET": CONFIG.better_auth_secret,
        "DATABASE_URL": database,
        "PORT": str(chosen),
        "BCRYPT_COST": "4",
        "WEB_CONCURRENCY": "2",
        "RATE_LIMIT_ADDRESS_SCALE": "1000",
        **extra,
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    environ = environment(**settings)
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=stderr, start_new_session=True)
    try:
        wait_until_answering(f"http://127.0.0.1:{chosen}/")
        yield Service(f"http://localhost:{chosen}", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)


def children(pid: int) -> set[int]:
    """Return the processes that the process has started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True, text=True).stdout
    pairs = (map(int, line.split()) for line in listed.splitlines())
    return {child for child, parent in pairs if parent == pid}


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> float:
    """Return how long it took until the condition was true; a connection that fails is no answer."""
    started = time.monotonic()
    while time.monotonic() < started + seconds:
        with suppress(requests.ConnectionError, requests.Timeout):
            if condition():
                return time.monotonic() - started
        time.sleep(0.02)
    raise AssertionError("it never came true")


def wait_until_answering(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            requests.get(url, timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            assert time.monotonic() < deadline, f"nothing answers on {url}"
            time.sleep(0.05)
        else:
            return
