"""Prepared statements: which are prepared, what happens to stale plans, and why none are prepared behind a pooler."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Integer, Text, bindparam, literal, select

from tests.support.actors import Actor
from tests.support.credentials import bearer
from tests.support.databases import application, execute
from tests.support.pgbouncer import pgbouncer
from tests.support.statements import record_statements
from todo_api.database import statements as database_statements
from todo_api.database.connections import AUTOCOMMIT, POOL_SIZE, driver_connection, pool_connection
from todo_api.database.statements import Statement
from todo_api.tasks.queries import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

PLANS = "SELECT name, generic_plans FROM pg_prepared_statements"


def query(app: Flask, statement: str) -> list[Any]:
    """Execute a statement on the connection of this thread's requests. For one thread the pool opens only one."""
    with app.app_context(), pool_connection(AUTOCOMMIT) as connection, driver_connection(connection).cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def use_every_statement(alice: Actor) -> None:
    """Make requests that execute all prepared statements."""
    task = alice.create_task(tags=["a"], due="2026-12-24")
    path = f"/tasks/{task['id']}"
    for method, url, body, status in (
        ("GET", path, None, 200),
        ("PUT", path, {"title": "y"}, 200),
        ("PATCH", path, {"due": None, "tags": []}, 200),
        ("PATCH", f"{path}/complete", None, 200),
        ("GET", "/tasks", None, 200),
        ("GET", "/tasks?limit=1", None, 200),
        ("GET", "/tasks/changes", None, 200),
        ("DELETE", path, None, 204),
        ("POST", f"{path}/restore", None, 200),
        ("DELETE", f"{path}?permanent=true", None, 204),
        ("GET", path, None, 404),
    ):
        response = alice.request(method, url, json=body)
        assert response.status_code == status, response.text
    responses = [alice.post("/tasks", json={"title": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [response.status_code for response in responses] == [201, 201]
    assert responses[0].get_json() == responses[1].get_json()
    session = alice.client.get("/api/auth/get-session", headers=bearer(alice.token))
    assert session.get_json()["user"]["id"] == alice.id


def test_a_recurring_statement_is_planned_once(app: Flask, alice: Actor) -> None:
    path = f"/tasks/{alice.create_task()['id']}"
    for _ in range(8):
        assert alice.get(path).status_code == 200
    (generic_plans,) = [count for name, count in query(app, PLANS) if name == statements.GET.name]
    assert generic_plans >= 3  # after five custom plans


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("DEALLOCATE ALL", id="deallocated"),
        pytest.param("ALTER TABLE tasks ALTER version TYPE integer", id="changed type"),
        pytest.param("ALTER TABLE tasks ADD surprise text DEFAULT 'x'", id="new column"),
    ],
)
def test_a_stale_plan_is_replaced(app: Flask, alice: Actor, fresh_database: str, change: str) -> None:
    use_every_statement(alice)
    if change.startswith("ALTER"):
        execute(fresh_database, change)
    else:
        query(app, change)
    use_every_statement(alice)


def test_stale_plans_on_all_connections_cost_one_retry(app: Flask, alice: Actor, fresh_database: str) -> None:
    path = f"/tasks/{alice.create_task()['id']}"
    with app.app_context(), ExitStack() as stack:
        for _ in range(POOL_SIZE):
            assert alice.get(path).status_code == 200
            stack.enter_context(pool_connection(AUTOCOMMIT))
    execute(fresh_database, "ALTER TABLE tasks ALTER version TYPE integer")
    with record_statements() as executed:
        assert alice.get(path).status_code == 200
    assert len(executed) == 2


def test_a_connection_prepares_a_limited_number_of_statements(
    app: Flask, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_statements, "PREPARED_MAX", len(query(app, PLANS)) + 2)
    use_every_statement(alice)
    use_every_statement(alice)
    assert len(query(app, PLANS)) == database_statements.PREPARED_MAX


def test_the_same_statement_compiled_twice_has_one_name() -> None:
    def name(constant: int, sql_type: type[Text | Integer]) -> str | None:
        return Statement(select(literal(constant), bindparam("parameter", type_=sql_type))).name

    assert name(1, Text) == name(1, Text)
    assert len({name(1, Text), name(2, Text), name(1, Integer)}) == 3


def test_percent_signs_and_quotes_are_escaped(app: Flask) -> None:
    statement = Statement(select(literal("100 %, it's").label("constant"), bindparam("parameter", "").label("default")))
    with app.app_context(), pool_connection(AUTOCOMMIT) as connection, driver_connection(connection).cursor() as cursor:
        statement.execute(connection, cursor, {})
        assert cursor.fetchall() == [("100 %, it's", "")]


@pytest.fixture
def pooler(fresh_database: str) -> Iterator[str]:
    """Yield the URL of a PgBouncer in transaction mode."""
    with pgbouncer(fresh_database) as url:
        yield url


def test_behind_a_pooler_no_statement_is_prepared(pooler: str) -> None:
    """The next statement may reach another server process, which does not have the plan."""
    app = application(pooler)
    alice = Actor.sign_up(app, "Alice")
    for _ in range(3):
        use_every_statement(alice)
    with record_statements() as executed:
        assert alice.get("/tasks").status_code == 200
    assert len(executed) == 1
    assert query(app, PLANS) == []
