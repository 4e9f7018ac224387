"""Deleting by filter: what it lists and nothing else, and nothing without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.task_lists import listed, refused, titles

if TYPE_CHECKING:
    from tests.support.actors import Actor


@pytest.fixture
def four(alice: Actor) -> list[dict[str, Any]]:
    """Return four tasks: two of them completed, the odd ones tagged."""
    return [alice.task(title=str(n), completed=n > 1, tags=["odd"] if n % 2 else []) for n in range(4)]


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("completed=true", "01"),
        ("completed=true&tag=odd", "012"),
        ("q=3", "012"),
        ("due=none", ""),
        ("due_before=2026-01-01", "0123"),
        ("all=true", ""),
        ("all=true&timezone=Europe/Berlin&_x=1", ""),
        ("priority=low&all=false", "0123"),
    ],
)
@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.usefixtures("four")
def test_a_filter_deletes_what_it_lists(alice: Actor, query: str, left: str, *, permanent: bool) -> None:
    response = alice.delete(f"/tasks?{query}{'&permanent=true' if permanent else ''}")
    assert (response.status_code, response.get_json()) == (200, {"deleted": 4 - len(left)})
    assert "".join(titles(alice, "")) == left
    assert len(listed(alice, "deleted=true")) == (0 if permanent else 4 - len(left))


@pytest.mark.parametrize("query", ["", "?timezone=UTC", "?_x=1", "?permanent=true", "?all=false", "?deleted=false"])
def test_without_a_filter_nothing_is_deleted(alice: Actor, four: list[dict[str, Any]], query: str) -> None:
    response = alice.delete(f"/tasks{query}")
    assert (response.status_code, response.get_json()["code"]) == (400, "FILTER_REQUIRED")
    assert listed(alice, "") == four


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("all=true&completed=true", "all"),
        ("all=true&q=x", "all"),
        ("all=true&deleted=true&permanent=true", "all"),
        ("deleted=true", "deleted"),
        ("deleted=true&completed=true", "deleted"),
        ("deleted=true&permanent=false", "deleted"),
        ("completed=true&sort=id", "sort"),
        ("completed=true&limit=1", "limit"),
        ("all=true&cursor=x", "cursor"),
        ("all=yes", "all"),
        ("completed=true&permanent=1", "permanent"),
        ("completed=tru", "completed"),
    ],
)
def test_what_contradicts_itself_deletes_nothing(
    alice: Actor, four: list[dict[str, Any]], query: str, name: str
) -> None:
    assert refused(alice.delete(f"/tasks?{query}"), name)
    assert listed(alice, "") == four


@pytest.mark.usefixtures("four")
def test_the_trash_is_emptied_and_the_rest_stays(alice: Actor) -> None:
    alice.delete("/tasks?completed=true")
    assert alice.delete("/tasks?deleted=true&permanent=true&tag=odd").get_json() == {"deleted": 1}
    assert titles(alice, "deleted=true") == ["2"]
    assert alice.delete("/tasks?deleted=true&permanent=true").get_json() == {"deleted": 1}
    assert alice.delete("/tasks?deleted=true&permanent=true").get_json() == {"deleted": 0}
    assert titles(alice, "") == ["0", "1"]


def test_nobody_elses_tasks_are_deleted(alice: Actor, bob: Actor) -> None:
    alice.task()
    task = bob.task()
    assert alice.delete("/tasks?all=true&permanent=true").get_json() == {"deleted": 1}
    assert listed(bob, "") == [task]


def test_a_list_that_has_changed_is_not_deleted(alice: Actor, four: list[dict[str, Any]]) -> None:
    old = alice.get("/tasks").headers["ETag"]
    alice.patch(f"/tasks/{four[0]['id']}/complete")
    for tag in (old, "garbage", f"W/{alice.get('/tasks').headers['ETag']}", '"99999999999999999999"'):
        for query in ("all=true", "completed=true&permanent=true", "q=nothing"):
            response = alice.delete(f"/tasks?{query}", headers={"If-Match": tag})
            assert (response.status_code, response.get_json()["code"]) == (412, "PRECONDITION_FAILED")
    assert len(listed(alice, "")) == 4
    now = alice.get("/tasks").headers["ETag"]
    assert alice.delete("/tasks?q=0", headers={"If-Match": f"{old}, {now}"}).get_json() == {"deleted": 1}
    assert alice.delete("/tasks?all=true", headers={"If-Match": "*"}).get_json() == {"deleted": 3}


def test_an_empty_list_has_a_version_to_match(alice: Actor) -> None:
    tag = alice.get("/tasks").headers["ETag"]
    assert alice.delete("/tasks?all=true", headers={"If-Match": tag}).get_json() == {"deleted": 0}
    assert alice.delete("/tasks?all=true", headers={"If-Match": '"1"'}).status_code == 412
