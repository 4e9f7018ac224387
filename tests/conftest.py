"""What every test may ask for: a database, the service on it, and people who use it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devtools.embedded_postgres import running
from tests.support.actors import Actor
from tests.support.databases import application, migrate, new_database
from tests.support.processes import Service, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL: TEST_DATABASE_URL's, else one of ours, which need not survive a power cut."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with running(ROOT / ".data" / "test-postgres", fsync="off", full_page_writes="off", max_connections="200") as url:
        yield url


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """Yield a migrated, empty database."""
    with new_database(server) as url:
        migrate(url)
        yield url


@pytest.fixture(scope="session")
def database(server: str, template: str) -> Iterator[str]:
    """Yield the database of most tests, each of which makes its own users."""
    with new_database(server, template) as url:
        yield url


@pytest.fixture
def fresh_database(server: str, template: str) -> Iterator[str]:
    """Yield a database of the test's own."""
    with new_database(server, template) as url:
        yield url


@pytest.fixture(scope="session")
def app(database: str) -> Flask:
    return application(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture
def alice(app: Flask) -> Actor:
    return Actor.sign_up(app, "Alice")


@pytest.fixture
def bob(app: Flask) -> Actor:
    return Actor.sign_up(app, "Bob")


@pytest.fixture
def service(fresh_database: str) -> Iterator[Service]:
    """Yield the service behind a real gunicorn, on a database of its own."""
    with serving(fresh_database) as running_service:
        yield running_service
