"""The preview of the due dates of a series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.problems import status_and_code
from tests.support.task_lists import assert_invalid_parameters, list_tasks

if TYPE_CHECKING:
    from tests.support.actors import Actor


def occurrences(actor: Actor, task: dict[str, Any], query: str = "") -> list[str]:
    response = actor.get(f"/tasks/{task['id']}/occurrences{query}")
    assert response.status_code == 200, response.text
    assert list(response.get_json()) == ["occurrences"]
    found: list[str] = response.get_json()["occurrences"]
    return found


def test_the_preview_has_the_due_dates_that_completions_give(alice: Actor) -> None:
    task = alice.create_task(due="2090-01-31", recurrence="FREQ=MONTHLY;COUNT=5")
    preview = occurrences(alice, task)
    assert preview == ["2090-03-31", "2090-05-31", "2090-07-31", "2090-08-31"]
    assert list_tasks(alice) == [task]
    for _ in range(5):
        (current,) = list_tasks(alice, "completed=false")
        alice.patch(f"/tasks/{current['id']}/complete")
    assert [each["due"] for each in list_tasks(alice)[1:]] == preview


def test_timestamps_are_in_utc(alice: Actor) -> None:
    task = alice.create_task(due="2090-03-24T09:00:00+01:00", recurrence="FREQ=WEEKLY", timezone="Europe/Berlin")
    assert occurrences(alice, task, "?limit=2") == ["2090-03-31T07:00:00.000Z", "2090-04-07T07:00:00.000Z"]


def test_a_neglected_task_comes_next_today_or_later(alice: Actor) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    found = occurrences(alice, alice.create_task(due="2020-01-01", recurrence="FREQ=DAILY"))
    assert len(found) == 10
    assert found == sorted(found)
    assert found[0] >= today


def test_a_task_without_a_rule_has_none(alice: Actor) -> None:
    assert occurrences(alice, alice.create_task(due="2026-10-01")) == []


def test_a_missing_or_foreign_task_is_404(alice: Actor, bob: Actor) -> None:
    task = bob.create_task(due="2026-10-01", recurrence="FREQ=DAILY")
    for number in (0, task["id"]):
        assert status_and_code(alice.get(f"/tasks/{number}/occurrences")) == (404, "TASK_NOT_FOUND")


@pytest.mark.parametrize("limit", ["0", "101", "x", ""])
def test_the_limit_is_1_to_100(alice: Actor, limit: str) -> None:
    task = alice.create_task(due="2026-10-01", recurrence="FREQ=DAILY")
    assert len(occurrences(alice, task, "?limit=100")) == 100
    assert_invalid_parameters(alice.get(f"/tasks/{task['id']}/occurrences?limit={limit}"), "limit")
