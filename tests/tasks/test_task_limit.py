"""The number of tasks that a user may have."""

from __future__ import annotations

from tests.support.actors import Actor
from tests.support.databases import application
from tests.support.problems import status_and_code


def assert_full(actor: Actor) -> None:
    before = actor.get("/tasks").headers["ETag"]
    assert status_and_code(actor.post("/tasks", json={"title": "one more"})) == (403, "TASK_LIMIT_REACHED")
    assert actor.get("/tasks").headers["ETag"] == before


def test_the_task_limit_includes_the_trash(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=3), "Ada")
    first, *_ = (ada.create_task() for _ in range(3))
    path = f"/tasks/{first['id']}"
    assert_full(ada)
    ada.delete(path)
    assert_full(ada)
    assert ada.post(f"{path}/restore").status_code == 200
    assert_full(ada)
    ada.delete(f"{path}?permanent=true")
    ada.create_task()
    assert_full(ada)
    ada.delete("/tasks?all=true")
    assert_full(ada)
    ada.delete("/tasks?deleted=true&permanent=true")
    ada.create_task()
    assert ada.patch(f"/tasks/{ada.get('/tasks').get_json()[0]['id']}", json={"title": "x"}).status_code == 200
