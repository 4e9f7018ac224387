"""The service in a server process of its own, and waiting for processes."""

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

import pytest
import requests

from devtools.processes import free_port
from tests.support.databases import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]

GUNICORN, GRANIAN = "gunicorn", "granian"
COMMANDS = {GUNICORN: ["-m", "gunicorn", "--config", "gunicorn.conf.py"], GRANIAN: ["serve_granian.py"]}
"""The arguments of Python that start the service on each server."""

ON_BOTH_SERVERS = pytest.mark.parametrize("service", COMMANDS, indirect=True)
"""Runs a test with the fixture `service` once per server."""

ON_GUNICORN, ON_GRANIAN = (pytest.mark.parametrize("edge", [server], indirect=True) for server in COMMANDS)
"""Runs a test with the fixture `edge` on one server, because the other one behaves differently."""


@dataclass
class Service:
    """The service on a running server."""

    url: str
    process: subprocess.Popen[bytes]
    server: str = GUNICORN


def clean_environ(**settings: str) -> dict[str, str]:
    """Return an environment of these settings alone."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **settings}


@contextmanager
def running_service(
    database: str, port: int = 0, stderr: IO[bytes] | None = None, server: str = GUNICORN, **settings: str
) -> Iterator[Service]:
    """Run the service on a server. The settings override those of the tests; port 0 is any free one."""
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
    process = subprocess.Popen(
        [sys.executable, *COMMANDS[server]], cwd=ROOT, env=environ, stderr=stderr, start_new_session=True
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/", process)
        yield Service(f"http://localhost:{port}", process, server)
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


def wait_until_ready(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until the URL responds, with any status, or until the process has exited.

    A server may listen long before its worker has loaded the application.
    """
    wait_until(lambda: (process and process.poll()) is not None or requests.get(url, timeout=60) is not None, 60)
    assert process is None or process.poll() is None, "the server has exited"
