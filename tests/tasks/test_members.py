"""What a task's members take and show, and what each route makes of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import Actor
from tests.support.databases import application
from tests.support.routes import TASK_RULES, calls

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

WRITABLE = ["title", "description", "completed", "due", "priority", "tags", "order"]
MERGE_PATCH = "application/merge-patch+json"
ABSENT = object()


def pointers(response: TestResponse) -> list[str]:
    assert response.status_code == 422, response.text
    return [fault["pointer"] for fault in response.get_json()["errors"]]


def sent(actor: Actor, method: str, path: str, member: str, value: Any) -> TestResponse:
    """Send one member, its value written by JSON or, where it is bytes, as it stands."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    title = b'"title":"x",' if method == "POST" and member != "title" else b""
    body = b'{%s"%s":%s}' % (title, member.encode(), text)
    return actor.request(method, path, data=body, content_type="application/json")


def etag(actor: Actor, task: dict[str, Any]) -> str:
    return actor.get(f"/tasks/{task['id']}").headers["ETag"]


@pytest.fixture
def task(alice: Actor) -> dict[str, Any]:
    """Return a task none of whose members is what it is by default."""
    return alice.task(
        title="File taxes",
        description="Form 1040",
        completed=True,
        due="2026-10-01",
        priority="high",
        tags=["home", "money"],
        order=7,
    )


# due


