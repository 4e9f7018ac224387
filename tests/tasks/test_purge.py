"""The purge of the trash, of tombstones and of saved responses: `flask tasks purge`."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.support.actors import Actor
from tests.support.cli import CLI, fails
from tests.support.databases import application, execute
from tests.support.locks import locking
from todo_api.extensions import db


@pytest.fixture
def flask(fresh_database: str) -> CLI:
    return CLI(application(fresh_database))


@pytest.fixture
def actors(flask: CLI) -> tuple[Actor, Actor]:
    return Actor.sign_up(flask.app, "Alice"), Actor.sign_up(flask.app, "Bob")


def test_purge_deletes_tasks_that_were_in_the_trash_for_30_days(
    flask: CLI, actors: tuple[Actor, Actor], fresh_database: str
) -> None:
    alice, bob = actors
    for actor in actors:
        for query in ("", "", "?permanent=true"):
            actor.delete(f"/tasks/{actor.create_task()['id']}{query}")
        actor.post("/tasks", json={"title": "kept"}, headers={"Idempotency-Key": "k"})
    old = "UPDATE tasks SET deleted_at = now() - interval '30 days' WHERE id = (SELECT min(id) FROM tasks)"
    execute(fresh_database, old)
    execute(fresh_database, "UPDATE task_tombstones SET deleted_at = now() - %s::interval", "31 days")
    execute(
        fresh_database, "UPDATE idempotency_keys SET created_at = now() - interval '1 day' WHERE user_id = %s", bob.id
    )
    before = alice.get("/tasks?deleted=true").headers["ETag"]
    result = flask("tasks", "purge")
    output = "Deleted 1 task and 1 saved response.\n"
    assert (result.exit_code, result.stdout) == (0, output)
    assert [len(actor.get("/tasks?deleted=true").get_json()) for actor in actors] == [1, 2]
    assert alice.get("/tasks?deleted=true&limit=1").headers["X-Total-Count"] == "1"
    assert alice.get("/tasks?deleted=true").headers["ETag"] != before
    assert execute(fresh_database, "SELECT count(*) FROM task_tombstones") == [(0,)]
    assert flask("tasks", "purge", "--days", "0").stdout == "Deleted 3 tasks and 0 saved responses.\n"
    assert [len(actor.get("/tasks").get_json()) for actor in actors] == [1, 1]


def test_purge_skips_a_user_whose_list_is_locked(flask: CLI, actors: tuple[Actor, Actor], fresh_database: str) -> None:
    for actor in actors:
        for query in ("", "?permanent=true"):
            actor.delete(f"/tasks/{actor.create_task()['id']}{query}")
    with locking(fresh_database, "SELECT 1 FROM task_lists WHERE user_id = %s FOR UPDATE", actors[0].id):
        result = flask("tasks", "purge", "--days", "0")
    assert result.exit_code == 1
    assert result.stdout.startswith("Deleted 1 task and")
    assert result.stderr == "Error: Timed out on the tasks of 1 user; run the command again.\n"
    assert [len(actor.get("/tasks?deleted=true").get_json()) for actor in actors] == [1, 0]
    assert execute(fresh_database, "SELECT user_id FROM task_tombstones") == [(actors[0].id,)]
    assert flask("tasks", "purge", "--days", "0").exit_code == 0


def test_purge_stops_at_another_error(flask: CLI, actors: tuple[Actor, Actor], fresh_database: str) -> None:
    alice, _ = actors
    alice.delete(f"/tasks/{alice.create_task()['id']}")
    name = urlsplit(fresh_database).path[1:]
    execute(fresh_database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with flask.app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    assert fails(flask("tasks", "purge", "--days", "0"), "read-only")


@pytest.mark.parametrize("days", ["-1", "36501", "9999999999", "x"])
def test_a_wrong_number_of_days_is_a_usage_error(flask: CLI, days: str) -> None:
    assert flask("tasks", "purge", "--days", days).exit_code == 2


def test_recount_counts_tasks_that_were_changed_by_hand(
    flask: CLI, actors: tuple[Actor, Actor], fresh_database: str
) -> None:
    alice, bob = actors
    carl = Actor.sign_up(flask.app, "Carl")
    for actor in actors:
        actor.create_task()
        actor.delete(f"/tasks/{actor.create_task()['id']}")
    execute(fresh_database, "DELETE FROM tasks WHERE user_id = %s AND deleted_at IS NOT NULL", alice.id)
    execute(fresh_database, "INSERT INTO task_lists (user_id) VALUES (%s)", carl.id)
    execute(fresh_database, "INSERT INTO tasks (user_id, title) VALUES (%s, 'by hand')", carl.id)
    assert flask("tasks", "recount").stdout == "Recounted the tasks of 2 users.\n"
    for actor, live, trashed in ((alice, 1, 0), (bob, 1, 1), (carl, 1, 0)):
        for query, count in (("limit=1", live), ("limit=1&deleted=true", trashed)):
            assert actor.get(f"/tasks?{query}").headers["X-Total-Count"] == str(count)
    assert flask("tasks", "recount").stdout == "Recounted the tasks of 0 users.\n"
