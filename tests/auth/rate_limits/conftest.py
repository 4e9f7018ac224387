"""Users whose requests are counted, by PostgreSQL and by Redis."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from devtools.processes import free_port
from tests.support.actors import Actor
from tests.support.databases import application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a real Redis."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed (apt install redis-server)")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--logfile", "/dev/null"]
    process = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("redis"))
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(params=["postgresql", "redis"])
def new_actor(request: pytest.FixtureRequest, fresh_database: str) -> Callable[..., Actor]:
    """Return a function that signs a user up at an application with these settings, on either store of counters."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    if url:
        Redis.from_url(url).flushall()

    def sign_up_actor(**settings: Any) -> Actor:
        return Actor.sign_up(application(fresh_database, rate_limit_redis_url=url, **settings), "Ada")

    return sign_up_actor
