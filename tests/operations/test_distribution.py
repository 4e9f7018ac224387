"""`flask db distribute` on PostgreSQL without Citus."""

from __future__ import annotations

from devtools.processes import free_port
from tests.support.cli import CLI
from tests.support.databases import application
from todo_api.operations.distribution import distribution_columns
from todo_api.operations.migrations import init_migrations


def test_a_database_without_citus_is_one_line(fresh_database: str) -> None:
    app = application(fresh_database)
    init_migrations(app)
    result = CLI(app)("db", "distribute")
    assert result.exit_code == 1
    assert result.output == (
        "Error: The database has no extension citus. Install Citus on each node, and run CREATE EXTENSION citus"
        " and citus_add_node: see docs/citus.md.\n"
    )


def test_an_unreachable_database_is_one_line() -> None:
    app = application(f"postgresql://u:geheim@127.0.0.1:{free_port()}/d")
    init_migrations(app)
    result = CLI(app)("db", "distribute")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: The database cannot be used: ")
    assert "geheim" not in line


def test_every_table_of_a_user_is_distributed_after_those_that_it_refers_to() -> None:
    columns = distribution_columns()
    assert next(iter(columns.items())) == ("users", "id")
    assert list(columns).index("task_lists") < list(columns).index("tasks") < len(columns)
    assert set(columns) == {
        "users",
        "emails",
        "sessions",
        "api_keys",
        "password_resets",
        "task_lists",
        "tasks",
        "task_tombstones",
        "idempotency_keys",
        "calendar_feeds",
    }
    assert {name for name, column in columns.items() if column == "user_id"} == set(columns) - {"users", "emails"}
