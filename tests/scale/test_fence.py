"""The task contract behind the fence: no statement needs a row of another user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from tests.tasks.feeds.test_feeds import *  # noqa: F403
from tests.tasks.recurrence.test_completion import *  # noqa: F403
from tests.tasks.sync.test_batch import *  # noqa: F403
from tests.tasks.sync.test_changes import *  # noqa: F403
from tests.tasks.sync.test_idempotency import *  # noqa: F403
from tests.tasks.test_conditional_requests import *  # noqa: F403
from tests.tasks.test_delete_by_filter import *  # noqa: F403
from tests.tasks.test_routes import *  # noqa: F403
from tests.tasks.test_trash import *  # noqa: F403
from tests.tasks.transfer.test_exporter import *  # noqa: F403
from tests.tasks.transfer.test_importer import *  # noqa: F403
from todo_api.database.execution import fetch_all
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor


def test_a_statement_without_its_user_finds_the_own_rows_only(
    open_app: Flask, app: Flask, alice: Actor, bob: Actor
) -> None:
    for actor in (alice, bob):
        actor.create_task()
    statement = select(Task.user_id).where(Task.user_id.in_([alice.id, bob.id]))
    with open_app.app_context():
        assert len(fetch_all(statement)) == 2
    with app.app_context():
        assert fetch_all(statement, {"owner_id": alice.id}) == [{"user_id": alice.id}]
