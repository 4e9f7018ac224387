"""The service in two steps on PostgreSQL, and on Citus where PostgreSQL is installed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.actors import Actor
from tests.support.citus import distributed_database, find_citus
from tests.support.databases import application, new_database
from todo_api.database.execution import IS_CITUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.support.citus import Cluster

ENGINES = ["two steps", *(("coordinator", "worker") if find_citus() else ())]
"""Plain PostgreSQL that the service takes for Citus, and Citus itself, entered by one of its nodes."""


@pytest.fixture(scope="session")
def distributed(citus: Cluster) -> Iterator[Cluster]:
    """Yield a database that is distributed over a cluster, or skip the test."""
    with distributed_database(citus) as cluster:
        yield cluster


@pytest.fixture(scope="session", params=ENGINES)
def entry(request: pytest.FixtureRequest, server: str, template: str) -> Iterator[str]:
    """Yield the URL of a database."""
    if request.param == "two steps":
        with new_database(server, template) as url:
            yield url
    else:
        cluster: Cluster = request.getfixturevalue("distributed")
        yield cluster.coordinator if request.param == "coordinator" else cluster.workers[0]


@pytest.fixture
def database(entry: str) -> str:
    return entry


@pytest.fixture(scope="session")
def citus_app(entry: str) -> Flask:
    app = application(entry)
    app.extensions[IS_CITUS] = True
    return app


@pytest.fixture
def app(citus_app: Flask) -> Flask:
    return citus_app


@pytest.fixture
def alice(app: Flask) -> Actor:
    return Actor.sign_up(app, "Alice")


@pytest.fixture
def bob(app: Flask) -> Actor:
    return Actor.sign_up(app, "Bob")
