"""DELETE /tasks: deletes the tasks that match the filter, and requires a filter or `all`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.problems import status_and_code
from tests.support.task_lists import assert_invalid_parameters, list_tasks, titles

if TYPE_CHECKING:
    from tests.support.actors import Actor


@pytest.fixture
def four_tasks(alice: Actor) -> list[dict[str, Any]]:
    """Return tasks titled 0 to 3: the last two completed, the odd ones tagged."""
    return [alice.create_task(title=str(n), completed=n > 1, tags=["odd"] if n % 2 else []) for n in range(4)]


@pytest.mark.parametrize(
    ("query", "remaining"),
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
@pytest.mark.usefixtures("four_tasks")
def test_a_filter_deletes_the_tasks_that_it_lists(alice: Actor, query: str, remaining: str, *, permanent: bool) -> None:
    response = alice.delete(f"/tasks?{query}{'&permanent=true' if permanent else ''}")
    assert (response.status_code, response.get_json()) == (200, {"deleted": 4 - len(remaining)})
    assert "".join(titles(alice)) == remaining
    assert len(list_tasks(alice, "deleted=true")) == (0 if permanent else 4 - len(remaining))


@pytest.mark.parametrize("query", ["", "?timezone=UTC", "?_x=1", "?permanent=true", "?all=false", "?deleted=false"])
def test_a_filter_or_all_is_required(alice: Actor, four_tasks: list[dict[str, Any]], query: str) -> None:
    assert status_and_code(alice.delete(f"/tasks{query}")) == (400, "FILTER_REQUIRED")
    assert list_tasks(alice) == four_tasks


@pytest.mark.parametrize(
    ("query", "parameter"),
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
def test_invalid_or_contradictory_parameters_delete_nothing(
    alice: Actor, four_tasks: list[dict[str, Any]], query: str, parameter: str
) -> None:
    assert_invalid_parameters(alice.delete(f"/tasks?{query}"), parameter)
    assert list_tasks(alice) == four_tasks


@pytest.mark.usefixtures("four_tasks")
def test_emptying_the_trash_keeps_the_other_tasks(alice: Actor) -> None:
    alice.delete("/tasks?completed=true")
    assert alice.delete("/tasks?deleted=true&permanent=true&tag=odd").get_json() == {"deleted": 1}
    assert titles(alice, "deleted=true") == ["2"]
    assert alice.delete("/tasks?deleted=true&permanent=true").get_json() == {"deleted": 1}
    assert alice.delete("/tasks?deleted=true&permanent=true").get_json() == {"deleted": 0}
    assert titles(alice) == ["0", "1"]


def test_tasks_of_other_users_are_not_deleted(alice: Actor, bob: Actor) -> None:
    alice.create_task()
    task = bob.create_task()
    assert alice.delete("/tasks?all=true&permanent=true").get_json() == {"deleted": 1}
    assert list_tasks(bob) == [task]


def test_if_match_prevents_the_deletion_of_a_changed_list(alice: Actor, four_tasks: list[dict[str, Any]]) -> None:
    stale = alice.get("/tasks").headers["ETag"]
    alice.patch(f"/tasks/{four_tasks[0]['id']}/complete")
    for tag in (stale, '"garbage"', f"W/{alice.get('/tasks').headers['ETag']}", '"99999999999999999999"'):
        for query in ("all=true", "completed=true&permanent=true", "q=nothing"):
            response = alice.delete(f"/tasks?{query}", headers={"If-Match": tag})
            assert status_and_code(response) == (412, "PRECONDITION_FAILED")
    assert len(list_tasks(alice)) == 4
    current = alice.get("/tasks").headers["ETag"]
    assert alice.delete("/tasks?q=0", headers={"If-Match": f"{stale}, {current}"}).get_json() == {"deleted": 1}
    assert alice.delete("/tasks?all=true", headers={"If-Match": "*"}).get_json() == {"deleted": 3}


def test_if_match_accepts_the_etag_of_an_empty_list(alice: Actor) -> None:
    tag = alice.get("/tasks").headers["ETag"]
    assert alice.delete("/tasks?all=true", headers={"If-Match": tag}).get_json() == {"deleted": 0}
    assert alice.delete("/tasks?all=true", headers={"If-Match": '"1"'}).status_code == 412
