"""Parameters are taken strictly: what is unknown, twice or misspelt is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.routes import TASK_RULES, calls
from tests.support.task_lists import blamed, follow, links, listed, refused
from todo_api.tasks.parameters import ListParameters, SortKey

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor


def test_what_is_meant_without_parameters_is_each_requests_own() -> None:
    schema = ListParameters()
    schema.load({})["limit"] = 1
    assert schema.load({}) == {"sort": (SortKey("id"),), "timezone": "UTC", "deleted": False}


@pytest.mark.parametrize(("method", "path"), calls(TASK_RULES, but={"OPTIONS"}))
def test_every_route_refuses_what_it_does_not_know(alice: Actor, method: str, path: str) -> None:
    task = alice.task()

    def call(query: str) -> TestResponse:
        url = path.format(user=alice.id, task=task["id"]).removeprefix(f"/api/{alice.id}")
        return alice.request(method, f"{url}?{query}", json={"title": "changed"})

    for query, name in (("unknown=1", "unknown"), ("Limit=1", "Limit"), ("x=", "x"), ("dryrun=true", "dryrun")):
        answer = call(query)
        assert answer.status_code == 422
        assert method == "HEAD" or refused(answer, name)
    assert listed(alice, "") == [task]
    assert blamed(call("_x=1&_=&_x=2")) == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((f"{name}=", name) for name in ("completed", "due", "priority", "tag", "q", "sort", "limit", "cursor")),
        *((f"{name}=2026-10-01&{name}=2026-10-01", name) for name in ("due_after", "due_before")),
        *((f"{pair}&{pair}", pair.partition("=")[0]) for pair in ("limit=1", "sort=id", "q=a", "completed=true")),
        *((f"{pair}&{pair}", pair.partition("=")[0]) for pair in ("timezone=UTC", "due=none", "deleted=true")),
        *((f"completed={word}", "completed") for word in ("1", "TRUE", "True", "yes", "none", "null")),
        *((f"limit={word}", "limit") for word in ("0", "201", "-1", "07", "1.0", "1e2", "%2B5", "٣", "9" * 400, "a")),
        *(
            (f"due_after={word}", "due_after")
            for word in ("none", "2026-02-30", "2026-10-01T12:00:00", "now", "26-1-1")
        ),
        *((f"due_before={word}", "due_before") for word in ("2026-10-1", "0000-01-01", "2026-10-01T25:00:00Z")),
        ("due=2026-10-01", "due"),
        *((f"priority={word}", "priority") for word in ("urgent", "High", "low,high", "low&priority=none")),
        *(
            (f"sort={word}", "sort")
            for word in ("description", "--id", "id,", ",", "due,-due", "Title", "%2Bid", "id;due")
        ),
        *(
            (f"timezone={word}", "timezone")
            for word in ("Mars/Olympus", "europe/berlin", "%2B02:00", "../UTC", "CET-1")
        ),
        *((f"{name}=%00", name) for name in ("q", "tag", "timezone", "sort", "cursor", "due_after", "priority")),
        *((f"{name}=a%FFb", name) for name in ("q", "tag", "timezone", "sort", "cursor", "due_after", "priority")),
        *((f"{name}=%ED%A0%80", name) for name in ("q", "tag")),
        ("q=" + "x" * 256, "q"),
        ("tag=" + "x" * 51, "tag"),
        ("all=true", "all"),
        ("permanent=true", "permanent"),
    ],
    ids=lambda value: value[:40],
)
def test_a_bad_parameter_is_named(alice: Actor, query: str, name: str) -> None:
    assert refused(alice.get(f"/tasks?{query}"), name)
    assert alice.get("/tasks").status_code == 200


def test_a_plus_that_was_not_encoded_is_explained(alice: Actor) -> None:
    alice.task(due="2026-10-01T17:00:00+02:00")
    response = alice.get("/tasks?due_after=2026-10-01T17:00:00+02:00")
    assert refused(response, "due_after")
    assert "%2B" in response.get_json()["errors"][0]["detail"]
    assert len(listed(alice, "due_after=2026-10-01T17:00:00%2B02:00")) == 1


def test_whatever_bytes_come_nothing_is_a_fault_of_ours(alice: Actor) -> None:
    alice.task()
    alice.task()
    for name, shown in (("%FF", "\ufffd"), ("%00", "\0"), ("%ED%A0%80", "\ufffd" * 3), ("é", "é")):
        assert refused(alice.get(f"/tasks?{name}=1"), shown)
        assert refused(alice.post(f"/tasks?{name}=1", json={"title": "x"}), shown)
    for query in ("_x=\xff&limit=1", "_x=%FF&limit=1", "_%FF&limit=1"):
        page = alice.get("/tasks", environ_overrides={"QUERY_STRING": query})
        assert page.status_code == 200, query
        assert follow(alice, links(page)["next"]).status_code == 200
    assert alice.get("/tasks", environ_overrides={"QUERY_STRING": "q=\xff"}).status_code == 422


def test_a_query_has_no_more_than_200_parameters(alice: Actor) -> None:
    assert alice.get(f"/tasks?{'&'.join(['tag=a'] * 200)}").status_code == 200
    response = alice.get(f"/tasks?{'&'.join(['tag=a'] * 201)}")
    assert (response.status_code, response.get_json()["detail"]) == (422, "query: More than 200 parameters.")
