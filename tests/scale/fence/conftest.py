"""The tests of tests/tasks again, with their users behind the fence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scale.fence.row_security import fenced_requests, fenced_role
from tests.support.actors import Actor
from tests.support.databases import application, new_database
from tests.tasks.conftest import task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

__all__ = ["task"]


@pytest.fixture(scope="session")
def fenced_database(server: str, template: str) -> Iterator[tuple[str, str]]:
    """Yield the URLs of one database, without the fence and behind it."""
    with new_database(server, template) as url, fenced_role(url) as fenced_url:
        yield url, fenced_url


@pytest.fixture
def database(fenced_database: tuple[str, str]) -> str:
    return fenced_database[0]


@pytest.fixture(scope="session")
def open_app(fenced_database: tuple[str, str]) -> Flask:
    """Return the application without the fence, for sign-up and whatever is of no user yet."""
    return application(fenced_database[0])


@pytest.fixture(scope="session")
def fenced_app(fenced_database: tuple[str, str]) -> Flask:
    return application(fenced_database[1])


@pytest.fixture
def app(fenced_app: Flask) -> Iterator[Flask]:
    with fenced_requests():
        yield fenced_app


def signed_up(open_app: Flask, app: Flask, name: str) -> Actor:
    actor = Actor.sign_up(open_app, name)
    actor.client = app.test_client(use_cookies=False)
    return actor


@pytest.fixture
def alice(open_app: Flask, app: Flask) -> Actor:
    return signed_up(open_app, app, "Alice")


@pytest.fixture
def bob(open_app: Flask, app: Flask) -> Actor:
    return signed_up(open_app, app, "Bob")
