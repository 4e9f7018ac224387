"""Timing does not reveal whether an e-mail has an account (ASVS 6.3.8)."""

from __future__ import annotations

import os
import statistics
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.security.target import AUTH, UNLIMITED
from tests.support.actors import PASSWORD
from tests.support.databases import new_database
from tests.support.processes import child_pids, running_service

PAIRS = 16
ACCOUNTS = 4
"""The attempts are spread over several accounts, which stay below the limit of wrong passwords."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, which does not depend on the load of the machine."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU times are read from /proc")
@pytest.mark.shows("ASVS 6.3.8", "Better Auth unknown e-mail")
@pytest.mark.parametrize(
    ("path", "password", "status", "settings"),
    [
        ("sign-in/email", "wrong horse nine", 401, {}),
        ("sign-in/email", "wrong horse nine", 401, {"REQUIRE_EMAIL_VERIFICATION": "true"}),
        ("sign-up/email", PASSWORD, 200, {"REQUIRE_EMAIL_VERIFICATION": "true"}),
    ],
)
def test_6_3_8_a_request_takes_the_same_cpu_time_for_a_known_and_an_unknown_email(  # noqa: PLR0913, PLR0917 - fixtures and cases
    server: str, template: str, tmp_path: Path, path: str, password: str, status: int, settings: dict[str, Any]
) -> None:
    common: dict[str, Any] = {"WEB_CONCURRENCY": "1", "BCRYPT_COST": "11", **UNLIMITED}
    mails = {"MAIL_URL": (tmp_path / "mails").as_uri()}
    with new_database(server, template) as url, running_service(url, **{**common, **mails, **settings}) as service:

        def post(path: str, email: str, password: str) -> int:
            body = {"email": email, "password": password}
            return requests.post(f"{service.url}{AUTH}/{path}", json=body, timeout=60).status_code

        emails = [f"ada-{uuid.uuid4().hex[:8]}@example.com" for _ in range(ACCOUNTS)]
        assert {post("sign-up/email", email, PASSWORD) for email in emails} == {200}
        (worker,) = child_pids(service.process.pid)

        def cost(email: str) -> float:
            before = cpu_seconds(worker)
            assert post(path, email, password) == status
            return cpu_seconds(worker) - before

        times: dict[str, list[float]] = {"known": [], "unknown": []}
        for number in range(PAIRS):
            pair = [("known", emails[number % ACCOUNTS]), ("unknown", f"nobody-{uuid.uuid4().hex}@example.com")]
            for name, email in pair if number % 2 else reversed(pair):
                times[name].append(cost(email))
    assert statistics.median(times["known"]) > 0.02, "the password was not hashed"
    assert 0.6 <= statistics.median(times["known"]) / statistics.median(times["unknown"]) <= 1.67
