"""Locks that tests hold while requests wait for them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg2

from tests.support.databases import execute
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK_USER = "SELECT FROM users WHERE id = %s FOR NO KEY UPDATE"


@contextmanager
def locking(database: str, statement: str, *parameters: object) -> Iterator[Callable[[], None]]:
    """Run a statement in a transaction that stays open, and yield the function that commits it."""
    with closing(psycopg2.connect(database)) as connection:
        connection.cursor().execute(statement, parameters)
        yield connection.commit


def wait_for_lock(database: str, statements: int = 1) -> None:
    """Return as soon as this number of statements waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    wait_until(lambda: execute(database, waiting) == [(statements,)])
