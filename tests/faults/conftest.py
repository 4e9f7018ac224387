"""A faulty PostgreSQL, the service on it, and clients that write during each fault."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from devtools.embedded_postgres import PostgresError
from tests.faults.servers import FaultyPostgres
from tests.faults.writers import Writers
from tests.support.databases import DATA, migrate, unused_folder
from tests.support.processes import running_service
from tests.support.summary import FAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.processes import Service


@pytest.fixture(scope="session")
def postgres() -> Iterator[FaultyPostgres]:
    """Yield a server of these tests alone, which writes to the disk before it acknowledges."""
    with unused_folder(DATA / "faults-postgres") as folder:
        try:
            faulty = FaultyPostgres(folder)
        except PostgresError as error:
            pytest.skip(f"there is no embedded PostgreSQL to stop: {error}")
        try:
            faulty.start()
            migrate(faulty.url)
            yield faulty
        finally:
            faulty.stop()


@pytest.fixture(scope="session")
def faulty_service(postgres: FaultyPostgres) -> Iterator[Service]:
    """Yield the service, which reaches the database through the proxy."""
    with running_service(postgres.proxy.url(postgres.url)) as service:
        yield service


@pytest.fixture
def writing(
    faulty_service: Service,
    postgres: FaultyPostgres,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> Callable[[], AbstractContextManager[Writers]]:
    """Return a context manager that creates tasks during a fault, and afterwards checks all of them."""

    @contextmanager
    def write() -> Iterator[Writers]:
        writers = Writers(faulty_service.url)
        try:
            yield writers
            writers.wait_for_recovery()
        finally:
            writers.stop()
        report = writers.report(request.node.name.removeprefix("test_"), postgres.url)
        record_property(FAULT, str(report))
        report.check()

    return write
