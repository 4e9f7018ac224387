"""The service on each server, with one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.processes import COMMANDS, Service, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=COMMANDS)
def edge(request: pytest.FixtureRequest, database: str) -> Iterator[Service]:
    """Yield a service with one process, which few clients can occupy: a test that blocks it fails the next one."""
    with running_service(database, server=request.param, WEB_CONCURRENCY="1") as service:
        yield service
