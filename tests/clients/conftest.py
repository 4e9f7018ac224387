"""The service that the clients of a module share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.processes import Service, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def service(database: str) -> Iterator[Service]:
    """Yield a service for all tests of a module, each of which creates its own users."""
    with running_service(database) as service:
        yield service
