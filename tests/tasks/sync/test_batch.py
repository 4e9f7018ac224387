"""Batches: operations run in order, all of them or none; each sees the changes of those before it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import Actor
from tests.support.databases import application
from tests.support.problems import error_pointers, status_and_code
from tests.support.statements import record_statements

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

CREATE = {"op": "create", "task": {"title": "x"}}


def post_batch(actor: Actor, *operations: Any) -> TestResponse:
    # The standard library writes integers of more than 64 bits, the application's serializer does not.
    text = json.dumps({"operations": operations})
    return actor.post("/tasks/batch", data=text, content_type="application/json")


def test_each_operation_has_a_result(alice: Actor) -> None:
    first, second, third = (alice.create_task(title=str(n), description="d") for n in range(3))
    alice.delete(f"/tasks/{third['id']}")
    response = post_batch(
        alice,
        {"op": "create", "task": {"title": "new", "tags": ["a"]}},
        {"op": "update", "id": first["id"], "task": {"completed": True, "description": None}},
        {"op": "delete", "id": second["id"]},
        {"op": "restore", "id": third["id"]},
    )
    assert response.status_code == 200
    results = response.get_json()["results"]
    assert [result["status"] for result in results] == [201, 200, 204, 200]
    assert "task" not in results[2]
    tasks = [results[n]["task"] for n in (0, 1, 3)]
    by_id = {task["id"]: task for task in alice.get("/tasks").get_json()}
    assert by_id == {task["id"]: task for task in tasks}
    assert (tasks[1]["completed"], tasks[1]["description"]) == (True, None)
    for result in (results[0], results[1], results[3]):
        assert alice.get(f"/tasks/{result['task']['id']}").headers["ETag"] == result["etag"]
    assert alice.post(f"/tasks/{second['id']}/restore", headers={"If-Match": results[2]["etag"]}).status_code == 200


def test_an_operation_sees_the_changes_before_it(alice: Actor) -> None:
    task = alice.create_task()
    response = post_batch(
        alice,
        {"op": "delete", "id": task["id"]},
        {"op": "restore", "id": task["id"]},
        {"op": "update", "id": task["id"], "task": {"title": "back"}},
    )
    assert response.get_json()["results"][2]["task"]["title"] == "back"


def test_new_tasks_get_different_orders(alice: Actor) -> None:
    tasks = [result["task"] for result in post_batch(alice, *[CREATE] * 5).get_json()["results"]]
    assert [task["order"] for task in tasks] == [1024, 2048, 3072, 4096, 5120]


@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [
        ({"op": "update", "id": 2**62, "task": {"title": "x"}}, 404, "TASK_NOT_FOUND"),
        ({"op": "delete", "id": 10**30}, 404, "TASK_NOT_FOUND"),
        ({"op": "restore", "id": "{task}"}, 404, "TASK_NOT_FOUND"),
        ({"op": "update", "id": "{task}", "task": {"title": "y"}, "if_match": '"0"'}, 412, "PRECONDITION_FAILED"),
        ({"op": "update", "id": "{task}", "task": {}, "if_match": 'W/"1"'}, 412, "PRECONDITION_FAILED"),
        ({"op": "delete", "id": "{task}", "if_match": '"nonsense"'}, 412, "PRECONDITION_FAILED"),
    ],
)
def test_a_failed_operation_is_named_and_rolls_all_back(alice: Actor, operation: Any, status: int, code: str) -> None:
    task = alice.create_task()
    if operation["id"] == "{task}":
        operation = {**operation, "id": task["id"]}
    before = alice.get("/tasks")
    response = post_batch(alice, CREATE, operation)
    assert response.get_json()["errors"][0]["pointer"] == "#/operations/1"
    assert status_and_code(response) == (status, code)
    after = alice.get("/tasks")
    assert (after.get_json(), after.headers["ETag"]) == (before.get_json(), before.headers["ETag"])


@pytest.mark.parametrize("if_match", ["{etag}", '"0", {etag}', "*"])
def test_if_match_of_the_current_version_is_accepted(alice: Actor, if_match: str) -> None:
    task = alice.post("/tasks", json={"title": "x"})
    condition = {"if_match": if_match.format(etag=task.headers["ETag"])}
    response = post_batch(alice, {"op": "update", "id": task.get_json()["id"], "task": {"title": "y"}, **condition})
    assert response.get_json()["results"][0]["task"]["title"] == "y"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/operations"),
        ({"operations": []}, "#/operations"),
        ({"operations": [CREATE] * 101}, "#/operations"),
        ({"operations": {}}, "#/operations"),
        ({"operations": ["x"]}, "#/operations/0"),
        ({"operations": [CREATE, {}]}, "#/operations/1/op"),
        ({"operations": [{"op": "upsert"}]}, "#/operations/0/op"),
        ({"operations": [{"op": "create"}]}, "#/operations/0/task"),
        ({"operations": [{"op": "create", "task": {}}]}, "#/operations/0/task/title"),
        ({"operations": [{"op": "create", "task": {"title": "x", "tags": ["a", ""]}}]}, "#/operations/0/task/tags/1"),
        ({"operations": [{"op": "update", "task": {}}]}, "#/operations/0/id"),
        ({"operations": [{"op": "update", "id": 1}]}, "#/operations/0/task"),
        ({"operations": [{"op": "update", "id": 1, "task": {"title": None}}]}, "#/operations/0/task/title"),
        ({"operations": [{"op": "delete"}]}, "#/operations/0/id"),
        ({"operations": [{"op": "delete", "id": "1"}]}, "#/operations/0/id"),
        ({"operations": [{"op": "delete", "id": True}]}, "#/operations/0/id"),
        ({"operations": [{"op": "delete", "id": 1.5}]}, "#/operations/0/id"),
        ({"operations": [{"op": "delete", "id": 0}]}, "#/operations/0/id"),
        ({"operations": [{"op": "restore", "id": 1, "if_match": 42}]}, "#/operations/0/if_match"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_an_invalid_batch_is_422_and_named(alice: Actor, body: Any, pointer: str) -> None:
    assert error_pointers(alice.post("/tasks/batch", json=body)) == [pointer]
    assert alice.get("/tasks").get_json() == []


def test_each_operation_is_one_statement_after_the_lock_of_the_owner(app: Flask, alice: Actor) -> None:
    alice.create_task()
    with record_statements() as statements:
        assert post_batch(alice, *[CREATE] * 100).status_code == 200
    assert len([statement for statement in statements if statement != "transaction control"]) == 101


def test_the_task_limit_applies_to_a_batch(database: str) -> None:
    alice = Actor.sign_up(application(database, max_tasks_per_user=3), "Alice")
    response = post_batch(alice, *[CREATE] * 4)
    assert status_and_code(response) == (403, "TASK_LIMIT_REACHED")
    assert response.get_json()["errors"][0]["pointer"] == "#/operations/3"
    assert alice.get("/tasks").get_json() == []
    assert post_batch(alice, *[CREATE] * 3).status_code == 200


def test_a_batch_of_an_ended_session_is_401(alice: Actor) -> None:
    alice.sign_out()
    assert post_batch(alice, CREATE).status_code == 401
