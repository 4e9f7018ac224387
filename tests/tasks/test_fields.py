"""The fields of a task: the values that each accepts and returns, on every route that writes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.problems import error_pointers

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

WRITABLE = ["title", "description", "completed", "due", "priority", "tags", "order"]
MERGE_PATCH = "application/merge-patch+json"
ABSENT = ...


def send_field(actor: Actor, method: str, path: str, field: str, value: Any) -> TestResponse:
    """Send one field. The value is written as JSON; bytes are sent as they are."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    title = b'"title":"x",' if method == "POST" and field != "title" else b""
    body = b'{%s"%s":%s}' % (title, field.encode(), text)
    return actor.request(method, path, data=body, content_type="application/json")


def assert_rejected(actor: Actor, task: dict[str, Any], field: str, value: Any, pointers: list[str]) -> None:
    """Check that every route that writes names the field, and that none of them writes."""
    path = f"/tasks/{task['id']}"
    for method, url in (("POST", "/tasks"), ("PUT", path), ("PATCH", path)):
        assert error_pointers(send_field(actor, method, url, field, value)) == pointers
    assert actor.get("/tasks").get_json() == [task]


# due


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        ("2026-10-01", "2026-10-01"),
        ("2028-02-29", "2028-02-29"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
        ("2026-10-01T17:00:00Z", "2026-10-01T17:00:00.000Z"),
        ("2026-10-01T17:00:00+02:00", "2026-10-01T15:00:00.000Z"),
        ("2026-10-01T00:30:00+05:45", "2026-09-30T18:45:00.000Z"),
        ("2026-10-01T17:00:00-00:00", "2026-10-01T17:00:00.000Z"),
        ("2026-10-01t17:00:00z", "2026-10-01T17:00:00.000Z"),
        ("2026-10-01T17:00:00.5Z", "2026-10-01T17:00:00.500Z"),
        ("2026-10-01T17:00:00.9999999Z", "2026-10-01T17:00:00.999Z"),
        ("2026-10-01T23:59:59.99951+00:00", "2026-10-01T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
        ("1969-12-31T23:59:59.9996Z", "1969-12-31T23:59:59.999Z"),
        (None, None),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_due_is_a_date_or_a_timestamp_in_utc(alice: Actor, method: str, sent: str | None, returned: str | None) -> None:
    path = "/tasks" if method == "POST" else f"/tasks/{alice.create_task(due='2020-01-01')['id']}"
    written = send_field(alice, method, path, "due", sent).get_json()
    assert written["due"] == returned
    assert alice.get(f"/tasks/{written['id']}").get_json() == written


@pytest.mark.parametrize(
    "value",
    [
        *("2026-10-01T17:00:00", "2026-10-01T17:00", "2026-10-01T17:00Z", "2026-10-01 17:00:00Z"),
        *("20261001", "2026-W40", "2026-02-30", "2026-13-01", "2027-02-29", "0000-01-01", "10000-01-01"),
        *("2026-10-1", " 2026-10-01", "2026-10-01\n", "２０２６-10-01", "", "today"),
        *("2026-12-31T23:59:60Z", "2026-10-01T24:00:00Z", "2026-10-01T25:00:00Z", "2026-10-01T17:60:00Z"),
        *("2026-10-01T17:00:00+24:00", "2026-10-01T17:00:00+02:60", "2026-10-01T17:00:00+2", "2026-10-01T17:00:00,5Z"),
        *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"),
        *(20261001, 1.5, True, [], {}, ["2026-10-01"]),
    ],
    ids=str,
)
def test_an_invalid_due_is_rejected(alice: Actor, task: dict[str, Any], value: Any) -> None:
    assert_rejected(alice, task, "due", value, ["#/due"])


def test_due_can_change_between_date_and_timestamp(alice: Actor) -> None:
    path = f"/tasks/{alice.create_task()['id']}"
    for value in ("2026-10-01", "2026-10-01T17:00:00.000Z", "2026-10-02", None, "2026-10-01T17:00:00.000Z", None):
        assert alice.patch(path, json={"due": value}).get_json()["due"] == value


# priority and tags


@pytest.mark.parametrize("value", ["urgent", "High", "", "low ", 1, True, ["low"]])
def test_priority_is_one_of_three_or_null(alice: Actor, value: Any) -> None:
    assert error_pointers(send_field(alice, "POST", "/tasks", "priority", value)) == ["#/priority"]
    for priority in ("low", "medium", "high", None):
        assert alice.create_task(priority=priority)["priority"] == priority


@pytest.mark.parametrize(
    "tags",
    [
        [],
        ["b", "a", "B", "A", " a"],
        [str(number) for number in range(20)],
        ["x" * 50, "\U0001f600" * 50, "e\u0301" * 25],
        ["null", "{}", '"', "\\", "a,b", "NULL"],
    ],
    ids=lambda tags: str(tags)[:24],
)
def test_tags_keep_their_order_and_case(alice: Actor, tags: list[str]) -> None:
    assert alice.create_task(tags=tags)["tags"] == tags
    assert alice.put(f"/tasks/{alice.create_task(tags=['old'])['id']}", json={"tags": tags}).get_json()["tags"] == tags


@pytest.mark.parametrize(
    ("tags", "pointers"),
    [
        (["a", "b", "a"], ["#/tags"]),
        (["\u00e9", "e\u0301"], ["#/tags"]),  # one letter, composed and decomposed
        ([str(number) for number in range(21)], ["#/tags"]),
        ([""], ["#/tags/0"]),
        (["a", "x" * 51], ["#/tags/1"]),
        (["\U0001f600" * 51], ["#/tags/0"]),
        ([7, "a", None, True, ["b"]], ["#/tags/0", "#/tags/2", "#/tags/3", "#/tags/4"]),
        (["nul\0"], ["#/tags/0"]),
        (["\ud800"], ["#/tags/0"]),
        ("home", ["#/tags"]),
        ({"0": "home"}, ["#/tags"]),
        (7, ["#/tags"]),
    ],
    ids=lambda value: str(value)[:24],
)
def test_invalid_tags_are_rejected(alice: Actor, task: dict[str, Any], tags: Any, pointers: list[str]) -> None:
    assert_rejected(alice, task, "tags", tags, pointers)


# order


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        (b"5", "5"),
        (b"5.0", "5"),
        (b"-5", "-5"),
        (b"0.1", "0.1"),
        (b"0.30000000000000004", "0.30000000000000004"),
        (b"0", "0"),
        (b"-0.0", "0"),
        (b"-0", "0"),
        (b"1E2", "100"),
        (b"9007199254740992", "9.007199254740992e+15"),
        (b"9007199254740993", "9.007199254740992e+15"),
        (b"1e300", "1e+300"),
        (b"-1.7976931348623157e308", "-1.7976931348623157e+308"),
        (b"5e-324", "5e-324"),
        (b"1e-400", "0"),
        (b"1" + b"0" * 300, "1e+300"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_order_is_returned_as_it_was_sent(alice: Actor, sent: bytes, returned: str) -> None:
    response = send_field(alice, "POST", "/tasks", "order", sent)
    assert f'"order":{returned},' in response.text
    path = f"/tasks/{response.get_json()['id']}"
    assert f'"order":{returned},' in alice.get(path).text
    assert f'"order":{returned},' in send_field(alice, "PATCH", path, "order", sent).text


@pytest.mark.parametrize("value", [b"1e400", b"-1e400", b"1" + b"0" * 400, b"true", b'"1"', b"[1]", b"{}"])
def test_order_is_a_finite_number(alice: Actor, task: dict[str, Any], value: bytes) -> None:
    assert_rejected(alice, task, "order", value, ["#/order"])


def test_a_task_without_order_comes_after_the_highest(alice: Actor) -> None:
    assert [alice.create_task()["order"] for _ in range(3)] == [1024, 2048, 3072]
    alice.create_task(order=0.5)
    assert alice.create_task()["order"] == 4096
    alice.create_task(order=10_000.25)
    assert alice.create_task()["order"] == 11_024.25
    alice.delete("/tasks?all=true&permanent=true")
    assert alice.create_task()["order"] == 1024
    alice.delete("/tasks?all=true&permanent=true")
    alice.create_task(order=-5000)
    assert alice.create_task()["order"] == -5000 + 1024
    alice.create_task(order=1.7976931348623157e308)
    assert alice.create_task()["order"] == 1.7976931348623157e308


# completed_at and read-only fields


@pytest.mark.parametrize(
    ("method", "suffix", "complete", "reopen"),
    [
        ("PUT", "", {"completed": True}, {"completed": False}),
        ("PATCH", "", {"completed": True}, {"completed": False}),
        ("PATCH", "/complete", None, None),
    ],
)
def test_completed_at_follows_completed(
    alice: Actor, method: str, suffix: str, complete: dict[str, bool] | None, reopen: dict[str, bool] | None
) -> None:
    created = alice.create_task()
    assert created["completed_at"] is None
    path = f"/tasks/{created['id']}"
    completed = alice.request(method, f"{path}{suffix}", json=complete).get_json()
    assert completed["completed_at"] == completed["updated_at"]
    time.sleep(0.002)
    for write in (alice.put, alice.patch):
        changed = write(path, json={"completed": True, "title": "later"}).get_json()
        assert changed["completed_at"] == completed["completed_at"] < changed["updated_at"]
    assert alice.request(method, f"{path}{suffix}", json=reopen).get_json()["completed_at"] is None


def test_a_task_can_be_created_completed(alice: Actor) -> None:
    completed = alice.create_task(completed=True)
    assert completed["completed"] is True
    assert completed["completed_at"] == completed["created_at"] == completed["updated_at"]
    assert alice.create_task(completed=False)["completed_at"] is None


def test_read_only_fields_are_ignored(alice: Actor) -> None:
    created = alice.create_task(
        completed_at="2000-01-01T00:00:00.000Z", id=1, version=7, deleted_at="2000-01-01T00:00:00.000Z"
    )
    assert created["completed_at"] is None
    assert alice.get(f"/tasks/{created['id']}").get_json() == created


# PATCH and PUT, field by field

UPDATES = [
    *((field, ABSENT, "kept") for field in WRITABLE),
    *((field, None, "cleared") for field in ("description", "due", "priority")),
    *((field, None, "rejected") for field in ("title", "completed", "tags", "order")),
    ("title", "x", "set"),
    ("description", "", "set"),
    ("completed", False, "set"),
    ("due", "2027-01-01", "set"),
    ("priority", "low", "set"),
    ("tags", [], "set"),
    ("tags", ["c"], "set"),
    ("order", 0, "set"),
]
"""A field, a value, and what PATCH does with it."""


@pytest.mark.parametrize(("field", "value", "outcome"), UPDATES, ids=str)
@pytest.mark.parametrize("media_type", ["application/json", MERGE_PATCH, "application/json; charset=utf-8"])
def test_patch_is_a_merge_patch_of_rfc_7396(
    alice: Actor, task: dict[str, Any], media_type: str, field: str, value: Any, outcome: str
) -> None:
    body = {} if value is ABSENT else {field: value}
    response = alice.patch(f"/tasks/{task['id']}", data=json.dumps(body), content_type=media_type)
    current = alice.get(f"/tasks/{task['id']}").get_json()
    if outcome == "rejected":
        assert error_pointers(response) == [f"#/{field}"]
    else:
        assert (response.status_code, response.get_json()) == (200, current)
    changes: dict[str, Any] = {}
    if outcome in {"set", "cleared"}:
        changes = {field: value, "updated_at": current["updated_at"]}
    if field == "completed" and outcome == "set":
        changes["completed_at"] = None
    assert current == {**task, **changes}


@pytest.mark.parametrize(("field", "value", "outcome"), UPDATES, ids=str)
def test_put_treats_null_as_absent(alice: Actor, task: dict[str, Any], field: str, value: Any, outcome: str) -> None:
    tag = alice.get(f"/tasks/{task['id']}").headers["ETag"]
    response = alice.put(f"/tasks/{task['id']}", json={} if value is ABSENT else {field: value})
    assert response.status_code == 200
    updated = response.get_json()
    assert updated[field] == (value if outcome == "set" else task[field])
    assert (response.headers["ETag"] == tag) == (outcome != "set")
    assert (updated == task) == (outcome != "set")


@pytest.mark.parametrize("body", [{}, {"unknown": 1}, {"id": 9, "user_id": "x", "created_at": None}])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_without_writable_fields_changes_nothing(
    alice: Actor, task: dict[str, Any], method: str, body: dict[str, Any]
) -> None:
    path = f"/tasks/{task['id']}"
    task_etag, list_etag = (alice.get(url).headers["ETag"] for url in (path, "/tasks"))
    time.sleep(0.002)
    response = alice.request(method, path, json=body)
    assert (response.status_code, response.get_json(), response.headers["ETag"]) == (200, task, task_etag)
    assert alice.get("/tasks").headers["ETag"] == list_etag
    stale = alice.request(method, path, json=body, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert alice.request(method, "/tasks/0", json=body, headers={"If-Match": '"0"'}).status_code == 404


@pytest.mark.parametrize(
    "media_type", ["application/json-patch+json", "text/plain", "application/x-www-form-urlencoded", None]
)
def test_a_patch_of_another_media_type_is_415(alice: Actor, task: dict[str, Any], media_type: str | None) -> None:
    body = json.dumps([{"op": "replace", "path": "/title", "value": "x"}])
    response = alice.patch(f"/tasks/{task['id']}", data=body, content_type=media_type)
    assert response.status_code == 415
    assert MERGE_PATCH in response.get_json()["detail"]
    assert alice.get("/tasks").get_json() == [task]


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "7"])
def test_a_patch_that_is_not_an_object_is_422(alice: Actor, task: dict[str, Any], body: str) -> None:
    assert error_pointers(alice.patch(f"/tasks/{task['id']}", data=body, content_type=MERGE_PATCH)) == ["#"]


def test_all_errors_are_returned_at_once(alice: Actor, task: dict[str, Any]) -> None:
    body = {"title": "", "due": "x", "priority": "x", "tags": [""], "order": "x", "completed": 1}
    pointers = ["#/title", "#/completed", "#/due", "#/priority", "#/tags/0", "#/order"]
    assert error_pointers(alice.post("/tasks", json=body)) == pointers
    for method in ("PUT", "PATCH"):
        assert error_pointers(alice.request(method, f"/tasks/{task['id']}", json=body)) == pointers
