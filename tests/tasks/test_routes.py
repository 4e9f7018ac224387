"""The task routes: their responses, their paths and methods, and the statement that each sends to the database."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.problems import error_pointers, status_and_code
from tests.support.routes import TASK_RULES, operations
from tests.support.statements import record_statements
from tests.support.task_lists import TASK_FIELDS
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor

TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_a_new_task_has_all_fields(alice: Actor) -> None:
    response = alice.post("/tasks", json={"title": "My first task", "description": "Task description"})
    task = response.get_json()
    assert response.status_code == 201
    assert list(task) == TASK_FIELDS
    assert type(task["id"]) is int
    assert task["user_id"] == alice.id
    assert (task["title"], task["description"], task["completed"]) == ("My first task", "Task description", False)
    assert re.fullmatch(TIMESTAMP, task["created_at"])
    assert task["created_at"] == task["updated_at"]


def test_location_is_the_path_of_the_new_task(alice: Actor) -> None:
    response = alice.post("/tasks", json={"title": "Buy milk"})
    assert response.headers["Location"] == f"/api/{alice.id}/tasks/{response.get_json()['id']}"
    task = alice.client.get(response.headers["Location"], headers={"Authorization": f"Bearer {alice.token}"})
    assert task.json == response.get_json()


def test_only_the_title_is_required(alice: Actor) -> None:
    task = alice.post("/tasks", json={"title": "Buy milk"}).get_json()
    assert (task["description"], task["due"], task["priority"], task["completed_at"]) == (None, None, None, None)
    assert (task["completed"], task["tags"]) == (False, [])


def test_a_list_is_an_array_in_order_of_creation(alice: Actor) -> None:
    assert alice.get("/tasks").json == []
    created = [alice.create_task(title=title) for title in ("b", "a", "c")]
    assert alice.get("/tasks").json == created


def test_put_changes_the_given_fields_only(alice: Actor) -> None:
    task = alice.create_task(description="two litres")
    time.sleep(0.002)
    response = alice.put(f"/tasks/{task['id']}", json={"title": "Updated task", "completed": True})
    updated = response.get_json()
    assert response.status_code == 200
    now = {"updated_at": updated["updated_at"], "completed_at": updated["updated_at"]}
    assert updated == {**task, "title": "Updated task", "completed": True, **now}
    assert updated["updated_at"] > task["updated_at"]
    assert alice.get(f"/tasks/{task['id']}").json == updated


def test_put_accepts_a_complete_task(alice: Actor) -> None:
    task = alice.create_task(description="two litres")
    body = {**task, "id": 999, "user_id": "somebody", "created_at": "2000-01-01T00:00:00.000Z", "title": "Buy bread"}
    updated = alice.put(f"/tasks/{task['id']}", json=body).get_json()
    assert updated == {**task, "title": "Buy bread", "updated_at": updated["updated_at"]}


def test_toggle_completes_and_reopens(alice: Actor) -> None:
    task = alice.create_task()
    for completed in (True, False, True):
        response = alice.patch(f"/tasks/{task['id']}/complete")
        assert (response.status_code, response.get_json()["completed"]) == (200, completed)


def test_delete_is_204_without_a_body_and_then_404(alice: Actor) -> None:
    task = alice.create_task()
    response = alice.delete(f"/tasks/{task['id']}")
    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Type" not in response.headers
    for call in (alice.delete, alice.get):
        assert call(f"/tasks/{task['id']}").status_code == 404
    assert alice.get("/tasks").json == []


@pytest.mark.parametrize(
    "spelling", ["07", "+7", "7.0", "-7", "0", "x", "9" * 19, "9" * 400, "%00", "%D9%A7", "7%20", "1e3"]
)
@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("PATCH", "/complete")])
def test_a_noncanonical_id_is_404(alice: Actor, spelling: str, method: str, suffix: str) -> None:
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    response = alice.request(method, f"/tasks/{spelling}{suffix}", **body)
    assert (response.status_code, response.get_json()["detail"]) == (404, "Task not found")


@pytest.mark.parametrize("path", ["/tasks/", "//tasks", "/tasks/1/", "/tasks/1/complete/", "/task"])
def test_a_noncanonical_path_is_404(alice: Actor, path: str) -> None:
    assert status_and_code(alice.get(path)) == (404, "NOT_FOUND")


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
def test_an_invalid_field_is_named(alice: Actor, method: str, body: object, pointer: str) -> None:
    task = alice.create_task()
    path = "/tasks" if method == "POST" else f"/tasks/{task['id']}"
    response = alice.request(method, path, data=json.dumps(body), content_type="application/json")
    assert status_and_code(response) == (422, "VALIDATION_ERROR")
    assert error_pointers(response) == [pointer]
    assert alice.get("/tasks").json == [task]


@pytest.mark.parametrize("character", ["x", "\u00fc", "\U0001f600", "\u0301", " "])
def test_lengths_are_counted_in_code_points(alice: Actor, character: str) -> None:
    longest = {"title": character * Task.TITLE_MAX, "description": character * Task.DESCRIPTION_MAX}
    task = alice.create_task(**longest)
    assert {name: task[name] for name in longest} == longest
    assert alice.create_task(title=character)["title"] == character


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
    ("GET", "/tasks/{task}/occurrences?limit=5", None),
    ("DELETE", "/tasks/{task}", None),
    ("DELETE", "/tasks/{task}?permanent=true", None),
    ("POST", "/tasks/{task}/restore", None),
]


def test_one_statement_lists_every_route_but_batch() -> None:
    listed = {(method, f"/api/{{user}}{path.partition('?')[0]}") for method, path, _ in ONE_STATEMENT}
    assert listed == set(operations(TASK_RULES)) - {("POST", "/api/{user}/tasks/batch")}


def statements_of(app: Flask, actor: Actor, method: str, path: str, body: Any) -> list[str]:
    """Return the statements of a request that succeeds."""
    task = actor.create_task()
    if path.endswith("/restore"):
        actor.delete(f"/tasks/{task['id']}")
    with record_statements() as statements:
        response = actor.request(method, path.format(task=task["id"]), json=body)
    assert response.status_code < 300, response.text
    return statements


@pytest.mark.parametrize(("method", "path", "body"), ONE_STATEMENT)
def test_each_route_sends_one_statement(app: Flask, alice: Actor, method: str, path: str, body: Any) -> None:
    statements = statements_of(app, alice, method, path, body)
    assert len(statements) == 1, statements


def test_toggle_is_one_update_in_the_database(app: Flask, alice: Actor) -> None:
    task = alice.create_task()
    with record_statements() as statements:
        alice.patch(f"/tasks/{task['id']}/complete")
    assert "completed=NOT tasks.completed" in statements[0].replace("(", "").replace(")", "")


@pytest.mark.parametrize(("method", "path", "body"), ONE_STATEMENT)
def test_every_statement_is_limited_to_the_user(app: Flask, alice: Actor, method: str, path: str, body: Any) -> None:
    (statement,) = statements_of(app, alice, method, path, body)
    tables = Counter(re.findall(r"\b(?:FROM|JOIN|UPDATE|USING) (tasks|task_lists|task_tombstones)\b", statement))
    inserted = re.findall(r"\bINSERT INTO \w+ \((\w+)[^)]*\) SELECT (\S+) AS", statement)
    assert tables or inserted
    for table, times in tables.items():
        assert statement.count(f" {table}.user_id = %(owner_id)s") >= times, table
    assert len(inserted) == statement.count("INSERT INTO")
    assert set(inserted) <= {("user_id", "%(owner_id)s")}


@pytest.mark.parametrize(("method", "path"), operations(TASK_RULES))
def test_me_is_the_user_of_the_token(alice: Actor, method: str, path: str) -> None:
    def status(user: str) -> int:
        task = alice.create_task()
        if path.endswith("/restore"):
            alice.delete(f"/tasks/{task['id']}")
        url = path.format(user=user, task=task["id"])
        query = {"q": "milk"} if (method, path) == ("DELETE", "/api/{user}/tasks") else {}
        headers = {"Authorization": f"Bearer {alice.token}"}
        return alice.client.open(
            url, method=method, json={"title": "x"}, headers=headers, query_string=query
        ).status_code

    assert status("me") == status(alice.id)
    assert status("me") < 300 or path.endswith("/batch")


@pytest.mark.parametrize("path", ["/tasks", "/tasks?limit=1&sort=-id", "/tasks/{task}", "/tasks/0", "/tasks?limit=0"])
def test_head_is_get_without_a_body(alice: Actor, task: dict[str, Any], path: str) -> None:
    alice.create_task()
    url = path.format(task=task["id"])
    get, head = (alice.request(method, url, headers={"X-Request-Id": "same"}) for method in ("GET", "HEAD"))
    assert (head.status_code, head.data) == (get.status_code, b"")
    assert dict(head.headers) == dict(get.headers)
    condition = {"If-None-Match": get.headers.get("ETag", '"x"')}
    assert alice.request("HEAD", url, headers=condition).status_code == alice.get(url, headers=condition).status_code


@pytest.mark.parametrize("path", sorted({path for _, path in operations(TASK_RULES)}))
def test_options_lists_the_methods(alice: Actor, path: str) -> None:
    response = alice.client.options(path.format(user="me", task=1))
    assert response.status_code == 200
    methods = {method for method, other in operations(TASK_RULES, excluded=()) if other == path}
    assert set(response.headers["Allow"].split(", ")) >= methods


def test_trusted_origins_can_read_the_response_headers(alice: Actor) -> None:
    response = alice.get("/tasks", headers={"Origin": "http://localhost:3000"})
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    sent = {"ETag", "Link", "Location", "X-Total-Count", "Retry-After", "Idempotency-Replayed"}
    assert sent | {"set-auth-token", "set-auth-jwt"} <= exposed
