"""Work in slices: all rows once, in their order, with the memory of one slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from tests.support.databases import application, execute
from tests.support.statements import record_statements
from todo_api.auth.models import PasswordReset, User
from todo_api.database import slices
from todo_api.database.slices import delete_older

if TYPE_CHECKING:
    import pytest

USERS = "INSERT INTO users (id, issuer, name) SELECT n::text, 'https://id.example', '' FROM generate_series(1, 7) AS n"
RESETS = """
INSERT INTO password_resets (user_id, token_hash, expires_at)
SELECT '1', n::text::bytea, now() + (n - 5) * interval '1 hour' FROM generate_series(1, 9) AS n
"""


def test_slices_have_each_row_once_in_the_order_of_the_key(fresh_database: str) -> None:
    execute(fresh_database, USERS)
    with application(fresh_database).app_context():
        ids = [[row["id"] for row in rows] for rows in slices.slices(select(User.id), User.id, size=3)]
    assert ids == [["1", "2", "3"], ["4", "5", "6"], ["7"]]


def test_old_rows_are_deleted_by_slices_of_the_oldest(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "DELETED_SLICE", 2)
    execute(fresh_database, USERS)
    execute(fresh_database, RESETS)
    with application(fresh_database).app_context(), record_statements() as statements:
        deletions = delete_older(PasswordReset.expires_at)
        assert next(deletions) == 2
        remaining = "SELECT convert_from(token_hash, 'UTF8') FROM password_resets ORDER BY 1"
        assert execute(fresh_database, remaining) == [(str(n),) for n in range(3, 10)]
        assert list(deletions) == [2, 1]
    assert len(statements) == 4
    assert execute(fresh_database, remaining) == [(str(n),) for n in range(6, 10)]
