"""Batches: in order, each operation seeing those before it, all of them or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import Actor
from tests.support.databases import application
from tests.support.statements import counted

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

CREATE = {"op": "create", "task": {"title": "x"}}


def batch(actor: Actor, *operations: Any) -> TestResponse:
    # By the standard library, since the service's own writer has no numbers over 64 bits.
    text = json.dumps({"operations": operations})
    return actor.post("/tasks/batch", data=text, content_type="application/json")


def test_each_kind_of_operation(alice: Actor) -> None:
    first, second, third = (alice.task(title=str(n), description="d") for n in range(3))
    alice.delete(f"/tasks/{third['id']}")
    response = batch(
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
    by_id = {task["id"]: task for task in alice.get("/tasks").get_json()}
    shown = [results[n]["task"] for n in (0, 1, 3)]
    assert by_id == {task["id"]: task for task in shown}
    assert (shown[1]["completed"], shown[1]["description"]) == (True, None)
    for result in (results[0], results[1], results[3]):
        assert alice.get(f"/tasks/{result['task']['id']}").headers["ETag"] == result["etag"]
    assert alice.post(f"/tasks/{second['id']}/restore", headers={"If-Match": results[2]["etag"]}).status_code == 200


def test_each_sees_those_before_it(alice: Actor) -> None:
    task = alice.task()
    response = batch(
        alice,
        {"op": "delete", "id": task["id"]},
        {"op": "restore", "id": task["id"]},
        {"op": "update", "id": task["id"], "task": {"title": "back"}},
    )
    assert response.get_json()["results"][2]["task"]["title"] == "back"


def test_default_orders_differ(alice: Actor) -> None:
    tasks = [result["task"] for result in batch(alice, *[CREATE] * 5).get_json()["results"]]
    assert [task["order"] for task in tasks] == [1024, 2048, 3072, 4096, 5120]


@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [
        ({"op": "update", "id": 2**62, "task": {"title": "x"}}, 404, "TASK_NOT_FOUND"),
        ({"op": "delete", "id": 10**30}, 404, "TASK_NOT_FOUND"),
        ({"op": "restore", "id": "{task}"}, 404, "TASK_NOT_FOUND"),
        ({"op": "update", "id": "{task}", "task": {"title": "y"}, "if_match": '"0"'}, 412, "PRECONDITION_FAILED"),
        ({"op": "update", "id": "{task}", "task": {}, "if_match": "W/{etag}"}, 412, "PRECONDITION_FAILED"),
        ({"op": "delete", "id": "{task}", "if_match": "nonsense"}, 412, "PRECONDITION_FAILED"),
    ],
)
def test_one_failure_undoes_all_and_names_itself(alice: Actor, operation: Any, status: int, code: str) -> None:
    task = alice.task()
    if operation["id"] == "{task}":
        operation = {**operation, "id": task["id"]}
    before = alice.get("/tasks")
    response = batch(alice, CREATE, operation)
    assert response.get_json()["errors"][0]["pointer"] == "#/operations/1"
    assert (response.status_code, response.get_json()["code"]) == (status, code)
    after = alice.get("/tasks")
    assert (after.get_json(), after.headers["ETag"]) == (before.get_json(), before.headers["ETag"])


@pytest.mark.parametrize("if_match", ["{etag}", '"0", {etag}', "*"])
def test_a_condition_that_holds(alice: Actor, if_match: str) -> None:
    task = alice.post("/tasks", json={"title": "x"})
    condition = {"if_match": if_match.format(etag=task.headers["ETag"])}
    response = batch(alice, {"op": "update", "id": task.get_json()["id"], "task": {"title": "y"}, **condition})
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
def test_what_is_no_batch_is_422_and_named(alice: Actor, body: Any, pointer: str) -> None:
    response = alice.post("/tasks/batch", json=body)
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [pointer]
    assert alice.get("/tasks").get_json() == []


def test_a_hundred_operations_are_a_statement_each(app: Flask, alice: Actor) -> None:
    with counted() as statements:
        assert batch(alice, *[CREATE] * 100).status_code == 200
    assert len([statement for statement in statements if statement != "transaction control"]) == 100


def test_the_limit_of_tasks_holds_for_a_batch(database: str) -> None:
    alice = Actor.sign_up(application(database, max_tasks_per_user=3), "Alice")
    response = batch(alice, *[CREATE] * 4)
    assert (response.status_code, response.get_json()["code"]) == (403, "TASK_LIMIT_REACHED")
    assert response.get_json()["errors"][0]["pointer"] == "#/operations/3"
    assert alice.get("/tasks").get_json() == []
    assert batch(alice, *[CREATE] * 3).status_code == 200


def test_a_batch_of_an_ended_session_is_401(alice: Actor) -> None:
    alice.sign_out()
    assert batch(alice, CREATE).status_code == 401
