"""A faulty PostgreSQL, the service on it, and clients that write during each fault."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from devtools.embedded_postgres import PostgresError
from tests.faults.servers import FaultyPostgres, ReplicatedPostgres
from tests.faults.writers import checked_writers
from tests.support.databases import DATA, migrate, unused_folder
from tests.support.processes import running_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.writers import Writing
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


@pytest.fixture(scope="module")
def replicated_postgres() -> Iterator[ReplicatedPostgres]:
    """Yield two servers of one module. `replicate` makes the second one a standby."""
    with unused_folder(DATA / "replicated-postgres") as folder:
        try:
            servers = ReplicatedPostgres(folder)
        except PostgresError as error:
            pytest.skip(f"there is no embedded PostgreSQL to replicate: {error}")
        try:
            migrate(servers.url)
            yield servers
        finally:
            servers.stop()


@pytest.fixture(scope="session")
def faulty_service(postgres: FaultyPostgres) -> Iterator[Service]:
    """Yield the service, which reaches the database through the proxy."""
    with running_service(postgres.proxy.url(postgres.url)) as service:
        yield service


@pytest.fixture
def writing(faulty_service: Service, postgres: FaultyPostgres, request: pytest.FixtureRequest) -> Writing:
    """Return a context manager that creates tasks during a fault, and afterwards checks all of them."""
    return partial(checked_writers, faulty_service, postgres, request.node)
