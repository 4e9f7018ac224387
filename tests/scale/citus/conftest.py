"""The service in two steps on PostgreSQL, and on Citus where PostgreSQL is installed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tests.support.citus import distributed_database, find_citus
from tests.support.databases import application, execute, new_database
from todo_api.database import citus
from todo_api.database.statements import Statement
from todo_api.operations.distribution import SEPARATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.support.citus import Cluster

ENGINES = ["two steps", *(("coordinator", "worker") if find_citus() else ())]
"""Plain PostgreSQL that the service takes for Citus, and Citus itself, entered by one of its nodes."""


@pytest.fixture(scope="session")
def distributed(citus: Cluster) -> Cluster:
    """Return a database that is distributed over a cluster, or skip the test."""
    return distributed_database(citus)


@pytest.fixture(scope="session")
def separated(server: str, template: str) -> Iterator[str]:
    """Yield a database of PostgreSQL without what compares an e-mail address with its user."""
    with new_database(server, template) as url:
        for statement in SEPARATION:
            execute(url, statement)
        yield url


@pytest.fixture(scope="session", params=ENGINES)
def entry(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database."""
    if request.param == "two steps":
        url: str = request.getfixturevalue("separated")
        return url
    cluster: Cluster = request.getfixturevalue("distributed")
    return cluster.coordinator if request.param == "coordinator" else cluster.workers[0]


@pytest.fixture(autouse=True)
def _taken_for_citus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service take a database of PostgreSQL for one of Citus."""
    if not {"entry", "separated"} & set(request.fixturenames):
        return
    yes = Statement(text("SELECT"))
    monkeypatch.setattr(citus, "HAS_CITUS", yes)
    monkeypatch.setattr(citus, "HAS_DISTRIBUTED_USERS", yes)


@pytest.fixture
def database(entry: str) -> str:
    return entry


@pytest.fixture(scope="session")
def app(entry: str) -> Flask:
    return application(entry)