@pytest.mark.parametrize(
    ("given", "shown"),
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
def test_due_is_a_date_or_a_moment_in_utc(alice: Actor, method: str, given: str | None, shown: str | None) -> None:
    path = "/tasks" if method == "POST" else f"/tasks/{alice.task(due='2020-01-01')['id']}"
    answered = sent(alice, method, path, "due", given).get_json()
    assert answered["due"] == shown
    assert alice.get(f"/tasks/{answered['id']}").get_json() == answered


@pytest.mark.parametrize(
    "value",
    [
        *(
            "2026-10-01T17:00:00",
            "2026-10-01T17:00",
            "2026-10-01T17:00Z",
            "2026-10-01 17:00:00Z",
            "20261001",
            "2026-W40",
        ),
        *("2026-02-30", "2026-13-01", "2027-02-29", "0000-01-01", "10000-01-01", "2026-10-1", " 2026-10-01"),
        *("2026-12-31T23:59:60Z", "2026-10-01T24:00:00Z", "2026-10-01T25:00:00Z", "2026-10-01T17:60:00Z"),
        *("2026-10-01T17:00:00+24:00", "2026-10-01T17:00:00+02:60", "2026-10-01T17:00:00+2", "2026-10-01T17:00:00,5Z"),
        *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-10-01\n", "２０２６-10-01", "", "today"),
        *(20261001, 1.5, True, [], {}, ["2026-10-01"]),
    ],
    ids=str,
)
def test_due_is_nothing_else(alice: Actor, task: dict[str, Any], value: Any) -> None:
    for method, path in (("POST", "/tasks"), ("PUT", f"/tasks/{task['id']}"), ("PATCH", f"/tasks/{task['id']}")):
        assert pointers(sent(alice, method, path, "due", value)) == ["#/due"]
    assert alice.get("/tasks").get_json() == [task]


def test_a_date_gives_way_to_a_moment_and_a_moment_to_a_date(alice: Actor) -> None:
    path = f"/tasks/{alice.task()['id']}"
    for value in ("2026-10-01", "2026-10-01T17:00:00.000Z", "2026-10-02", None, "2026-10-01T17:00:00.000Z", None):
        assert alice.patch(path, json={"due": value}).get_json()["due"] == value


# priority and tags


@pytest.mark.parametrize("value", ["urgent", "High", "", "low ", 1, True, ["low"]])
def test_priority_is_one_of_three(alice: Actor, value: Any) -> None:
    assert pointers(sent(alice, "POST", "/tasks", "priority", value)) == ["#/priority"]
    for name in ("low", "medium", "high", None):
        assert alice.task(priority=name)["priority"] == name


@pytest.mark.parametrize(
    "tags",
    [
        [],
        ["b", "a", "B", "A", " a"],
        [str(number) for number in range(20)],
        ["x" * 50, "\U0001f600" * 50, "e\u0301" * 25],
        ["null", "{}", '"', "\\", "a,b", "NULL"],
        ["\u00e9", "e\u0301"],
    ],
    ids=lambda tags: str(tags)[:24],
)
def test_tags_keep_their_order_and_case(alice: Actor, tags: list[str]) -> None:
    made = alice.task(tags=tags)
    assert made["tags"] == tags
    assert alice.put(f"/tasks/{alice.task(tags=['old'])['id']}", json={"tags": tags}).get_json()["tags"] == tags


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        (["a", "b", "a"], ["#/tags"]),
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
def test_tags_that_are_none_are_named(alice: Actor, task: dict[str, Any], tags: Any, named: list[str]) -> None:
    for method, path in (("POST", "/tasks"), ("PUT", f"/tasks/{task['id']}"), ("PATCH", f"/tasks/{task['id']}")):
        assert pointers(sent(alice, method, path, "tags", tags)) == named
    assert alice.get("/tasks").get_json() == [task]


# order


@pytest.mark.parametrize(
    ("given", "shown"),
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
        (b"9007199254740992", "9007199254740992"),
        (b"9007199254740993", "9007199254740992"),
        (b"1e300", "1e+300"),
        (b"-1.7976931348623157e308", "-1.7976931348623157e+308"),
        (b"5e-324", "5e-324"),
        (b"1e-400", "0"),
        (b"1" + b"0" * 300, "1e+300"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_order_is_shown_as_it_was_given(alice: Actor, given: bytes, shown: str) -> None:
    response = sent(alice, "POST", "/tasks", "order", given)
    assert f'"order":{shown},' in response.text
    number = response.get_json()["id"]
    assert f'"order":{shown},' in alice.get(f"/tasks/{number}").text
    assert f'"order":{shown},' in sent(alice, "PATCH", f"/tasks/{number}", "order", given).text


@pytest.mark.parametrize("value", [b"1e400", b"-1e400", b"1" + b"0" * 400, b"true", b'"1"', b"[1]", b"{}"])
def test_order_is_a_finite_number(alice: Actor, task: dict[str, Any], value: bytes) -> None:
    for method, path in (("POST", "/tasks"), ("PUT", f"/tasks/{task['id']}"), ("PATCH", f"/tasks/{task['id']}")):
        assert pointers(sent(alice, method, path, "order", value)) == ["#/order"]
    assert alice.get("/tasks").get_json() == [task]


def test_a_task_without_order_comes_after_the_highest(alice: Actor) -> None:
    assert [alice.task()["order"] for _ in range(3)] == [1024, 2048, 3072]
    alice.task(order=0.5)
    assert alice.task()["order"] == 4096
    alice.task(order=10_000.25)
    assert alice.task()["order"] == 11_024.25
    alice.delete("/tasks?all=true&permanent=true")
    assert alice.task()["order"] == 1024
    alice.delete("/tasks?all=true&permanent=true")
    alice.task(order=-5000)
    assert alice.task()["order"] == -5000 + 1024
    alice.task(order=1.7976931348623157e308)
    assert alice.task()["order"] == 1.7976931348623157e308


# completed_at


@pytest.mark.parametrize(
    ("method", "suffix", "done", "reopened"),
    [
        ("PUT", "", {"completed": True}, {"completed": False}),
        ("PATCH", "", {"completed": True}, {"completed": False}),
        ("PATCH", "/complete", None, None),
    ],
)
def test_completed_at_is_set_kept_and_cleared(
    alice: Actor, method: str, suffix: str, done: dict[str, bool] | None, reopened: dict[str, bool] | None
) -> None:
    made = alice.task()
    assert made["completed_at"] is None
    path = f"/tasks/{made['id']}"
    completed = alice.request(method, f"{path}{suffix}", json=done).get_json()
    assert completed["completed_at"] == completed["updated_at"]
    time.sleep(0.002)
    for again in (alice.put, alice.patch):
        kept = again(path, json={"completed": True, "title": "later"}).get_json()
        assert kept["completed_at"] == completed["completed_at"] < kept["updated_at"]
    assert alice.request(method, f"{path}{suffix}", json=reopened).get_json()["completed_at"] is None


def test_a_task_may_be_made_completed(alice: Actor) -> None:
    done = alice.task(completed=True)
    assert done["completed"] is True
    assert done["completed_at"] == done["created_at"] == done["updated_at"]
    assert alice.task(completed=False)["completed_at"] is None


def test_read_only_members_are_ignored(alice: Actor) -> None:
    made = alice.task(completed_at="2000-01-01T00:00:00.000Z", id=1, version=7, deleted_at="2000-01-01T00:00:00.000Z")
    assert made["completed_at"] is None
    assert alice.get(f"/tasks/{made['id']}").get_json() == made


# PATCH and PUT, member by member

PATCHED = [
    *((member, ABSENT, "kept") for member in WRITABLE),
    *((member, None, "cleared") for member in ("description", "due", "priority")),
    *((member, None, "refused") for member in ("title", "completed", "tags", "order")),
    ("title", "x", "set"),
    ("description", "", "set"),
    ("completed", False, "set"),
    ("due", "2027-01-01", "set"),
    ("priority", "low", "set"),
    ("tags", [], "set"),
    ("tags", ["c"], "set"),
    ("order", 0, "set"),
]


@pytest.mark.parametrize(("member", "value", "outcome"), PATCHED, ids=str)
@pytest.mark.parametrize("media_type", ["application/json", MERGE_PATCH, "application/json; charset=utf-8"])
def test_a_merge_patch_does_what_rfc_7396_says(
    alice: Actor, task: dict[str, Any], media_type: str, member: str, value: Any, outcome: str
) -> None:
    body = {} if value is ABSENT else {member: value}
    response = alice.patch(f"/tasks/{task['id']}", data=json.dumps(body), content_type=media_type)
    changed = alice.get(f"/tasks/{task['id']}").get_json()
    if outcome == "refused":
        assert pointers(response) == [f"#/{member}"]
    else:
        assert (response.status_code, response.get_json()) == (200, changed)
    also = {"completed_at": None} if member == "completed" and outcome == "set" else {}
    now = {"updated_at": changed["updated_at"]} if outcome in {"set", "cleared"} else {}
    assert changed == {**task, **({member: value} if outcome in {"set", "cleared"} else {}), **also, **now}


@pytest.mark.parametrize(("member", "value", "outcome"), PATCHED, ids=str)
def test_put_takes_null_for_absent(alice: Actor, task: dict[str, Any], member: str, value: Any, outcome: str) -> None:
    tag = etag(alice, task)
    response = alice.put(f"/tasks/{task['id']}", json={} if value is ABSENT else {member: value})
    assert response.status_code == 200
    changed = response.get_json()
    assert changed[member] == (value if outcome == "set" else task[member])
    assert (response.headers["ETag"] == tag) == (outcome != "set")
    assert (changed == task) == (outcome != "set")


@pytest.mark.parametrize("body", [{}, {"unknown": 1}, {"id": 9, "user_id": "x", "created_at": None}])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_that_sets_nothing_changes_nothing(
    alice: Actor, task: dict[str, Any], method: str, body: dict[str, Any]
) -> None:
    tag, lists = etag(alice, task), alice.get("/tasks").headers["ETag"]
    time.sleep(0.002)
    response = alice.request(method, f"/tasks/{task['id']}", json=body)
    assert (response.status_code, response.get_json(), response.headers["ETag"]) == (200, task, tag)
    assert alice.get("/tasks").headers["ETag"] == lists
    stale = alice.request(method, f"/tasks/{task['id']}", json=body, headers={"If-Match": '"0"'})
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
def test_a_patch_that_is_no_object_is_422(alice: Actor, task: dict[str, Any], body: str) -> None:
    assert pointers(alice.patch(f"/tasks/{task['id']}", data=body, content_type=MERGE_PATCH)) == ["#"]


def test_all_that_is_wrong_is_said_at_once(alice: Actor, task: dict[str, Any]) -> None:
    body = {"title": "", "due": "x", "priority": "x", "tags": [""], "order": "x", "completed": 1}
    named = ["#/title", "#/completed", "#/due", "#/priority", "#/tags/0", "#/order"]
    assert pointers(alice.post("/tasks", json=body)) == named
    for method in ("PUT", "PATCH"):
        assert pointers(alice.request(method, f"/tasks/{task['id']}", json=body)) == named


# Versions and the trash


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
def test_if_match_names_the_version_that_is_changed(
    alice: Actor, task: dict[str, Any], method: str, suffix: str, body: Any
) -> None:
    path, tag = f"/tasks/{task['id']}{suffix}", etag(alice, task)
    for stale in ('"0"', f"W/{tag}", "garbage", f'"0{tag[1:]}', '"99999999999999999999"'):
        assert alice.request(method, path, json=body, headers={"If-Match": stale}).status_code == 412
    assert alice.get("/tasks").get_json() == [task]
    missing = alice.request(method, f"/tasks/{task['id'] + 1}{suffix}", json=body, headers={"If-Match": tag})
    assert missing.status_code == 404
    assert alice.request(method, path, json=body, headers={"If-Match": f'"0", {tag}'}).status_code < 300


def test_a_task_that_is_known_is_304(alice: Actor, task: dict[str, Any]) -> None:
    path, tag = f"/tasks/{task['id']}", etag(alice, task)
    for known in (tag, f"W/{tag}", "*", f'"0", {tag}'):
        response = alice.get(path, headers={"If-None-Match": known})
        assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", tag)
    alice.task()  # another one's change is not this one's
    assert alice.get(path, headers={"If-None-Match": tag}).status_code == 304
    alice.patch(path, json={"title": "File taxes"})
    assert alice.get(path, headers={"If-None-Match": tag}).status_code == 200
    assert alice.get("/tasks/0", headers={"If-None-Match": "*"}).status_code == 404


def test_what_is_in_the_trash_is_missing_until_it_is_restored(alice: Actor, task: dict[str, Any]) -> None:
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
    assert restored.headers["ETag"] == etag(alice, task) != trashed.headers["ETag"]
    assert alice.get("/tasks?deleted=true").get_json() == []


@pytest.mark.parametrize("trashed", [False, True])
def test_what_is_deleted_for_good_is_nowhere(alice: Actor, task: dict[str, Any], *, trashed: bool) -> None:
    path = f"/tasks/{task['id']}"
    if trashed:
        alice.delete(path)
    response = alice.delete(f"{path}?permanent=true")
    assert (response.status_code, response.data) == (204, b"")
    assert "ETag" not in response.headers
    assert alice.get("/tasks?deleted=true").get_json() == alice.get("/tasks").get_json() == []
    for answer in (alice.delete(f"{path}?permanent=true"), alice.post(f"{path}/restore"), alice.get(path)):
        assert answer.status_code == 404
    assert alice.task()["id"] > task["id"]


# Every route


@pytest.mark.parametrize(("method", "path"), calls(TASK_RULES))
def test_me_is_the_bearer(alice: Actor, method: str, path: str) -> None:
    def status(user: str) -> int:
        made = alice.task()
        if path.endswith("/restore"):
            alice.delete(f"/tasks/{made['id']}")
        url = path.format(user=user, task=made["id"])
        query = {"q": "milk"} if (method, path) == ("DELETE", "/api/{user}/tasks") else {}
        headers = {"Authorization": f"Bearer {alice.token}"}
        return alice.client.open(
            url, method=method, json={"title": "x"}, headers=headers, query_string=query
        ).status_code

    assert status("me") == status(alice.id)
    assert status("me") < 300 or path.endswith("/batch")


@pytest.mark.parametrize("path", ["/tasks", "/tasks?limit=1&sort=-id", "/tasks/{task}", "/tasks/0", "/tasks?limit=0"])
def test_head_is_get_without_a_body(alice: Actor, task: dict[str, Any], path: str) -> None:
    alice.task()
    url = path.format(task=task["id"])
    get, head = (alice.request(method, url, headers={"X-Request-Id": "same"}) for method in ("GET", "HEAD"))
    assert (head.status_code, head.data) == (get.status_code, b"")
    assert dict(head.headers) == dict(get.headers)
    tag = {"If-None-Match": get.headers.get("ETag", '"x"')}
    assert alice.request("HEAD", url, headers=tag).status_code == alice.get(url, headers=tag).status_code


@pytest.mark.parametrize("path", sorted({path for _, path in calls(TASK_RULES)}))
def test_options_names_the_methods(alice: Actor, path: str) -> None:
    response = alice.client.options(path.format(user="me", task=1))
    assert response.status_code == 200
    methods = {method for method, other in calls(TASK_RULES, but=()) if other == path}
    assert set(response.headers["Allow"].split(", ")) >= methods


def test_scripts_of_trusted_pages_may_read_the_headers(alice: Actor) -> None:
    response = alice.get("/tasks", headers={"Origin": "http://localhost:3000"})
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    shown = {"ETag", "Link", "Location", "X-Total-Count", "Retry-After", "Idempotency-Replayed"}
    assert shown | {"set-auth-token", "set-auth-jwt"} <= exposed


# How many there may be


@pytest.fixture
def ada(fresh_database: str) -> Actor:
    """Return someone who may have three tasks."""
    return Actor.sign_up(application(fresh_database, max_tasks_per_user=3), "Ada")


def test_a_fourth_of_three_is_403_and_the_trash_counts(ada: Actor) -> None:
    made = [ada.task() for _ in range(3)]

    def is_full() -> bool:
        tag = ada.get("/tasks").headers["ETag"]
        response = ada.post("/tasks", json={"title": "one more"})
        assert (response.status_code, response.get_json()["code"]) == (403, "TASK_LIMIT_REACHED")
        assert ada.get("/tasks").headers["ETag"] == tag
        return True

    assert is_full()
    ada.delete(f"/tasks/{made[0]['id']}")
    assert is_full()
    assert ada.post(f"/tasks/{made[0]['id']}/restore").status_code == 200
    assert is_full()
    ada.delete(f"/tasks/{made[0]['id']}?permanent=true")
    ada.task()
    assert is_full()
    ada.delete("/tasks?all=true")
    assert is_full()
    ada.delete("/tasks?deleted=true&permanent=true")
    ada.task()
    assert ada.patch(f"/tasks/{ada.get('/tasks').get_json()[0]['id']}", json={"title": "x"}).status_code == 200


@pytest.mark.parametrize("tags", ['""', 'W/""', '"",', '"1",""', '"x"', '"9223372036854775808"', ",", " "])
def test_an_etag_that_is_not_ours_matches_nothing(alice: Actor, tags: str) -> None:
    for _ in range(2):
        task = alice.task()
    path = f"/tasks/{task['id']}"
    for method, where in (("PATCH", path), ("PUT", path), ("DELETE", path), ("DELETE", "/tasks?all=true")):
        response = alice.request(method, where, json={"title": "y"}, headers={"If-Match": tags})
        assert (response.status_code, response.get_json()["code"]) == (412, "PRECONDITION_FAILED")
    operation = {"op": "delete", "id": task["id"], "if_match": tags}
    assert alice.post("/tasks/batch", json={"operations": [operation]}).status_code == 412
    for where in (path, "/tasks"):
        assert alice.get(where, headers={"If-None-Match": tags}).status_code == 200
