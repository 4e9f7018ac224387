"""The six task routes."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.statements import counted
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from flask import Flask

    from tests.actors import Actor

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


def test_create_takes_completed_and_no_description(alice: Actor) -> None:
    task = alice.task(completed=True)
    assert (task["completed"], task["description"]) == (True, None)


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


@pytest.mark.parametrize("body", [{}, {"title": None, "description": None, "completed": None}, {"unknown": 1}])
def test_put_of_nothing_changes_nothing(alice: Actor, body: dict[str, Any]) -> None:
    task = alice.task(description="two litres")
    response = alice.put(f"/tasks/{task['id']}", json=body)
    assert (response.status_code, response.json) == (200, task)


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


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/tasks", None),
        ("POST", "/tasks", {"title": "x"}),
        ("GET", "/tasks/{id}", None),
        ("PUT", "/tasks/{id}", {"title": "y"}),
        ("PUT", "/tasks/{id}", {}),
        ("PATCH", "/tasks/{id}/complete", None),
        ("DELETE", "/tasks/{id}", None),
    ],
)
def test_each_route_is_one_statement(app: Flask, alice: Actor, method: str, path: str, body: Any) -> None:
    task = alice.task()
    with counted(app) as statements:
        response = alice.request(method, path.format(id=task["id"]), json=body)
    assert response.status_code < 300
    assert len(statements) == 1, statements


def test_the_toggle_is_made_by_the_database(app: Flask, alice: Actor) -> None:
    task = alice.task()
    with counted(app) as statements:
        alice.patch(f"/tasks/{task['id']}/complete")
    assert "completed=NOT tasks.completed" in statements[0].replace("(", "").replace(")", "")


def test_every_statement_is_bound_to_the_user(app: Flask, alice: Actor) -> None:
    task = alice.task()
    with counted(app) as statements:
        alice.get("/tasks")
        alice.get(f"/tasks/{task['id']}")
        alice.put(f"/tasks/{task['id']}", json={"title": "x"})
        alice.patch(f"/tasks/{task['id']}/complete")
        alice.delete(f"/tasks/{task['id']}")
    assert len(statements) == 5
    assert all("tasks.user_id = %(owner_id" in statement for statement in statements)
