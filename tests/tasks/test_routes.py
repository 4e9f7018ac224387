"""The task routes: what the seed promises of them, and what each sends to the database."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.routes import TASK_RULES, calls
from tests.support.statements import counted
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor

MEMBERS = [
    *("id", "user_id", "title", "description", "completed", "due", "priority", "tags", "order"),
    *("completed_at", "created_at", "updated_at"),
]
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_a_task_is_created_as_the_seed_shows(alice: Actor) -> None:
    response = alice.post("/tasks", json={"title": "My first task", "description": "Task description"})
    task = response.get_json()
    assert response.status_code == 201
    assert list(task) == MEMBERS
    assert type(task["id"]) is int
    assert task["user_id"] == alice.id
    assert (task["title"], task["description"], task["completed"]) == ("My first task", "Task description", False)
    assert re.fullmatch(MOMENT, task["created_at"])
    assert task["created_at"] == task["updated_at"]


def test_location_leads_to_the_new_task(alice: Actor) -> None:
    response = alice.post("/tasks", json={"title": "Buy milk"})
    assert response.headers["Location"] == f"/api/{alice.id}/tasks/{response.get_json()['id']}"
    found = alice.client.get(response.headers["Location"], headers={"Authorization": f"Bearer {alice.token}"})
    assert found.json == response.get_json()


def test_a_task_needs_a_title_only(alice: Actor) -> None:
    task = alice.post("/tasks", json={"title": "Buy milk"}).get_json()
    assert (task["description"], task["due"], task["priority"], task["completed_at"]) == (None, None, None, None)
    assert (task["completed"], task["tags"]) == (False, [])


def test_the_list_is_an_array_in_order_of_creation(alice: Actor) -> None:
    assert alice.get("/tasks").json == []
    created = [alice.task(title=title) for title in ("b", "a", "c")]
    assert alice.get("/tasks").json == created


def test_put_changes_what_it_names_and_keeps_the_rest(alice: Actor) -> None:
    task = alice.task(description="two litres")
    time.sleep(0.002)
    response = alice.put(f"/tasks/{task['id']}", json={"title": "Updated task", "completed": True})
    changed = response.get_json()
    assert response.status_code == 200
    now = {"updated_at": changed["updated_at"], "completed_at": changed["updated_at"]}
    assert changed == {**task, "title": "Updated task", "completed": True, **now}
    assert changed["updated_at"] > task["updated_at"]
    assert alice.get(f"/tasks/{task['id']}").json == changed


def test_a_whole_task_may_be_put_back(alice: Actor) -> None:
    task = alice.task(description="two litres")
    mine = {**task, "id": 999, "user_id": "somebody", "created_at": "2000-01-01T00:00:00.000Z", "title": "Buy bread"}
    changed = alice.put(f"/tasks/{task['id']}", json=mine).get_json()
    assert changed == {**task, "title": "Buy bread", "updated_at": changed["updated_at"]}


def test_toggle_turns_and_turns_back(alice: Actor) -> None:
    task = alice.task()
    for completed in (True, False, True):
        response = alice.patch(f"/tasks/{task['id']}/complete")
        assert (response.status_code, response.get_json()["completed"]) == (200, completed)


def test_delete_answers_204_without_a_body_and_then_404(alice: Actor) -> None:
    task = alice.task()
    response = alice.delete(f"/tasks/{task['id']}")
    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Type" not in response.headers
    for again in (alice.delete, alice.get):
        assert again(f"/tasks/{task['id']}").status_code == 404
    assert alice.get("/tasks").json == []


@pytest.mark.parametrize(
    "spelling", ["07", "+7", "7.0", "-7", "0", "x", "9" * 19, "9" * 400, "%00", "%D9%A7", "7%20", "1e3"]
)
@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("PATCH", "/complete")])
def test_an_id_has_one_spelling(alice: Actor, spelling: str, method: str, suffix: str) -> None:
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    response = alice.request(method, f"/tasks/{spelling}{suffix}", **body)
    assert (response.status_code, response.get_json()["detail"]) == (404, "Task not found")


@pytest.mark.parametrize("path", ["/tasks/", "//tasks", "/tasks/1/", "/tasks/1/complete/", "/task"])
def test_a_path_has_one_spelling(alice: Actor, path: str) -> None:
    response = alice.get(path)
    assert (response.status_code, response.get_json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "body", "pointer"),
    [
        ("POST", {}, "#/title"),
        ("POST", {"title": ""}, "#/title"),
        ("POST", {"title": None}, "#/title"),
        ("POST", {"title": "x" * 256}, "#/title"),
        ("POST", {"title": "\U0001f600" * 256}, "#/title"),
        ("POST", {"title": 7}, "#/title"),
        ("POST", {"title": ["x"]}, "#/title"),
        ("POST", {"title": "nul\0"}, "#/title"),
        ("POST", {"title": "x", "description": "y" * 10_001}, "#/description"),
        ("POST", {"title": "x", "description": 1.5}, "#/description"),
        ("POST", {"title": "x", "completed": None}, "#/completed"),
        ("POST", {"title": "x", "completed": "true"}, "#/completed"),
        ("POST", {"title": "x", "completed": 1}, "#/completed"),
        ("POST", [], "#"),
        ("POST", None, "#"),
        ("POST", "title", "#"),
        ("POST", 7, "#"),
        ("PUT", {"title": ""}, "#/title"),
        ("PUT", {"title": "x" * 256}, "#/title"),
        ("PUT", {"description": "y" * 10_001}, "#/description"),
        ("PUT", {"completed": 0}, "#/completed"),
        ("PUT", [{}], "#"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_breaks_the_schema_is_422_and_named(alice: Actor, method: str, body: object, pointer: str) -> None:
    task = alice.task()
    path = "/tasks" if method == "POST" else f"/tasks/{task['id']}"
    response = alice.request(method, path, data=json.dumps(body), content_type="application/json")
    assert (response.status_code, response.get_json()["code"]) == (422, "VALIDATION_ERROR")
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [pointer]
    assert alice.get("/tasks").json == [task]


@pytest.mark.parametrize("character", ["x", "\u00fc", "\U0001f600", "\u0301", " "])
def test_limits_are_counted_in_code_points(alice: Actor, character: str) -> None:
    longest = {"title": character * Task.TITLE_MAX, "description": character * Task.DESCRIPTION_MAX}
    task = alice.task(**longest)
    assert {name: task[name] for name in longest} == longest
    assert alice.task(title=character)["title"] == character


ONE_STATEMENT: list[tuple[str, str, Any]] = [
    ("GET", "/tasks", None),
    ("GET", "/tasks?completed=false&q=milk&tag=home&due_after=2026-10-01&sort=-due,title&limit=1", None),
    ("POST", "/tasks", {"title": "x"}),
    ("DELETE", "/tasks?completed=false", None),
    ("DELETE", "/tasks?completed=false&permanent=true", None),
    ("DELETE", "/tasks?deleted=true&permanent=true", None),
    ("GET", "/tasks/changes", None),
    ("GET", "/tasks/{task}", None),
    ("PUT", "/tasks/{task}", {"title": "y"}),
    ("PUT", "/tasks/{task}", {}),
    ("PATCH", "/tasks/{task}", {"title": "y", "due": None}),
    ("PATCH", "/tasks/{task}", {}),
    ("PATCH", "/tasks/{task}/complete", None),
    ("DELETE", "/tasks/{task}", None),
    ("DELETE", "/tasks/{task}?permanent=true", None),
    ("POST", "/tasks/{task}/restore", None),
]


def test_every_route_but_a_batch_is_one_of_these() -> None:
    tried = {(method, f"/api/{{user}}{path.partition('?')[0]}") for method, path, _ in ONE_STATEMENT}
    assert tried == set(calls(TASK_RULES)) - {("POST", "/api/{user}/tasks/batch")}


def statements_of(app: Flask, actor: Actor, method: str, path: str, body: Any) -> list[str]:
    """Return what a request that succeeds sends to the database."""
    task = actor.task()
    if path.endswith("/restore"):
        actor.delete(f"/tasks/{task['id']}")
    with counted() as statements:
        response = actor.request(method, path.format(task=task["id"]), json=body)
    assert response.status_code < 300, response.text
    return statements


@pytest.mark.parametrize(("method", "path", "body"), ONE_STATEMENT)
def test_each_route_is_one_statement(app: Flask, alice: Actor, method: str, path: str, body: Any) -> None:
    statements = statements_of(app, alice, method, path, body)
    assert len(statements) == 1, statements


def test_the_toggle_is_made_by_the_database(app: Flask, alice: Actor) -> None:
    task = alice.task()
    with counted() as statements:
        alice.patch(f"/tasks/{task['id']}/complete")
    assert "completed=NOT tasks.completed" in statements[0].replace("(", "").replace(")", "")


@pytest.mark.parametrize(("method", "path", "body"), ONE_STATEMENT)
def test_every_statement_is_bound_to_the_user(app: Flask, alice: Actor, method: str, path: str, body: Any) -> None:
    (statement,) = statements_of(app, alice, method, path, body)
    used = Counter(re.findall(r"\b(?:FROM|JOIN|UPDATE|USING) (tasks|task_lists|task_tombstones)\b", statement))
    added = re.findall(r"\bINSERT INTO \w+ \((\w+)[^)]*\) SELECT (\S+) AS", statement)
    assert used or added
    for table, times in used.items():
        assert statement.count(f" {table}.user_id = %(owner_id)s") >= times, table
    assert len(added) == statement.count("INSERT INTO")
    assert set(added) <= {("user_id", "%(owner_id)s"), ("key", "%(write_key)s")}
