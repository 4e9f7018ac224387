"""A fence around each user: row level security, under which a statement finds rows of the request's user alone."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from flask import g, has_request_context
from psycopg2 import sql

from tests.scale.routing import USER_COLUMNS
from tests.support.databases import execute
from todo_api.auth import guard, owners
from todo_api.database.connections import driver_connection
from todo_api.database.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from todo_api.auth.api_keys.scopes import Scope
    from todo_api.auth.owners import Owner

POLICY = "CREATE POLICY fence ON {} USING ({} = current_setting('app.user', true))"
SET_USER = "SELECT set_config('app.user', %s, false)"


@contextmanager
def fenced_role(database: str) -> Iterator[str]:
    """Enable row level security for all tables of a user, and yield the URL for a role that it holds for."""
    name = f"fenced_{uuid.uuid4().hex[:12]}"
    role = sql.Identifier(name)
    execute(database, sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'fenced'").format(role))
    execute(database, sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(role))
    for table, column in USER_COLUMNS.items():
        identifiers = sql.Identifier(table), sql.Identifier(column)
        execute(database, sql.SQL(POLICY).format(*identifiers))
        for action in ("ENABLE", "FORCE"):
            execute(database, sql.SQL(f"ALTER TABLE {{}} {action} ROW LEVEL SECURITY").format(identifiers[0]))
    parts = urlsplit(database)
    yield parts._replace(netloc=f"{name}:fenced@{parts.netloc.rpartition('@')[2]}").geturl()
    execute(database, sql.SQL("DROP OWNED BY {}").format(role))
    execute(database, sql.SQL("DROP ROLE {}").format(role))


@contextmanager
def fenced_requests() -> Iterator[None]:
    """Run every statement as the user whom its request has authenticated, or whom a calendar feed's token names."""
    authenticate, send = owners.request_owner, Statement.execute

    def request_owner(scope: Scope) -> Owner:
        owner = authenticate(scope)
        g.fenced_user = owner.user_id
        return owner

    def execute_fenced(statement: Statement, connection: Any, cursor: Any, parameters: Mapping[str, Any]) -> None:
        user = (g.get("fenced_user") if has_request_context() else None) or parameters.get("owner_id", "")
        with driver_connection(connection).cursor() as setting:
            setting.execute(SET_USER, [user])
        send(statement, connection, cursor, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "request_owner", request_owner)
        patch.setattr(Statement, "execute", execute_fenced)
        yield
