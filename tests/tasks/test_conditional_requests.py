"""Conditional requests for one task: If-Match on writes, If-None-Match on reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.problems import status_and_code

if TYPE_CHECKING:
    from tests.support.actors import Actor


def etag(actor: Actor, task: dict[str, Any]) -> str:
    return actor.get(f"/tasks/{task['id']}").headers["ETag"]


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("PUT", "", {"title": "x"}),
        ("PATCH", "", {"title": "x"}),
        ("PATCH", "/complete", None),
        ("DELETE", "", None),
        ("DELETE", "?permanent=true", None),
    ],
)
def test_a_write_requires_a_version_of_if_match(
    alice: Actor, task: dict[str, Any], method: str, suffix: str, body: Any
) -> None:
    path, tag = f"/tasks/{task['id']}{suffix}", etag(alice, task)
    for stale in ('"0"', f"W/{tag}", '"garbage"', f'"0{tag[1:]}', '"99999999999999999999"'):
        assert alice.request(method, path, json=body, headers={"If-Match": stale}).status_code == 412
    assert alice.get("/tasks").get_json() == [task]
    missing = alice.request(method, f"/tasks/{task['id'] + 1}{suffix}", json=body, headers={"If-Match": tag})
    assert missing.status_code == 404
    assert alice.request(method, path, json=body, headers={"If-Match": f'"0", {tag}'}).status_code < 300


def test_an_unmodified_task_is_304(alice: Actor, task: dict[str, Any]) -> None:
    path, tag = f"/tasks/{task['id']}", etag(alice, task)
    for current in (tag, f"W/{tag}", "*", f'"0", {tag}'):
        response = alice.get(path, headers={"If-None-Match": current})
        assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", tag)
    alice.create_task()  # a change of another task
    assert alice.get(path, headers={"If-None-Match": tag}).status_code == 304
    alice.patch(path, json={"title": "File taxes"})
    assert alice.get(path, headers={"If-None-Match": tag}).status_code == 200
    assert alice.get("/tasks/0", headers={"If-None-Match": "*"}).status_code == 404


@pytest.mark.parametrize("tags", ['""', 'W/""', '"",', '"1",""', '"x"', '"9223372036854775808"', ',,"1" , ,'])
def test_an_etag_that_no_task_has_matches_nothing(alice: Actor, tags: str) -> None:
    for _ in range(2):
        task = alice.create_task()
    path = f"/tasks/{task['id']}"
    for method, url in (("PATCH", path), ("PUT", path), ("DELETE", path), ("DELETE", "/tasks?all=true")):
        response = alice.request(method, url, json={"title": "y"}, headers={"If-Match": tags})
        assert status_and_code(response) == (412, "PRECONDITION_FAILED")
    operation = {"op": "delete", "id": task["id"], "if_match": tags}
    assert alice.post("/tasks/batch", json={"operations": [operation]}).status_code == 412
    for url in (path, "/tasks"):
        assert alice.get(url, headers={"If-None-Match": tags}).status_code == 200


@pytest.mark.parametrize(
    "value", ["1", "garbage", "", " ", ",", '"1', '1"', '"1" "2"', '"1";', 'w/"1"', 'W/ "1"', '*,"1"', '"a b"']
)
def test_what_is_not_a_list_of_entity_tags_is_400(alice: Actor, value: str) -> None:
    task = alice.create_task()
    path, headers = f"/tasks/{task['id']}", {"If-Match": value}
    for method, url in (("PATCH", path), ("PUT", path), ("DELETE", path), ("PATCH", f"{path}/complete")):
        response = alice.request(method, url, json={"title": "y"}, headers=headers)
        assert status_and_code(response) == (400, "INVALID_ENTITY_TAG")
    assert status_and_code(alice.delete("/tasks?all=true", headers=headers)) == (400, "INVALID_ENTITY_TAG")
    for url in (path, "/tasks"):
        response = alice.get(url, headers={"If-None-Match": value})
        assert status_and_code(response) == (400, "INVALID_ENTITY_TAG")
    operation = {"op": "delete", "id": task["id"], "if_match": value}
    response = alice.post("/tasks/batch", json={"operations": [operation]})
    assert status_and_code(response) == (422, "VALIDATION_ERROR")
    assert response.get_json()["errors"][0]["pointer"] == "#/operations/0/if_match"
    assert alice.get("/tasks").get_json() == [task]
