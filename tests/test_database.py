"""How PostgreSQL is reached."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.databases import application
from todo_api.database import fetch_one


@pytest.mark.parametrize(
    ("query", "setting", "value"),
    [
        ("", "statement_timeout", "5s"),
        ("", "TimeZone", "UTC"),
        ("?options=-csearch_path%3Dfoo", "search_path", "foo"),
        ("?options=-csearch_path%3Dfoo", "statement_timeout", "5s"),
        ("?application_name=mine", "application_name", "mine"),
    ],
)
def test_the_url_may_ask_for_more(database: str, query: str, setting: str, value: str) -> None:
    with application(database + query).app_context():
        row = fetch_one(text(f"SELECT current_setting('{setting}') AS value"))
    assert row is not None
    assert row["value"] == value
