"""Query parameters are strict: an unknown, repeated or invalid parameter is a 422 that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.routes import TASK_RULES, operations
from tests.support.task_lists import assert_invalid_parameters, follow, invalid_parameters, links, list_tasks
from todo_api.tasks.parameters import ListParameters, SortKey

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor


def test_default_parameters_are_not_shared_between_requests() -> None:
    schema = ListParameters()
    schema.load({})["limit"] = 1
    assert schema.load({}) == {"sort": (SortKey("id"),), "timezone": "UTC", "deleted": False}


@pytest.mark.parametrize(("method", "path"), operations(TASK_RULES, excluded={"OPTIONS"}))
def test_every_route_rejects_unknown_parameters(alice: Actor, method: str, path: str) -> None:
    task = alice.create_task()

    def call(query: str) -> TestResponse:
        url = path.format(user=alice.id, task=task["id"]).removeprefix(f"/api/{alice.id}")
        return alice.request(method, f"{url}?{query}", json={"title": "changed"})

    for query, name in (("unknown=1", "unknown"), ("Limit=1", "Limit"), ("x=", "x"), ("dryrun=true", "dryrun")):
        response = call(query)
        assert response.status_code == 422
        if method != "HEAD":
            assert_invalid_parameters(response, name)
    assert list_tasks(alice) == [task]
    assert invalid_parameters(call("_x=1&_=&_x=2")) == []


INVALID: dict[str, tuple[str, ...]] = {
    "completed": ("1", "TRUE", "True", "yes", "none", "null"),
    "limit": ("0", "201", "-1", "07", "1.0", "1e2", "%2B5", "٣", "9" * 400, "a"),
    "due_after": ("none", "2026-02-30", "2026-10-01T12:00:00", "now", "26-1-1"),
    "due_before": ("2026-10-1", "0000-01-01", "2026-10-01T25:00:00Z"),
    "due": ("2026-10-01",),
    "priority": ("urgent", "High", "low,high", "low&priority=none"),
    "sort": ("description", "--id", "id,", ",", "due,-due", "Title", "%2Bid", "id;due"),
    "timezone": ("Mars/Olympus", "europe/berlin", "%2B02:00", "../UTC", "CET-1", "America", "x" * 300),
    "q": ("x" * 256,),
    "tag": ("x" * 51,),
    "all": ("true",),
    "permanent": ("true",),
}
BAD_BYTES = {
    "%00": ("q", "tag", "timezone", "sort", "cursor", "due_after", "priority"),
    "a%FFb": ("q", "tag", "timezone", "sort", "cursor", "due_after", "priority"),
    "%ED%A0%80": ("q", "tag"),
}
REPEATED = ["limit=1", "sort=id", "q=a", "completed=true", "timezone=UTC", "due=none", "deleted=true"]
REPEATED += ["due_after=2026-10-01", "due_before=2026-10-01"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((f"{name}=", name) for name in ("completed", "due", "priority", "tag", "q", "sort", "limit", "cursor")),
        *((f"{parameter}&{parameter}", parameter.partition("=")[0]) for parameter in REPEATED),
        *((f"{name}={value}", name) for name, values in INVALID.items() for value in values),
        *((f"{name}={value}", name) for value, names in BAD_BYTES.items() for name in names),
    ],
    ids=lambda value: value[:40],
)
def test_an_invalid_parameter_is_named(alice: Actor, query: str, name: str) -> None:
    assert_invalid_parameters(alice.get(f"/tasks?{query}"), name)
    assert alice.get("/tasks").status_code == 200


def test_an_unencoded_plus_is_explained(alice: Actor) -> None:
    alice.create_task(due="2026-10-01T17:00:00+02:00")
    response = alice.get("/tasks?due_after=2026-10-01T17:00:00+02:00")
    assert_invalid_parameters(response, "due_after")
    assert "%2B" in response.get_json()["errors"][0]["detail"]
    assert len(list_tasks(alice, "due_after=2026-10-01T17:00:00%2B02:00")) == 1


def test_any_bytes_in_a_query_get_a_response(alice: Actor) -> None:
    alice.create_task()
    alice.create_task()
    for name, returned in (("%FF", "\ufffd"), ("%00", "\0"), ("%ED%A0%80", "\ufffd" * 3), ("é", "é")):
        assert_invalid_parameters(alice.get(f"/tasks?{name}=1"), returned)
        assert_invalid_parameters(alice.post(f"/tasks?{name}=1", json={"title": "x"}), returned)
    for query in ("_x=\xff&limit=1", "_x=%FF&limit=1", "_%FF&limit=1"):
        page = alice.get("/tasks", environ_overrides={"QUERY_STRING": query})
        assert page.status_code == 200, query
        assert follow(alice, links(page)["next"]).status_code == 200
    assert alice.get("/tasks", environ_overrides={"QUERY_STRING": "q=\xff"}).status_code == 422


def test_a_query_has_at_most_200_parameters(alice: Actor) -> None:
    assert alice.get(f"/tasks?{'&'.join(['tag=a'] * 200)}").status_code == 200
    response = alice.get(f"/tasks?{'&'.join(['tag=a'] * 201)}")
    assert (response.status_code, response.get_json()["detail"]) == (422, "query: More than 200 parameters.")
