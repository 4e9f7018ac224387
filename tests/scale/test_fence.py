"""The task contract behind the fence: no statement needs a row of another user."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from tests.tasks.recurrence.test_completion import monthly
from tests.tasks.sync.test_changes import own_app
from tests.tasks.test_delete_by_filter import four_tasks
from todo_api.database.execution import fetch_all
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor

__all__ = ["four_tasks", "monthly", "own_app"]

MODULES = [
    "test_routes",
    "test_trash",
    "test_conditional_requests",
    "test_delete_by_filter",
    "feeds.test_feeds",
    "recurrence.test_completion",
    "sync.test_batch",
    "sync.test_changes",
    "sync.test_idempotency",
    "transfer.test_exporter",
    "transfer.test_importer",
]
"""Modules of tests/tasks that execute each kind of statement. Their tests run here with the fixtures of this folder."""

BY_EMAIL = {"test_the_deletion_of_the_user_deletes_the_feeds"}
"""They run a command that finds its user by the e-mail."""

for module in MODULES:
    tests = vars(import_module(f"tests.tasks.{module}")).items()
    globals().update(
        {f"{name}__{module}": test for name, test in tests if name.startswith("test_") and name not in BY_EMAIL}
    )


def test_a_statement_without_its_user_finds_the_own_rows_only(
    open_app: Flask, app: Flask, alice: Actor, bob: Actor
) -> None:
    for actor in (alice, bob):
        actor.create_task()
    statement = select(Task.user_id).where(or_(Task.user_id == alice.id, Task.user_id == bob.id))
    with open_app.app_context():
        assert len(fetch_all(statement)) == 2
    with app.app_context():
        assert fetch_all(statement, {"owner_id": alice.id}) == [{"user_id": alice.id}]
