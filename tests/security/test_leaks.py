"""The search for leaks finds internals, and accepts the texts that responses contain on purpose."""

from __future__ import annotations

import pytest

from tests.security.leaks import leaks
from tests.support.databases import CONFIG
from tests.support.processes import ROOT


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):",
        'File "/srv/todo_api/database.py", line 7',
        f"no such file: {ROOT}/x",
        "sqlalchemy.exc.DataError: (psycopg2.errors.NumericValueOutOfRange)",
        "SELECT tasks.id FROM tasks",
        "UPDATE tasks SET title = 'x'",
        'duplicate key value violates unique constraint "users_email"',
        'syntax error at or near "x"',
        "DETAIL:  Key (email)=(a@example.com) already exists.",
        "$2b$12$abcdefghijklmnopqrstuv",
        "password_hash",
        "Server: gunicorn/23.0.0",
        "Python/3.11",
        "Flask 3",
        "/home/todo/app",
        CONFIG.better_auth_secret,
    ],
)
def test_a_leak_is_found(text: str) -> None:
    assert leaks(f'HTTP/1.1 200 OK\n\n{{"detail":"{text}"}}')


@pytest.mark.parametrize(
    "text",
    [
        "Server: gunicorn",
        "Select a task from the list",
        "Password too short",
        "eyJhbGciOiJIUzI1NiJ9.eyJwZ19.pg_abcdefgh",
    ],
)
def test_an_intended_text_is_no_leak(text: str) -> None:
    assert leaks(text) == []
