"""The rule finds the statements that Citus would split. tests/conftest.py applies it to those of the service."""

from __future__ import annotations

import importlib
from operator import attrgetter
from typing import Any

import pytest
from pglast import ast, parse_sql
from sqlalchemy import text

from tests.scale.compiled import caller, is_allowed, module_statements
from tests.scale.exceptions import ALLOWED
from tests.scale.routing import MUTABLE, PARAMETER, is_a, violations, walk
from tests.support.databases import execute
from todo_api.database.statements import Statement

OWN = "tasks.user_id = :owner"
WRITE = f"UPDATE tasks SET title = 'x' WHERE {OWN} RETURNING tasks.id"
NO_USER = "tasks without a constant user"
UPSERT = "INSERT INTO sessions AS s (user_id) VALUES (:owner) ON CONFLICT (id) DO UPDATE SET"
AT_A_MOMENT = f"UPDATE tasks SET updated_at = CASE WHEN true THEN c.m END FROM (SELECT now() AS m) AS c WHERE {OWN}"

CASES = {
    f"SELECT 1 FROM tasks WHERE {OWN} AND tasks.id = :id": set(),
    f"WITH written AS ({WRITE}) SELECT written.id FROM written": set(),
    f"SELECT 1 FROM tasks JOIN task_lists ON task_lists.user_id = tasks.user_id WHERE {OWN}": set(),
    f"UPDATE tasks SET updated_at = now() WHERE {OWN}": set(),
    f"WITH written AS ({AT_A_MOMENT} RETURNING tasks.id) SELECT written.id FROM written": set(),
    AT_A_MOMENT: {"query in FROM of a write"},
    "INSERT INTO tasks (user_id) VALUES (:owner)": set(),
    f"{UPSERT} created_at = excluded.created_at": set(),
    "SELECT 1 FROM tasks WHERE tasks.id = :id": {NO_USER},
    f"SELECT 1 FROM tasks WHERE {OWN} OR tasks.id = :id": {NO_USER},
    "SELECT 1 FROM tasks WHERE tasks.user_id IN (SELECT users.id FROM users WHERE users.id = :owner)": {NO_USER},
    f"SELECT 1 FROM tasks AS other WHERE EXISTS (SELECT 1 FROM tasks WHERE {OWN})": {NO_USER},
    f"SELECT 1 FROM tasks, users WHERE {OWN} AND users.id = :other": {"several users"},
    f"SELECT 1 FROM tasks, rate_limits WHERE {OWN}": {"rate_limits is elsewhere"},
    f"WITH seen AS (SELECT 1 FROM tasks WHERE {OWN}) {WRITE}": {"WITH before a write"},
    f"INSERT INTO tasks SELECT tasks.* FROM tasks WHERE {OWN}": {"INSERT INTO tasks with a query"},
    "WITH new AS (INSERT INTO tasks (user_id) VALUES (:owner) RETURNING id) SELECT id FROM new": {
        "INSERT INTO tasks with a query"
    },
    f"UPDATE tasks SET updated_at = CASE WHEN true THEN now() END WHERE {OWN}": {"now in CASE or COALESCE"},
    f"DELETE FROM tasks WHERE {OWN} AND COALESCE(deleted_at, now()) < now()": {"now in CASE or COALESCE"},
    f"DELETE FROM tasks WHERE {OWN} RETURNING deleted_at > now()": {"now in RETURNING"},
    f"DELETE FROM tasks WHERE {OWN} RETURNING CURRENT_DATE": {"SVFOP_CURRENT_DATE in RETURNING"},
    f"DELETE FROM tasks WHERE {OWN} AND array_to_string(tasks.tags, '') = ''": {"array_to_string of a column"},
    f"{UPSERT} created_at = now()": {"now in DO UPDATE", "INSERT INTO sessions with a query"},
}
MUTABLE_FUNCTIONS = "SELECT proname FROM pg_proc GROUP BY proname HAVING bool_and(provolatile <> 'i')"


@pytest.mark.parametrize("sql", CASES)
def test_the_rule(sql: str) -> None:
    assert violations(Statement(text(sql))) == CASES[sql]


def test_an_allowed_statement_may_violate_the_rule_in_one_way_only() -> None:
    assert is_allowed("rate_limiting.postgres_store.consume_statement", "now in RETURNING")
    assert not is_allowed("rate_limiting.postgres_store.consume_statement", NO_USER)
    assert not is_allowed("tasks.queries.statements.GET", "now in RETURNING")


@pytest.mark.parametrize("place", ALLOWED)
def test_each_allowed_place_exists(place: str) -> None:
    module, _, name = f"todo_api.{place}".rpartition(".")
    try:
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        assert attrgetter(name)(importlib.import_module(module))


def test_a_statement_of_a_test_is_not_one_of_the_service() -> None:
    assert caller(None) is None


def test_the_functions_of_statements_that_postgresql_calls_mutable_are_known(template: str) -> None:
    texts = [PARAMETER.sub("NULL", statement.text).replace("%%", "%") for _, statement in module_statements()]
    nodes: list[Any] = [node for text in texts for node in walk(parse_sql(text))]
    called = {node.funcname[-1].sval for node in nodes if is_a(node, ast.FuncCall)}
    mutable = {name for (name,) in execute(template, MUTABLE_FUNCTIONS)}
    assert called & mutable <= MUTABLE <= mutable
