"""Reads from a replica: a standby of the database, which may be behind it (docs/decisions/0040).

No request depends on the replica. If it fails, the request reads from the primary, and so do all requests for a while.
"""

from __future__ import annotations

import logging
import time
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg2
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from todo_api.database.connections import REPLICA, REPLICA_AUTOCOMMIT
from todo_api.database.execution import run_autocommit, stream
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from todo_api.database.statements import Row, Statement

Result = TypeVar("Result")

PAUSE = 10.0
"""Seconds that a replica gets no statements after a failure. Then a single request tries it."""

logger = logging.getLogger(__name__)


class Pause:
    """The time until which a replica gets no statements, on the monotonic clock. Each process has its own."""

    def __init__(self) -> None:
        """Start without a pause."""
        self.end = -inf

    def begin(self) -> None:
        """Begin a pause, or extend it."""
        self.end = time.monotonic() + PAUSE

    def is_over(self) -> bool:
        """Return whether the replica may get statements."""
        return self.end == -inf or time.monotonic() >= self.end

    def take_trial(self) -> bool:
        """Return whether the caller may send a statement. After a pause, one caller may, and the others wait for it."""
        if self.end == -inf:
            return True
        is_trial = self.is_over()
        if is_trial:
            self.begin()
        return is_trial


pause = Pause()


def is_available() -> bool:
    """Return whether there is a replica that is not known to fail."""
    return settings().database_replica_url is not None and pause.is_over()


def attempt(read: Callable[[], Result]) -> Result | None:
    """Return the result of a function that reads from the replica, or None if it fails."""
    if not pause.take_trial():
        return None
    try:
        result = read()
    except (psycopg2.Error, PoolTimeoutError) as error:
        if not getattr(error, "pgcode", True):  # PostgreSQL's own errors have a code; the replica responds
            logger.warning("replica: %s: it gets no statements for %d s", type(error).__name__, PAUSE)
            pause.begin()
        return None
    pause.end = -inf
    return result


def fetch_all(statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
    """Execute one statement on the replica and return its rows."""
    return run_autocommit(statement, parameters, REPLICA_AUTOCOMMIT)


def stream_rows(statement: Statement, parameters: Mapping[str, Any]) -> Iterator[Row]:
    """Execute one statement on the replica and yield its rows, with few of them in memory."""
    return stream(statement, parameters, REPLICA)
