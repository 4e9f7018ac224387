"""The migrations: they create the schema of the models, and can be reverted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg2.errors import CheckViolation

from tests.support.databases import application, execute, migrate, new_database
from tests.support.pgbouncer import pgbouncer
from todo_api.auth.models import User
from todo_api.extensions import db
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOGUE = """
SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND conrelid IS DISTINCT FROM to_regclass('alembic_version')
UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL
SELECT concat_ws(' ', table_name, column_name, data_type, datetime_precision, is_nullable, column_default,
                 identity_generation)
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
ORDER BY 1
"""


@pytest.fixture
def empty_database(server: str) -> Iterator[str]:
    with new_database(server) as url:
        yield url


def test_migrations_can_be_reverted_and_applied_again(empty_database: str) -> None:
    migrate(empty_database, "upgrade")
    first = execute(empty_database, CATALOGUE)
    migrate(empty_database, "downgrade", "base")
    assert execute(empty_database, CATALOGUE) == []
    migrate(empty_database, "upgrade")
    assert execute(empty_database, CATALOGUE) == first


def test_flask_db_check_finds_no_difference_to_the_models(template: str) -> None:
    migrate(template, "check")


def test_the_migrated_schema_equals_the_models_with_check_constraints(template: str, empty_database: str) -> None:
    app = application(empty_database)
    with app.app_context():
        db.metadata.create_all(db.engine)
        db.engine.dispose()
    assert execute(empty_database, CATALOGUE) == execute(template, CATALOGUE)


def test_offline_mode_prints_sql_and_changes_nothing(empty_database: str) -> None:
    migrate(empty_database, "upgrade", "--sql")
    assert execute(empty_database, CATALOGUE) == []


def test_existing_tasks_get_an_order_and_are_counted(empty_database: str) -> None:
    migrate(empty_database, "upgrade", "0002")
    execute(
        empty_database,
        "INSERT INTO users (id, email, password_hash, name) VALUES ('u', 'u@x', '', ''), ('v', 'v@x', '', '')",
    )
    insert = (
        "INSERT INTO tasks (user_id, title, completed) VALUES ('u', 'a', false), ('v', 'b', true), ('u', 'c', true)"
    )
    execute(empty_database, insert)
    migrate(empty_database, "upgrade")
    tasks = 'SELECT title, "order", completed_at = updated_at, version, tags FROM tasks ORDER BY id'
    assert execute(empty_database, tasks) == [
        ("a", 1024, None, 0, []),
        ("b", 1024, True, 0, []),
        ("c", 2048, True, 0, []),
    ]
    lists = "SELECT user_id, version, live, trashed, purged, write_count FROM task_lists ORDER BY 1"
    assert execute(empty_database, lists) == [("u", 0, 2, 0, 0, 0), ("v", 0, 1, 0, 0, 0)]
    assert execute(empty_database, "SELECT count(DISTINCT uid) FROM tasks") == [(3,)]
    execute(empty_database, insert)  # as the previous release still does while it runs
    execute(empty_database, "UPDATE tasks SET deleted_at = now() WHERE title = 'a'")
    migrate(empty_database, "downgrade", "0002")
    assert execute(empty_database, "SELECT title FROM tasks ORDER BY id") == [(title,) for title in "bcbc"]


def test_the_primary_key_of_tasks_starts_with_the_user(template: str) -> None:
    keys = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'tasks'::regclass AND contype = 'p'"
    assert execute(template, keys) == [("PRIMARY KEY (user_id, id)",)]


@pytest.mark.parametrize(
    ("column", "limit"),
    [("title", Task.TITLE_MAX), ("description", Task.DESCRIPTION_MAX)],
)
def test_lengths_of_tasks_are_checked_in_code_points(fresh_database: str, column: str, limit: int) -> None:
    execute(fresh_database, "INSERT INTO users (id, email, password_hash, name) VALUES ('u', 'a@b', '', '')")
    execute(fresh_database, "INSERT INTO task_lists (user_id) VALUES ('u')")
    other = "'x'" if column == "description" else "NULL"
    columns = f"({column}, {'title' if column == 'description' else 'description'}, user_id)"
    execute(fresh_database, f"INSERT INTO tasks {columns} VALUES (repeat('\U0001f600', {limit}), {other}, 'u')")
    with pytest.raises(CheckViolation, match=f"ck_tasks_{column}_length"):
        execute(fresh_database, f"INSERT INTO tasks {columns} VALUES (repeat('x', {limit + 1}), {other}, 'u')")


@pytest.mark.parametrize(
    ("email", "name", "constraint"),
    [
        ("x" * (User.EMAIL_MAX + 1), "", "ck_users_email_length"),
        ("a@b", "x" * (User.NAME_MAX + 1), "ck_users_name_length"),
    ],
    ids=["email", "name"],
)
def test_lengths_of_users_are_checked(fresh_database: str, email: str, name: str, constraint: str) -> None:
    insert = "INSERT INTO users (id, email, password_hash, name) VALUES ('u', %s, '', %s)"
    with pytest.raises(CheckViolation, match=constraint):
        execute(fresh_database, insert, email, name)


def test_a_migration_through_a_pooler_changes_no_setting_of_others(empty_database: str) -> None:
    with pgbouncer(empty_database) as pooled:
        migrate(pooled)
        assert execute(pooled, "SHOW statement_timeout") == [("5s",)]
        assert execute(pooled, "SHOW lock_timeout") == [("3s",)]
