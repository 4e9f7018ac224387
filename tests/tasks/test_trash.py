"""The trash: delete, restore, delete permanently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.actors import Actor


def test_a_task_in_the_trash_is_404_until_it_is_restored(alice: Actor, task: dict[str, Any]) -> None:
    path = f"/tasks/{task['id']}"
    assert alice.post(f"{path}/restore").status_code == 404
    trashed = alice.delete(path)
    assert (trashed.status_code, trashed.data) == (204, b"")
    for method, suffix, body in (
        *(("GET", "", None), ("PUT", "", {"title": "x"}), ("PATCH", "", {"title": "x"}), ("PATCH", "", {})),
        *(("PATCH", "/complete", None), ("DELETE", "", None)),
    ):
        assert alice.request(method, f"{path}{suffix}", json=body).status_code == 404
    for stale in ('"0"', f"W/{trashed.headers['ETag']}"):
        assert alice.post(f"{path}/restore", headers={"If-Match": stale}).status_code == 412
    restored = alice.post(f"{path}/restore", headers={"If-Match": trashed.headers["ETag"]})
    assert (restored.status_code, restored.get_json()) == (200, task)
    assert restored.headers["ETag"] == alice.get(path).headers["ETag"] != trashed.headers["ETag"]
    assert alice.get("/tasks?deleted=true").get_json() == []


@pytest.mark.parametrize("trashed", [False, True])
def test_a_permanently_deleted_task_is_404_everywhere(alice: Actor, task: dict[str, Any], *, trashed: bool) -> None:
    path = f"/tasks/{task['id']}"
    if trashed:
        alice.delete(path)
    response = alice.delete(f"{path}?permanent=true")
    assert (response.status_code, response.data) == (204, b"")
    assert "ETag" not in response.headers
    assert alice.get("/tasks?deleted=true").get_json() == alice.get("/tasks").get_json() == []
    for missing in (alice.delete(f"{path}?permanent=true"), alice.post(f"{path}/restore"), alice.get(path)):
        assert missing.status_code == 404
    assert alice.create_task()["id"] > task["id"]
