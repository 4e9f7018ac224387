"""The content of the databases before the first load."""

from __future__ import annotations

import contextlib

import psycopg2

from benchmarks.processes import postmaster

LARGE = 50_000

INSERT_TASKS = """
INSERT INTO tasks (user_id, title, description, "order", version)
SELECT %s, 'File taxes of ' || n, 'Form 1040, with the receipts of the year', 1024 * n, 1
  FROM generate_series(1, %s) AS n
"""

FLOOR_TABLE = """
CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY, user_id text NOT NULL, title text NOT NULL, description text,
    completed boolean NOT NULL DEFAULT false, created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now(), PRIMARY KEY (user_id, id)
)
"""


def execute(url: str, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    """Run one statement in autocommit and return its rows."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def insert_tasks(url: str, user_id: str) -> None:
    """Insert 50,000 tasks for a user of the service."""
    execute(url, "INSERT INTO task_lists (user_id, version, live) VALUES (%s, 1, %s)", user_id, LARGE)
    execute(url, INSERT_TASKS, user_id, LARGE)
    execute(url, "VACUUM ANALYZE")


def local_postgres(url: str) -> int | None:
    """Return the process id of PostgreSQL's postmaster, or None if it runs on another machine."""
    # Inside the block, because the backend process exits with its connection.
    with contextlib.closing(psycopg2.connect(url)) as connection:
        return postmaster(connection.info.backend_pid)


def version(url: str) -> str:
    """Return PostgreSQL's version."""
    ((text,),) = execute(url, "SHOW server_version")
    return str(text)
