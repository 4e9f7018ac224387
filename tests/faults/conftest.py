"""A PostgreSQL to be hurt, the service on it, somebody who writes all the time, and what came of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from devtools.embedded_postgres import PostgresError
from tests.faults.servers import Patient
from tests.faults.writers import Report, Writers
from tests.support.databases import migrate
from tests.support.processes import ROOT, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.processes import Service

REPORTS: list[Report] = []


@pytest.fixture(scope="session")
def patient() -> Iterator[Patient]:
    """Yield a server of our own, which writes to the disk before it answers."""
    try:
        chosen = Patient(ROOT / ".data" / "faults-postgres")
    except PostgresError as error:
        pytest.skip(f"no PostgreSQL of our own can be killed: {error}")
    try:
        chosen.start()
        migrate(chosen.url)
        yield chosen
    finally:
        chosen.end()


@pytest.fixture(scope="session")
def hurt(patient: Patient) -> Iterator[Service]:
    """Yield the service on it, through a line that can be cut."""
    with serving(patient.line.url(patient.url)) as service:
        yield service


@pytest.fixture
def writing(
    hurt: Service, patient: Patient, request: pytest.FixtureRequest
) -> Callable[[], AbstractContextManager[Writers]]:
    """Return a context in which tasks are written; at its end nothing may be lost, doubled, or answered otherwise."""

    @contextmanager
    def written() -> Iterator[Writers]:
        patient.wait_until_well(hurt.url)
        writers = Writers(hurt.url)
        try:
            yield writers
            writers.recover(hurt.url)
        finally:
            writers.end()
        REPORTS.append(writers.report(request.node.name.removeprefix("test_"), patient.url))
        REPORTS[-1].judge()

    return written


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    if REPORTS:
        terminalreporter.section("faults")
        for report in REPORTS:
            terminalreporter.write_line(str(report))
