"""Counts the SQL statements that a block sends, transaction control included."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from todo_api.extensions import db

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """Yield the list that each statement is added to, on every engine of the application."""
    seen: list[str] = []

    def execute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    def control(connection: Any) -> None:
        if not connection.connection.dbapi_connection.autocommit:
            seen.append("transaction control")

    with app.app_context():
        engines = list(db.engines.values())
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", execute),
        ("commit", control),
        ("rollback", control),
    ]
    for engine in engines:
        for name, listener in listeners:
            event.listen(engine, name, listener)
    try:
        yield seen
    finally:
        for engine in engines:
            for name, listener in listeners:
                event.remove(engine, name, listener)
