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
    "test_fields",
    "test_task_limit",
    "feeds.test_feeds",
    "feeds.test_reading",
    "queries.test_filters",
    "queries.test_listing",
    "recurrence.test_completion",
    "recurrence.test_occurrences",
    "sync.test_batch",
    "sync.test_changes",
    "sync.test_idempotency",
    "transfer.test_exporter",
    "transfer.test_importer",
]
"""Modules of tests/tasks that execute each kind of statement. Their tests run here with the fixtures of this folder."""

OF_AUTH = {
    "test_a_batch_of_an_ended_session_is_401",
    "test_a_retry_of_an_ended_session_is_401",
    "test_an_ended_session_is_401",
    "test_a_feed_outlives_sessions_and_a_change_of_the_password",
    "test_an_ended_session_is_401_before_the_body_is_read",
    "test_every_wrong_path_gets_the_same_response_for_the_same_work",
    "test_exported_tasks_equal_the_imported_ones",
    "test_the_deletion_of_the_user_deletes_the_feeds",
    "test_the_first_request_of_an_external_user_can_be_an_export",
}
"""They sign in or out, or create or delete an account: statements of auth find a user without the id."""

OF_PROCESSES = {
    "test_20_concurrent_requests_with_one_key_create_one_task",
    "test_a_copy_equals_the_list_after_any_operations",
    "test_a_killed_worker_leaves_both_task_and_key_or_neither",
    "test_memory_does_not_grow_with_the_document",
    "test_no_file_is_left_open",
}
"""They start a service without the fence, or are about memory and files. The statements are those of other tests."""

for module in MODULES:
    globals().update(
        {
            f"{name}__{module}": test
            for name, test in vars(import_module(f"tests.tasks.{module}")).items()
            if name.startswith("test_") and name not in OF_AUTH | OF_PROCESSES
        }
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
