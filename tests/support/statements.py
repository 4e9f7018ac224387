"""The SQL statements that a block sends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from todo_api.database import connections, execution
from todo_api.database.citus import HAS_CITUS, HAS_DISTRIBUTED_USERS
from todo_api.database.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@contextmanager
def intercept_statements(callback: Callable[[Statement, Mapping[str, Any]], None]) -> Iterator[None]:
    """Call the function with each statement and its parameters before it is sent, but for what a process asks once."""
    send = Statement.execute

    def execute(statement: Statement, connection: Any, cursor: Any, parameters: Mapping[str, Any]) -> None:
        if statement not in {HAS_CITUS, HAS_DISTRIBUTED_USERS}:
            callback(statement, parameters)
        send(statement, connection, cursor, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Statement, "execute", execute)
        yield


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """Yield the list of the statements that are sent, with an entry for each BEGIN."""
    sent: list[str] = []

    def begin(bind: str | None = None) -> Any:
        sent.append("transaction control")
        return connections.begin(bind)

    with intercept_statements(lambda statement, _: sent.append(statement.text)), pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "begin", begin)
        yield sent
