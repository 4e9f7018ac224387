"""Sees the SQL statements that a block sends, transaction control included."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from todo_api.database import connections, execution
from todo_api.database.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@contextmanager
def seeing(see: Callable[[Statement, Mapping[str, Any]], None]) -> Iterator[None]:
    """Have each statement seen before it is sent."""
    send = Statement.execute

    def execute(statement: Statement, connection: Any, cursor: Any, parameters: Mapping[str, Any]) -> None:
        see(statement, parameters)
        send(statement, connection, cursor, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Statement, "execute", execute)
        yield


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield the list that each statement is added to, and each beginning of a transaction."""
    seen: list[str] = []

    def begin() -> Any:
        seen.append("transaction control")
        return connections.begin()

    with seeing(lambda statement, _: seen.append(statement.text)), pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "begin", begin)
        yield seen
