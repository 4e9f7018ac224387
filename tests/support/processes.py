"""The service in a gunicorn of its own, and waiting for processes."""

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

from devtools.processes import free_port
from tests.support.databases import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@dataclass
class Service:
    """A running gunicorn."""

    url: str
    process: subprocess.Popen[bytes]


def clean_environ(**settings: str) -> dict[str, str]:
    """Return an environment of these settings alone."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **settings}


@contextmanager
def running_service(
    database: str, port: int = 0, stderr: IO[bytes] | None = None, **settings: str
) -> Iterator[Service]:
    """Run the service with its gunicorn.conf.py. The settings override those of the tests; port 0 is any free one."""
    port = port or free_port()
    environ = clean_environ(
        **{
            "BETTER_AUTH_SECRET": CONFIG.better_auth_secret,
            "DATABASE_URL": database,
            "PORT": str(port),
            "BCRYPT_COST": "4",
            "WEB_CONCURRENCY": "2",
            "RATE_LIMIT_ADDRESS_SCALE": "1000",
            **settings,
        }
    )
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=stderr, start_new_session=True)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/")
        yield Service(f"http://localhost:{port}", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)


def child_pids(pid: int) -> set[int]:
    """Return the ids of the processes that the process has started."""
    stdout = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True, text=True).stdout
    pairs = (map(int, line.split()) for line in stdout.splitlines())
    return {child for child, parent in pairs if parent == pid}


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> float:
    """Wait until the condition is true, and return the seconds it took. A failed connection counts as false."""
    started = time.monotonic()
    while time.monotonic() < started + seconds:
        with suppress(requests.ConnectionError, requests.Timeout):
            if condition():
                return time.monotonic() - started
        time.sleep(0.02)
    raise AssertionError(f"the condition is still false after {seconds} seconds")


def wait_until_ready(url: str) -> None:
    """Wait until the URL responds, with any status."""
    wait_until(lambda: requests.get(url, timeout=5) is not None, seconds=60)
