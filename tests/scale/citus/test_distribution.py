"""`flask db distribute` keeps all data, does what is missing, and refuses what would lose something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.citus import SHARDS, migrated_database
from tests.support.cli import CLI
from tests.support.databases import application, execute
from todo_api.operations.migrations import init_migrations

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.citus import Cluster

LOCAL_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
   AND oid NOT IN (SELECT logicalrelid FROM pg_dist_partition)
"""


@pytest.fixture
def migrated(citus: Cluster) -> Cluster:
    return migrated_database(citus)


def distribute(url: str) -> tuple[int, str]:
    """Return the exit code, and the last line of the output."""
    app = application(url)
    init_migrations(app)
    result = CLI(app)("db", "distribute", "--shards", str(SHARDS))
    close(app)
    return result.exit_code, result.output.splitlines()[-1]


def close(app: Flask) -> None:
    """Close the connections of the application, as its end does."""
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def test_all_data_is_kept_and_ids_and_orders_go_on(migrated: Cluster) -> None:
    url = migrated.coordinator
    app = application(url)
    actors = [Actor.sign_up(app, name) for name in ("Ada", "Bob", "Eve")]
    before = {actor.id: [actor.create_task() for _ in range(3)] for actor in actors}
    assert distribute(url) == (1, "Error: Stop the service first: it has 1 connection to the database.")
    close(app)
    assert distribute(url) == (0, "The tables are distributed over 2 nodes.")
    assert distribute(url) == (0, "All tables were distributed, over 2 nodes.")
    app = application(migrated.workers[0])
    for actor in actors:
        actor.client = app.test_client(use_cookies=False)
        assert actor.get("/tasks").get_json() == before[actor.id]
        assert actor.create_task()["order"] == 4096
        body = {"email": actor.email.upper(), "password": PASSWORD}
        assert actor.client.post("/api/auth/sign-in/email", data=body).status_code == 200
    ids = [task_id for (task_id,) in execute(url, "SELECT id FROM tasks")]
    assert len({*ids}) == 12


def test_nothing_but_counters_is_on_one_node(distributed: Cluster) -> None:
    for url in (distributed.coordinator, *distributed.workers):
        assert execute(url, LOCAL_TABLES) == [("rate_limits",)]


def test_a_table_that_cannot_be_distributed_changes_nothing(migrated: Cluster) -> None:
    execute(migrated.coordinator, "CREATE UNIQUE INDEX ON tasks (title)")
    assert distribute(migrated.coordinator) == (
        1,
        'Error: The database cannot be used: cannot create constraint on "tasks"',
    )
    assert execute(migrated.coordinator, "SELECT count(*) FROM pg_dist_partition") == [(0,)]


def test_a_database_without_tables_is_one_line(citus: Cluster) -> None:
    url = migrated_database(citus).coordinator
    execute(url, "DROP TABLE tasks CASCADE")
    assert distribute(url) == (
        1,
        "Error: The database schema does not match this release. Run: flask db upgrade",
    )
