"""`flask db distribute` without Citus: what it refuses, and what it asks Citus to do.

Functions that record their calls stand in for Citus, which no package registry has. `tests/scale/citus/` runs the
command on Citus where it is installed.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest

from devtools.processes import free_port
from tests.support.cli import CLI
from tests.support.databases import application, end_sessions, execute
from todo_api.operations.migrations import init_migrations

if TYPE_CHECKING:
    from click.testing import Result

STAND_INS = """
CREATE TABLE pg_dist_partition (logicalrelid regclass, distributed_by text, shards int, beside text, position serial);
CREATE TABLE pg_dist_node (shouldhaveshards bool, noderole text);
INSERT INTO pg_dist_node VALUES (true, 'primary'), (true, 'primary'), (false, 'primary'), (true, 'secondary');
CREATE TABLE commands (command text, error text);
INSERT INTO pg_extension SELECT 99999, 'citus', extowner, extnamespace, extrelocatable, extversion
  FROM pg_extension WHERE extname = 'plpgsql';
CREATE FUNCTION create_distributed_table(name text, by text, shard_count int DEFAULT NULL, colocate_with text = NULL)
  RETURNS void BEGIN ATOMIC
    INSERT INTO pg_dist_partition VALUES (name::regclass, by, shard_count, colocate_with);
  END;
CREATE FUNCTION create_reference_table(name text) RETURNS void BEGIN ATOMIC
    INSERT INTO pg_dist_partition VALUES (name::regclass);
  END;
CREATE FUNCTION run_command_on_workers(text) RETURNS TABLE (nodename text, success bool, result text) BEGIN ATOMIC
    INSERT INTO commands (command) VALUES ($1) RETURNING 'worker', error IS NULL, error;
  END;
"""
TABLES = "SELECT logicalrelid::text, distributed_by, shards, beside FROM pg_dist_partition ORDER BY position"
SEPARATED = """
SELECT (SELECT count(*) FROM pg_constraint WHERE conname IN ('fk_emails_user_id_users', 'uq_emails_user_id'))
     + (SELECT count(*) FROM pg_class WHERE relname = 'uq_users_local_email')
     + (SELECT count(*) FROM pg_trigger WHERE tgname = 'record_email')
"""


def distribute(url: str, *options: str) -> Result:
    """Run the command, and end its connections as the end of its process does."""
    app = application(url)
    init_migrations(app)
    result = CLI(app)("db", "distribute", *options)
    end_sessions(url)
    return result


@pytest.fixture
def database_with_stand_ins(fresh_database: str) -> str:
    execute(fresh_database, STAND_INS)
    return fresh_database


def test_a_database_without_citus_is_one_line(fresh_database: str) -> None:
    result = distribute(fresh_database)
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


def test_all_tables_of_a_user_are_distributed_beside_the_users(database_with_stand_ins: str) -> None:
    assert execute(database_with_stand_ins, SEPARATED) == [(4,)]
    result = distribute(database_with_stand_ins, "--shards", "8")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "The tables are distributed over 2 nodes.")
    tables = execute(database_with_stand_ins, TABLES)
    assert tables[0] == ("users", "id", 8, "none")
    assert ("emails", "email", 8, "none") in tables
    assert tables[-1] == ("alembic_version", None, None, None)
    beside = [table for table, *how in tables if how == ["user_id", None, "users"]]
    assert {*beside} == {
        "sessions",
        "api_keys",
        "password_resets",
        "task_lists",
        "tasks",
        "task_tombstones",
        "idempotency_keys",
        "calendar_feeds",
    }
    assert len(tables) == len(beside) + 3
    assert beside.index("task_lists") < min(beside.index("tasks"), beside.index("task_tombstones"))
    assert execute(database_with_stand_ins, SEPARATED) == [(0,)]


def test_workers_get_a_table_of_counters(database_with_stand_ins: str) -> None:
    distribute(database_with_stand_ins)
    commands = [str(command) for (command,) in execute(database_with_stand_ins, "SELECT command FROM commands")]
    execute(database_with_stand_ins, "DROP TABLE rate_limits")
    for command in [*commands, *commands]:
        execute(database_with_stand_ins, command)
    persistence = "SELECT relpersistence FROM pg_class WHERE relname = 'rate_limits'"
    assert execute(database_with_stand_ins, persistence) == [("u",)]
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'rate_limits'"
    assert execute(database_with_stand_ins, indexes) == [(2,)]


def test_a_second_run_does_what_is_missing(database_with_stand_ins: str) -> None:
    distribute(database_with_stand_ins)
    execute(database_with_stand_ins, "DELETE FROM pg_dist_partition WHERE logicalrelid = 'calendar_feeds'::regclass")
    assert distribute(database_with_stand_ins).output.splitlines() == [
        "Distributing calendar_feeds by user_id.",
        "The tables are distributed over 2 nodes.",
    ]
    assert distribute(database_with_stand_ins).output == "All tables were distributed, over 2 nodes.\n"


def test_a_running_service_is_refused(database_with_stand_ins: str) -> None:
    with closing(psycopg2.connect(database_with_stand_ins, application_name="todo_api")):
        result = distribute(database_with_stand_ins)
    assert result.exit_code == 1
    assert result.output == "Error: Stop the service first: it has 1 connection to the database.\n"
    assert execute(database_with_stand_ins, TABLES) == []


def test_a_node_that_refuses_its_table_changes_nothing(database_with_stand_ins: str) -> None:
    execute(database_with_stand_ins, "ALTER TABLE commands ALTER error SET DEFAULT 'No space left on device'")
    result = distribute(database_with_stand_ins)
    assert result.exit_code == 1
    line = result.output.splitlines()[-1]
    assert line == "Error: The table rate_limits cannot be created on worker: No space left on device"
    assert execute(database_with_stand_ins, TABLES) == []
    assert execute(database_with_stand_ins, SEPARATED) == [(4,)]
