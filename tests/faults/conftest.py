"""A faulty PostgreSQL, the service on it, and clients that write during each fault."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pytest

from devtools.embedded_postgres import PostgresError
from tests.faults.servers import FaultyPostgres, ReplicatedPostgres
from tests.faults.writers import checked_writers
from tests.support.databases import DATA, migrate, unused_folder
from tests.support.processes import running_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.writers import Writing
    from tests.support.processes import Service

Servers = TypeVar("Servers", FaultyPostgres, ReplicatedPostgres)


@contextmanager
def migrated(make: Callable[[Path], Servers], name: str) -> Iterator[Servers]:
    """Yield PostgreSQL servers of these tests alone, which write to the disk before they acknowledge."""
    with unused_folder(DATA / name) as folder:
        try:
            servers = make(folder)
        except PostgresError as error:
            pytest.skip(f"there is no embedded PostgreSQL to stop: {error}")
        try:
            servers.start()
            migrate(servers.url)
            yield servers
        finally:
            servers.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[FaultyPostgres]:
    with migrated(FaultyPostgres, "faults-postgres") as server:
        yield server


@pytest.fixture(scope="module")
def replicated_postgres() -> Iterator[ReplicatedPostgres]:
    """Yield two servers of one module. `replicate` makes the second one a standby."""
    with migrated(ReplicatedPostgres, "replicated-postgres") as servers:
        yield servers


@pytest.fixture(scope="session")
def faulty_service(postgres: FaultyPostgres) -> Iterator[Service]:
    """Yield the service, which reaches the database through the proxy."""
    with running_service(postgres.proxy.url(postgres.url)) as service:
        yield service


@pytest.fixture
def writing(faulty_service: Service, postgres: FaultyPostgres, request: pytest.FixtureRequest) -> Writing:
    """Return a context manager that creates tasks during a fault, and afterwards checks all of them."""
    return partial(checked_writers, faulty_service, postgres, request.node)
