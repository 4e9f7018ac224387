"""The service that the clients of a module share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.processes import Service, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def service(database: str) -> Iterator[Service]:
    """Yield a service with one process: a client does not notice more. Each test creates its own users."""
    with running_service(database, WEB_CONCURRENCY="1") as service:
        yield service
