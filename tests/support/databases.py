"""The PostgreSQL server of the tests, and its databases: one migrated template, and copies of it."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql

from config import Config
from devtools.embedded_postgres import running_server
from devtools.processes import exclusive_lock
from server.setting_parsers.urls import primary_url
from todo_api import create_app
from todo_api.extensions import db
from todo_api.operations.migrations import init_migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

DATA = Path(__file__).parents[2] / ".data"
MEMORY = Path("/dev/shm")
"""A file system in memory. CREATE DATABASE is several times as fast there as on a disk."""
MEMORY_NEEDED = 2 * 1024**3

CONFIG = Config(
    better_auth_secret="a secret of the tests, long enough",
    database_url="postgresql+psycopg2:///set-by-each-test",
    bcrypt_cost=4,
    rate_limit_address_scale=1000,  # all clients of the tests share one address
    cors_origins=("http://localhost:3000", "https://app.example.com"),
)


def application(url: str, **settings: Any) -> Flask:
    """Return the application on the database, with these settings instead of CONFIG's."""
    return create_app(replace(CONFIG, database_url=primary_url(url), **settings))


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the URL of TEST_DATABASE_URL, or of an embedded server that loses its data at the end."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    parameters = {"fsync": "off", "full_page_writes": "off", "max_connections": "300", "max_wal_size": "256MB"}
    in_memory = MEMORY.exists() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED
    parent = MEMORY / f"todo_api-{os.getuid()}" if in_memory else DATA
    with unused_folder(parent / "test-postgres") as folder, running_server(folder, 18, **parameters) as url:
        yield url


@contextmanager
def unused_folder(path: Path) -> Iterator[Path]:
    """Yield the path with a number that no other test run uses at the same time. Delete the folder afterwards."""
    path.parent.mkdir(exist_ok=True)
    for number in count(1):
        folder = path.with_name(f"{path.name}-{number}")
        with exclusive_lock(folder.with_suffix(".lock")) as acquired:
            if acquired:
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


def execute(url: str, statement: str | sql.Composed, *parameters: object) -> list[tuple[object, ...]]:
    """Run one statement in autocommit, and return its rows."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def end_sessions(url: str) -> None:
    """End every other session of the database, as a restart does."""
    name = urlsplit(url).path[1:]
    others = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    assert all(ended for (ended,) in execute(url, f"SELECT pg_terminate_backend(pid, 5000) {others}", name))


@contextmanager
def new_database(server: str, template: str | None = None) -> Iterator[str]:
    """Yield the URL of a new database, and drop it at the end."""
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
    init_migrations(app)
    result = app.test_cli_runner().invoke(args=["db", *(arguments or ["upgrade"])])
    assert result.exit_code == 0, result.output + repr(result.exception)
    with app.app_context():
        db.engine.dispose()  # CREATE DATABASE refuses a template that has sessions
