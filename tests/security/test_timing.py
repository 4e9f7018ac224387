"""An e-mail that has an account takes as much work as one that has none (ASVS 6.3.8)."""

from __future__ import annotations

import os
import statistics
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.security.attacked import AUTH, UNLIMITED
from tests.support.credentials import sign_up_at
from tests.support.databases import new_database
from tests.support.processes import serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.processes import Service

PAIRS = 16
ACCOUNTS = 4
"""So that nobody's password is guessed at more than a few times."""


def seconds_of_work(pid: int) -> float:
    """Return the time that a process has had a core for, whatever else the machine was doing."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def worker_of(service: Service) -> int:
    parents = {path: path.read_text().rpartition(")")[2].split()[1] for path in Path("/proc").glob("[0-9]*/stat")}
    (worker,) = (int(path.parent.name) for path, parent in parents.items() if parent == str(service.process.pid))
    return worker


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the work of a process is read from /proc")
@pytest.mark.shows("ASVS 6.3.8", "Better Auth unknown e-mail")
def test_6_3_8_a_sign_in_is_as_much_work_for_a_known_as_for_an_unknown_email(server: str, template: str) -> None:
    settings: dict[str, Any] = {"WEB_CONCURRENCY": "1", "BCRYPT_COST": "11", **UNLIMITED}
    with new_database(server, template) as url, serving(url, **settings) as service:
        emails = [f"ada-{uuid.uuid4().hex[:8]}@example.com" for _ in range(ACCOUNTS)]
        for email in emails:
            sign_up_at(service.url, email)
        worker = worker_of(service)

        def work(email: str) -> float:
            before = seconds_of_work(worker)
            body = {"email": email, "password": "wrong horse nine"}
            assert requests.post(f"{service.url}{AUTH}/sign-in/email", json=body, timeout=60).status_code == 401
            return seconds_of_work(worker) - before

        def unknown(number: int) -> float:
            return work(f"nobody-{number}-{uuid.uuid4().hex[:8]}@example.com")

        def known(number: int) -> float:
            return work(emails[number % ACCOUNTS])

        turns: list[tuple[Callable[[int], float], Callable[[int], float]]] = [(known, unknown), (unknown, known)]
        times: dict[str, list[float]] = {"known": [], "unknown": []}
        for number in range(PAIRS):
            for ask in turns[number % 2]:
                times[ask.__name__].append(ask(number))
    assert statistics.median(times["known"]) > 0.02, "a hash was made"
    assert 0.6 <= statistics.median(times["known"]) / statistics.median(times["unknown"]) <= 1.67
