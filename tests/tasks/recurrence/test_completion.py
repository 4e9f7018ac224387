"""Completion of repeating tasks: the task stays as history, and exactly one follows it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import Actor
from tests.support.databases import application, execute
from tests.support.locks import locking, wait_for_lock
from tests.support.problems import error_pointers, status_and_code
from tests.support.statements import record_statements
from tests.support.task_lists import list_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask
    from werkzeug.test import TestResponse

    Complete = Callable[[Actor, Mapping[str, Any]], TestResponse]

DUE = "2090-01-31"
NEXT = "2090-03-31"
COPIED = ("title", "description", "priority", "tags", "order", "repeat_from", "timezone")


def by_toggle(actor: Actor, task: Mapping[str, Any]) -> TestResponse:
    return actor.patch(f"/tasks/{task['id']}/complete")


def by_put(actor: Actor, task: Mapping[str, Any]) -> TestResponse:
    return actor.put(f"/tasks/{task['id']}", json={"completed": True})


def by_put_of_the_whole_task(actor: Actor, task: Mapping[str, Any]) -> TestResponse:
    return actor.put(f"/tasks/{task['id']}", json={**task, "completed": True})


def by_patch(actor: Actor, task: Mapping[str, Any]) -> TestResponse:
    return actor.patch(f"/tasks/{task['id']}", json={"completed": True})


def by_batch(actor: Actor, task: Mapping[str, Any]) -> TestResponse:
    operation = {"op": "update", "id": task["id"], "task": {"completed": True}}
    return actor.post("/tasks/batch", json={"operations": [operation]})


EVERY_WAY = [by_toggle, by_put, by_put_of_the_whole_task, by_patch, by_batch]


@pytest.fixture
def monthly(alice: Actor) -> dict[str, Any]:
    """Return a task that repeats on the 31st."""
    return create_monthly(alice)


def create_monthly(actor: Actor, **fields: Any) -> dict[str, Any]:
    texts = {"title": "Pay rent", "description": "d", "priority": "high", "tags": ["b", "a"], "order": 7.5}
    rule = {"due": DUE, "recurrence": "FREQ=MONTHLY", "repeat_from": "due", "timezone": "Europe/Berlin"}
    return actor.create_task(**{**texts, **rule, **fields})


def get_task(actor: Actor, task_id: int) -> dict[str, Any]:
    task: dict[str, Any] = actor.get(f"/tasks/{task_id}").get_json()
    return task


@pytest.mark.parametrize("complete", EVERY_WAY)
def test_the_task_stays_completed_and_its_rule_moves_to_the_successor(
    alice: Actor, monthly: dict[str, Any], complete: Complete
) -> None:
    response = complete(alice, monthly)
    assert response.status_code == 200
    finished, successor = list_tasks(alice)
    assert finished == {
        **monthly,
        "completed": True,
        "recurrence": None,
        "next_id": successor["id"],
        "completed_at": finished["updated_at"],
        "updated_at": finished["updated_at"],
    }
    assert response.get_json() == finished or complete is by_batch
    assert {name: successor[name] for name in COPIED} == {name: monthly[name] for name in COPIED}
    assert (successor["due"], successor["recurrence"], successor["completed"]) == (NEXT, "FREQ=MONTHLY", False)
    assert (successor["next_id"], successor["completed_at"]) == (None, None)
    assert successor["created_at"] == finished["completed_at"]
    assert alice.get(f"/tasks/{finished['id']}").headers["ETag"] == alice.get("/tasks").headers["ETag"]
    assert alice.get("/tasks?limit=1").headers["X-Total-Count"] == "2"


@pytest.mark.parametrize("again", EVERY_WAY)
@pytest.mark.parametrize("first", EVERY_WAY)
def test_reopening_and_completing_again_makes_no_second_successor(
    alice: Actor, monthly: dict[str, Any], first: Complete, again: Complete
) -> None:
    first(alice, monthly)
    assert alice.patch(f"/tasks/{monthly['id']}", json={"completed": False}).get_json()["completed"] is False
    assert again(alice, monthly).status_code == 200
    assert len(list_tasks(alice)) == 2
    assert get_task(alice, monthly["id"])["next_id"] == list_tasks(alice)[1]["id"]


def test_completing_a_completed_task_again_changes_no_successor(alice: Actor, monthly: dict[str, Any]) -> None:
    for complete in (by_patch, by_put, by_batch):
        complete(alice, monthly)
    assert [task["completed"] for task in list_tasks(alice)] == [True, False]


def test_a_rule_that_a_stale_copy_brings_back_makes_no_second_successor(alice: Actor, monthly: dict[str, Any]) -> None:
    by_toggle(alice, monthly)
    successor = list_tasks(alice)[1]
    alice.put(f"/tasks/{monthly['id']}", json=monthly)  # open again, with its rule
    for complete in (by_put_of_the_whole_task, by_toggle, by_toggle):
        complete(alice, monthly)
    assert list_tasks(alice)[1:] == [successor]
    assert get_task(alice, monthly["id"])["next_id"] == successor["id"]


def test_a_successor_in_the_trash_is_not_made_again_but_a_deleted_one_is(alice: Actor, monthly: dict[str, Any]) -> None:
    path = f"/tasks/{by_toggle(alice, monthly).get_json()['next_id']}"
    alice.delete(path)
    reopen = {"completed": False, "recurrence": "FREQ=MONTHLY"}
    alice.patch(f"/tasks/{monthly['id']}", json=reopen)
    assert by_toggle(alice, monthly).get_json()["next_id"] == int(path.removeprefix("/tasks/"))
    assert len(list_tasks(alice)) == 1
    alice.delete(f"{path}?permanent=true")
    alice.patch(f"/tasks/{monthly['id']}", json=reopen)
    assert by_toggle(alice, monthly).get_json()["next_id"] == list_tasks(alice)[1]["id"]


def test_a_reopened_task_with_another_due_date_begins_another_series(alice: Actor, monthly: dict[str, Any]) -> None:
    by_toggle(alice, monthly)
    alice.patch(f"/tasks/{monthly['id']}", json={"completed": False, "recurrence": "FREQ=DAILY", "due": "2091-01-01"})
    by_toggle(alice, monthly)
    assert [task["due"] for task in list_tasks(alice)] == ["2091-01-01", NEXT, "2091-01-02"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_other_fields_of_the_request_hold_for_both_tasks(alice: Actor, monthly: dict[str, Any], method: str) -> None:
    changes = {"title": "Pay less", "due": "2090-02-01T09:00:00Z", "recurrence": "FREQ=DAILY", "tags": []}
    alice.request(method, f"/tasks/{monthly['id']}", json={**changes, "timezone": "UTC", "completed": True})
    finished, successor = list_tasks(alice)
    for task in (finished, successor):
        assert (task["title"], task["tags"], task["priority"]) == ("Pay less", [], "high")
    assert (finished["due"], successor["due"]) == ("2090-02-01T09:00:00.000Z", "2090-02-02T09:00:00.000Z")
    assert (finished["recurrence"], successor["recurrence"]) == (None, "FREQ=DAILY")


def test_a_rule_can_be_set_and_cleared_while_completing(alice: Actor, monthly: dict[str, Any]) -> None:
    assert alice.patch(f"/tasks/{monthly['id']}", json={"completed": True, "recurrence": None}).status_code == 200
    assert len(list_tasks(alice)) == 1
    plain = alice.create_task()
    rule = {"completed": True, "recurrence": "FREQ=DAILY", "due": DUE}
    assert alice.patch(f"/tasks/{plain['id']}", json=rule).get_json()["next_id"] == list_tasks(alice)[-1]["id"]


@pytest.mark.parametrize("rule", ["FREQ=DAILY;COUNT=1", "FREQ=DAILY;UNTIL=20900131"])
@pytest.mark.parametrize("complete", EVERY_WAY)
def test_the_last_task_of_a_series_has_no_successor(alice: Actor, complete: Complete, rule: str) -> None:
    task = create_monthly(alice, recurrence=rule)
    assert complete(alice, task).status_code == 200
    (finished,) = list_tasks(alice)
    assert (finished["completed"], finished["recurrence"], finished["next_id"]) == (True, None, None)


def test_count_counts_down(alice: Actor) -> None:
    task = create_monthly(alice, recurrence="FREQ=DAILY;COUNT=3")
    rules = []
    while task["next_id"] or not task["completed"]:
        rules.append(task["recurrence"])
        task = get_task(alice, by_toggle(alice, task).get_json()["next_id"] or task["id"])
    assert rules == ["FREQ=DAILY;COUNT=3", "FREQ=DAILY;COUNT=2", "FREQ=DAILY;COUNT=1"]
    assert len(list_tasks(alice)) == 3


def test_a_neglected_task_comes_once(alice: Actor) -> None:
    now = datetime.now(UTC)
    task = create_monthly(alice, due="2020-01-01", recurrence="FREQ=DAILY", timezone=None)
    by_toggle(alice, task)
    (_, successor) = list_tasks(alice)
    assert successor["due"] in {f"{now:%Y-%m-%d}", f"{now + timedelta(minutes=1):%Y-%m-%d}"}


def test_a_timestamp_keeps_its_wall_clock(alice: Actor) -> None:
    task = create_monthly(alice, due="2090-03-24T09:00:00.5+01:00", recurrence="FREQ=WEEKLY")
    by_toggle(alice, task)
    # The clocks change on 26 March.
    assert [each["due"] for each in list_tasks(alice)] == ["2090-03-24T08:00:00.500Z", "2090-03-31T07:00:00.500Z"]


def test_a_task_can_be_created_completed_and_has_a_successor(alice: Actor) -> None:
    task = create_monthly(alice, completed=True)
    assert task == list_tasks(alice)[0]
    assert (task["completed"], task["completed_at"]) == (True, task["created_at"])
    assert (task["next_id"], NEXT) == (list_tasks(alice)[1]["id"], list_tasks(alice)[1]["due"])


# The fields


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY;INTERVAL=0", "FREQ=HOURLY", "", "x" * 201, f"FREQ=DAILY;BYDAY=MO{',MO' * 100}", 7, ["x"]]
)
def test_a_rule_outside_the_grammar_is_named(alice: Actor, monthly: dict[str, Any], rule: Any) -> None:
    for method, path in (("POST", "/tasks"), ("PUT", f"/tasks/{monthly['id']}"), ("PATCH", f"/tasks/{monthly['id']}")):
        response = alice.request(method, path, json={"title": "x", "due": DUE, "recurrence": rule})
        assert status_and_code(response) == (422, "VALIDATION_ERROR")
        assert error_pointers(response) == ["#/recurrence"]
    assert list_tasks(alice) == [monthly]


@pytest.mark.parametrize(
    ("field", "value"),
    [("repeat_from", "now"), *(("timezone", zone) for zone in ("Mars/Olympus", "localtime", "America", "x" * 300))],
)
def test_another_field_outside_its_values_is_named(alice: Actor, field: str, value: str) -> None:
    assert error_pointers(alice.post("/tasks", json={"title": "x", field: value})) == [f"#/{field}"]


def test_a_rule_needs_a_due_date(alice: Actor, monthly: dict[str, Any]) -> None:
    plain = alice.create_task()
    rule = {"recurrence": "FREQ=DAILY"}
    operation = {"op": "update", "id": plain["id"], "task": rule}
    requests: list[tuple[str, str, Any]] = [
        ("POST", "/tasks", {"title": "x", **rule}),
        ("POST", "/tasks", {"title": "x", "completed": True, **rule}),
        ("PUT", f"/tasks/{plain['id']}", rule),
        ("PATCH", f"/tasks/{plain['id']}", {**rule, "completed": True}),
        ("PATCH", f"/tasks/{monthly['id']}", {"due": None}),
        ("PATCH", f"/tasks/{monthly['id']}", {"due": None, "completed": True}),
        ("PATCH", f"/tasks/{monthly['id']}", {"due": None, "completed": False}),
        ("POST", "/tasks/batch", {"operations": [{"op": "create", "task": {"title": "y"}}, operation]}),
    ]
    for method, path, body in requests:
        assert status_and_code(alice.request(method, path, json=body)) == (422, "RECURRENCE_NEEDS_DUE"), (path, body)
    assert error_pointers(alice.post("/tasks/batch", json=requests[-1][2])) == ["#/operations/1"]
    assert list_tasks(alice) == [monthly, plain]
    cleared = alice.patch(f"/tasks/{monthly['id']}", json={"due": None, "recurrence": None, "timezone": None})
    assert [cleared.get_json()[name] for name in ("due", "recurrence", "timezone")] == [None, None, None]


def test_another_check_of_the_table_is_no_missing_due_date(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    execute(fresh_database, "ALTER TABLE tasks ADD CHECK (title <> 'x')")
    assert ada.post("/tasks", json={"title": "x"}).status_code == 503


def test_next_id_is_read_only(alice: Actor) -> None:
    assert alice.create_task(next_id=7)["next_id"] is None


# Conditions, limits and statements


@pytest.mark.parametrize("complete", [by_toggle, by_put, by_patch])
def test_if_match_is_checked_on_the_repeating_task(alice: Actor, monthly: dict[str, Any], complete: Complete) -> None:
    tag = alice.get(f"/tasks/{monthly['id']}").headers["ETag"]
    token = replace(alice, client=alice.client)
    token.request = lambda *arguments, **options: alice.request(*arguments, headers={"If-Match": tag}, **options)  # type: ignore[method-assign]
    tag = '"0"'
    assert complete(token, monthly).status_code == 412
    assert list_tasks(alice) == [monthly]
    tag = alice.get(f"/tasks/{monthly['id']}").headers["ETag"]
    assert complete(token, monthly).status_code == 200
    assert complete(token, monthly).status_code == 412, "a retry neither reopens nor completes"


def test_a_missing_or_deleted_task_is_404(alice: Actor, monthly: dict[str, Any]) -> None:
    alice.delete(f"/tasks/{monthly['id']}")
    for complete in (by_toggle, by_put, by_patch, by_batch):
        assert status_and_code(complete(alice, monthly)) == (404, "TASK_NOT_FOUND")


@pytest.mark.parametrize("complete", EVERY_WAY)
def test_without_room_for_the_successor_nothing_is_done(fresh_database: str, complete: Complete) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=2), "Ada")
    task, other = create_monthly(ada), ada.create_task()
    before = ada.get("/tasks").headers["ETag"]
    assert status_and_code(complete(ada, task)) == (403, "TASK_LIMIT_REACHED")
    assert (list_tasks(ada), ada.get("/tasks").headers["ETag"]) == ([task, other], before)
    assert ada.patch(f"/tasks/{other['id']}/complete").status_code == 200, "an ordinary task needs no room"
    ada.delete(f"/tasks/{other['id']}?permanent=true")
    assert complete(ada, task).status_code == 200
    ada.patch(f"/tasks/{task['id']}", json={"completed": False, "recurrence": "FREQ=MONTHLY"})
    assert complete(ada, task).status_code == 200, "the successor is there already"


@pytest.mark.parametrize("rule", ["FREQ=MONTHLY", "FREQ=MONTHLY;COUNT=1"])
@pytest.mark.parametrize("complete", [by_toggle, by_put, by_put_of_the_whole_task, by_patch])
def test_a_repeating_completion_is_one_statement_more(app: Flask, alice: Actor, complete: Complete, rule: str) -> None:
    task = create_monthly(alice, recurrence=rule)
    with record_statements() as statements:
        complete(alice, task)
    assert len(statements) == 2
    assert not any("transaction control" in statement for statement in statements)
    for statement in statements:
        tables = statement.count(" FROM tasks") + statement.count("UPDATE tasks") + statement.count("\nFROM tasks")
        assert statement.count(" tasks.user_id = %(owner_id)s") >= tables


def test_an_idempotent_creation_is_replayed(alice: Actor) -> None:
    for _ in range(2):
        body = {"title": "x", "due": DUE, "recurrence": "FREQ=DAILY", "completed": True}
        assert alice.post("/tasks", json=body, headers={"Idempotency-Key": "k"}).status_code == 201
    assert len(list_tasks(alice)) == 2


@pytest.mark.parametrize(
    ("change", "dues"),
    [
        ("title = 'changed'", [DUE, NEXT]),
        ("due_on = '2091-03-31'", ["2091-03-31", "2091-05-31"]),
        ("recurrence = NULL", [DUE]),
        ("recurrence = 'FREQ=DAILY;COUNT=1'", [DUE]),
    ],
)
@pytest.mark.parametrize("rule", ["FREQ=MONTHLY", None, "FREQ=DAILY;COUNT=1"])
def test_a_change_between_the_statements_is_seen(
    fresh_database: str, rule: str | None, change: str, dues: list[str]
) -> None:
    """The request waits for the list with an old snapshot: the task changes meanwhile, and perhaps gets its rule."""
    app = application(fresh_database)
    ada = Actor.sign_up(app, "Ada")
    task = create_monthly(ada, recurrence=rule)
    if rule != "FREQ=MONTHLY" and "recurrence" not in change:
        change = f"{change}, recurrence = 'FREQ=MONTHLY'"
    lock = f"UPDATE task_lists SET version = version + 1; UPDATE tasks SET version = version + 1, {change}"
    with locking(fresh_database, lock) as commit, ThreadPoolExecutor(1) as thread:
        other = replace(ada, client=app.test_client(use_cookies=False))
        response = thread.submit(by_patch, other, task)
        wait_for_lock(fresh_database)
        commit()
        assert response.result().status_code == 200, response.result().text
    assert [each["due"] for each in list_tasks(ada)] == dues
    assert list_tasks(ada)[0]["completed"] is True
    assert list_tasks(ada)[0]["recurrence"] is None


def test_the_uid_of_a_successor_follows_from_its_task(alice: Actor, bob: Actor, monthly: dict[str, Any]) -> None:
    """Two accounts, or two services, that complete the same imported task agree on what follows."""
    bob.post("/import", data=json.dumps(alice.get("/export").get_json()), content_type="application/json")
    by_toggle(alice, monthly)
    by_patch(bob, list_tasks(bob)[0])
    uids = [{task["uid"] for task in actor.get("/export").get_json()["tasks"]} for actor in (alice, bob)]
    assert uids[0] == uids[1]
    assert len(uids[0]) == 2
