"""Databases of the test server: one migrated template, and copies of it."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql

from config import Config
from todo_api import create_app
from todo_api.extensions import db

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

CONFIG = Config(
    better_auth_secret="a secret of the tests, long enough",
    database_url="postgresql+psycopg2:///set-by-each-test",
    bcrypt_cost=4,
    rate_limit_address_scale=1000,  # everybody calls from one address here
    cors_origins=("http://localhost:3000", "https://app.example.com"),
)


def application(url: str, **settings: Any) -> Flask:
    """Return the service on the database, with these settings instead of CONFIG's."""
    address = url.replace("postgresql://", "postgresql+psycopg2://", 1)
    return create_app(replace(CONFIG, database_url=address, **settings))


def execute(url: str, statement: str | sql.Composed, *parameters: object) -> list[tuple[object, ...]]:
    """Run one statement, outside any transaction, and return its rows."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@contextmanager
def new_database(server: str, template: str | None = None) -> Iterator[str]:
    """Yield the URL of a database that lives as long as the block."""
    name = f"todo_test_{uuid.uuid4().hex[:12]}"
    source = sql.Identifier(urlsplit(template).path[1:] if template else "template0")
    execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(sql.Identifier(name), source))
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def migrate(url: str, *arguments: str) -> None:
    """Run `flask db …` on the database."""
    app = application(url)
    result = app.test_cli_runner().invoke(args=["db", *(arguments or ["upgrade"])])
    assert result.exit_code == 0, result.output + repr(result.exception)
    with app.app_context():
        db.engine.dispose()  # a template must have no session
