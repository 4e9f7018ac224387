"""The schema comes from the migrations, says what the models say, and can be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import application, execute, migrate, new_database
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
def empty(server: str) -> Iterator[str]:
    with new_database(server) as url:
        yield url


def test_up_down_up(empty: str) -> None:
    migrate(empty, "upgrade")
    first = execute(empty, CATALOGUE)
    migrate(empty, "downgrade", "base")
    assert execute(empty, CATALOGUE) == []
    migrate(empty, "upgrade")
    assert execute(empty, CATALOGUE) == first


def test_flask_db_check_finds_no_drift(template: str) -> None:
    migrate(template, "check")


def test_the_migrated_schema_is_that_of_the_models_checks_included(template: str, empty: str) -> None:
    app = application(empty)
    with app.app_context():
        db.metadata.create_all(db.engine)
        db.engine.dispose()
    assert execute(empty, CATALOGUE) == execute(template, CATALOGUE)


def test_the_sql_can_be_read_before_it_runs(empty: str) -> None:
    migrate(empty, "upgrade", "--sql")
    assert execute(empty, CATALOGUE) == []


def test_tasks_that_are_there_get_their_order_and_are_counted(empty: str) -> None:
    migrate(empty, "upgrade", "0002")
    execute(
        empty, "INSERT INTO users (id, email, password_hash, name) VALUES ('u', 'u@x', '', ''), ('v', 'v@x', '', '')"
    )
    insert = (
        "INSERT INTO tasks (user_id, title, completed) VALUES ('u', 'a', false), ('v', 'b', true), ('u', 'c', true)"
    )
    execute(empty, insert)
    migrate(empty, "upgrade")
    shown = 'SELECT title, "order", completed_at = updated_at, version, tags FROM tasks ORDER BY id'
    assert execute(empty, shown) == [("a", 1024, None, 0, []), ("b", 1024, True, 0, []), ("c", 2048, True, 0, [])]
    assert execute(empty, "SELECT * FROM task_lists ORDER BY 1") == [("u", 0, 2, 0, 0), ("v", 0, 1, 0, 0)]
    assert execute(empty, "SELECT count(DISTINCT uid) FROM tasks") == [(3,)]
    execute(empty, insert)  # as the previous release still does
    execute(empty, "UPDATE tasks SET deleted_at = now() WHERE title = 'a'")
    migrate(empty, "downgrade", "0002")
    assert execute(empty, "SELECT title FROM tasks ORDER BY id") == [(title,) for title in "bcbc"]


def test_tasks_can_be_distributed_by_user(template: str) -> None:
    keys = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'tasks'::regclass AND contype = 'p'"
    assert execute(template, keys) == [("PRIMARY KEY (user_id, id)",)]


@pytest.mark.parametrize(
    ("column", "limit"),
    [("title", Task.TITLE_MAX), ("description", Task.DESCRIPTION_MAX)],
)
def test_the_database_keeps_the_limits_in_code_points(fresh_database: str, column: str, limit: int) -> None:
    execute(fresh_database, "INSERT INTO users (id, email, password_hash, name) VALUES ('u', 'a@b', '', '')")
    other = "'x'" if column == "description" else "NULL"
    columns = f"({column}, {'title' if column == 'description' else 'description'}, user_id)"
    execute(fresh_database, f"INSERT INTO tasks {columns} VALUES (repeat('\U0001f600', {limit}), {other}, 'u')")
    with pytest.raises(Exception, match=f"ck_tasks_{column}_length"):
        execute(fresh_database, f"INSERT INTO tasks {columns} VALUES (repeat('x', {limit + 1}), {other}, 'u')")


def test_users_have_limits_too(fresh_database: str) -> None:
    insert = "INSERT INTO users (id, email, password_hash, name) VALUES ('u', %s, '', %s)"
    for email, name, constraint in (
        ("x" * (User.EMAIL_MAX + 1), "", "ck_users_email_length"),
        ("a@b", "x" * (User.NAME_MAX + 1), "ck_users_name_length"),
    ):
        with pytest.raises(Exception, match=constraint):
            execute(fresh_database, insert, email, name)
