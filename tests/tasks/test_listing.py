"""Lists of tasks: filtered, sorted and paged, and compared with a model of wire.md in Python."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.utils import parse_header_links

from tests.databases import CONFIG, execute
from todo_api import create_app
from todo_api.tasks.parameters import time_zones

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from tests.actors import Actor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXTREMES = ["Pacific/Kiritimati", "Pacific/Niue"]
PAGES_MAX = 30
SORT_KEYS = ["id", "title", "due", "priority", "order", "created_at", "updated_at", "completed_at"]

INSERT = """
WITH gone AS (DELETE FROM tasks WHERE user_id = %s),
     made AS (INSERT INTO tasks (user_id, title, description, completed, due_on, due_at, priority, tags, "order",
                                 completed_at, created_at, updated_at, deleted_at)
              SELECT %s, title, description, completed_at IS NOT NULL, due_on, due_at, priority, tags, "order",
                     completed_at, created_at, updated_at, deleted_at
                FROM ROWS FROM (jsonb_to_recordset(%s) AS (
                       title text, description text, due_on date, due_at timestamptz, priority text, tags text[],
                       "order" double precision, completed_at timestamptz, created_at timestamptz,
                       updated_at timestamptz, deleted_at timestamptz)) WITH ORDINALITY
               ORDER BY ordinality
              RETURNING id, deleted_at),
     listed AS (INSERT INTO task_lists (user_id, version, live, trashed)
                SELECT %s, 1, count(*) FILTER (WHERE deleted_at IS NULL), count(deleted_at) FROM made
                ON CONFLICT (user_id) DO UPDATE SET version = task_lists.version + 1, live = excluded.live,
                                                    trashed = excluded.trashed)
SELECT id FROM made ORDER BY id
"""


def fill(database: str, owner: str, tasks: list[dict[str, Any]]) -> None:
    """Give the user these tasks and no others, and each its id."""
    ids = execute(database, INSERT, owner, owner, json.dumps(tasks), owner)
    for task, (number,) in zip(tasks, ids, strict=True):
        task["id"] = number


def links(response: TestResponse) -> dict[str, str]:
    return {link["rel"]: link["url"] for link in parse_header_links(response.headers.get("Link", ""))}


def follow(actor: Actor, url: str) -> TestResponse:
    return actor.client.get(url, headers={"Authorization": f"Bearer {actor.token}"})


def pages(actor: Actor, query: str) -> Iterator[TestResponse]:
    """Yield the pages of a list, as the Link header leads to them."""
    url = f"/api/me/tasks?{query}"
    for _ in range(PAGES_MAX):
        page = follow(actor, url)
        assert page.status_code == 200, page.text
        yield page
        if "next" not in links(page):
            return
        url = links(page)["next"]
    pytest.fail("the pages have no end")


def listed(actor: Actor, query: str) -> list[Any]:
    response = actor.get(f"/tasks?{query}")
    assert response.status_code == 200, response.text
    tasks: list[Any] = response.get_json()
    return tasks


def titles(actor: Actor, query: str) -> list[str]:
    return [task["title"] for task in listed(actor, query)]


def blamed(response: TestResponse) -> list[str]:
    """Return the parameters that an answer finds fault with."""
    problem = response.get_json() if response.status_code == 422 and response.data else {}
    return [fault["parameter"] for fault in problem.get("errors", []) if "parameter" in fault]


def refused(response: TestResponse, *names: str) -> bool:
    assert (response.status_code, blamed(response)) == (422, list(names)), response.text
    return True


# The model: what wire.md says of filters and sorting, without a database.


def millis(local: datetime, zone: str) -> int:
    """Return the moment of a local time; in numbers, since the ends of the calendar have no neighbour zones."""
    offset = local.replace(tzinfo=ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return (local.replace(tzinfo=UTC, fold=0) - EPOCH - offset) // timedelta(milliseconds=1)


def instant(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def day_starts(day: str, zone: str) -> int:
    """Return its first moment: where a clock shows midnight twice, the first time."""
    return millis(datetime.fromisoformat(day), zone)


def due(task: dict[str, Any], zone: str) -> int | None:
    """Return the last millisecond of a date, and where a clock shows it twice, the second time."""
    if task["due_on"]:
        return millis(datetime.fromisoformat(task["due_on"] + "T23:59:59.999").replace(fold=1), zone)
    return instant(task["due_at"]) if task["due_at"] else None


def is_after(task: dict[str, Any], bound: str, zone: str) -> bool | None:
    """Return whether the task is due then or later, or None where it is never due."""
    if "T" in bound:
        moment = due(task, zone)
        return None if moment is None else moment >= instant(bound)
    if task["due_on"]:
        return date.fromisoformat(task["due_on"]) >= date.fromisoformat(bound)
    return instant(task["due_at"]) >= day_starts(bound, zone) if task["due_at"] else None


def is_meant(task: dict[str, Any], query: dict[str, Any], zone: str) -> bool:
    texts = [task["title"].lower(), (task["description"] or "").lower()]
    return all(
        [
            bool(task["deleted_at"]) == (query.get("deleted") == "true"),
            query.get("completed", "") in {"", "true" if task["completed_at"] else "false"},
            "due_after" not in query or is_after(task, query["due_after"], zone) is True,
            "due_before" not in query or is_after(task, query["due_before"], zone) is False,
            "due" not in query or not (task["due_on"] or task["due_at"]),
            "priority" not in query or task["priority"] in query["priority"],
            set(query.get("tag", [])) <= set(task["tags"]),
            any(query.get("q", "").lower() in text for text in texts),
        ]
    )


def sort_value(task: dict[str, Any], name: str, zone: str) -> Any:
    if name == "due":
        return due(task, zone)
    if name == "priority":
        return {"low": 1, "medium": 2, "high": 3}.get(task["priority"])
    return instant(task[name]) if name.endswith("_at") and task[name] else task[name]


def expected(tasks: list[dict[str, Any]], query: dict[str, Any]) -> list[int]:
    """Return the ids that the service is to answer."""
    zone = query.get("timezone", "UTC")
    found = [task for task in tasks if is_meant(task, query, zone)]
    for key in reversed([*query.get("sort", "id").split(","), "id"]):
        name, descending = key.removeprefix("-"), key.startswith("-")
        values = [sort_value(task, name, zone) for task in found]
        known = [pair for pair in zip(values, found, strict=True) if pair[0] is not None]
        nulls = [task for value, task in zip(values, found, strict=True) if value is None]
        known.sort(key=lambda pair: pair[0], reverse=descending)
        found = [task for _, task in known] + nulls
    return [task["id"] for task in found]


DATES = st.sampled_from(["0001-01-01", "2026-03-29", "2026-10-31", "2026-11-01", "2026-11-02", "9999-12-31"])
MOMENTS = st.sampled_from(
    [
        *("0001-01-01T00:00:00.000Z", "2026-10-31T23:59:59.999Z", "2026-11-01T00:00:00.000Z"),
        *("2026-11-01T03:59:59.999Z", "2026-11-01T04:30:00.000Z", "2026-11-01T05:30:00.000Z"),
        *("2026-11-02T11:00:00.000Z", "9999-12-31T23:59:59.999Z"),
    ]
)
WORDS = st.sampled_from(["a", "B", "b", "É", "é", "100%", "a_b", "a\\b", "\U0001f600", "\uff5e", "Z"])
TAGS = st.sampled_from(["home", "Home", "työ", "a,b"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Asia/Kolkata", *EXTREMES])
PRIORITIES = st.sampled_from(["low", "medium", "high"])
TASKS = st.fixed_dictionaries(
    {
        "title": WORDS,
        "description": st.none() | WORDS,
        "priority": st.none() | PRIORITIES,
        "tags": st.lists(TAGS, unique=True, max_size=3),
        "order": st.sampled_from([-1e300, -1.5, 0.1, 0.2, 1024.0, 5e-324]),
        "completed_at": st.none() | MOMENTS,
        "created_at": MOMENTS,
        "updated_at": MOMENTS,
        "deleted_at": st.none() | st.none() | MOMENTS,
    }
).flatmap(
    lambda task: st.sampled_from(["due_on", "due_at", ""]).flatmap(
        lambda kind: (DATES if kind == "due_on" else MOMENTS).map(
            lambda value: {**task, "due_on": None, "due_at": None, **({kind: value} if kind else {})}
        )
    )
)
SIGNED_KEYS = st.lists(st.sampled_from(SORT_KEYS), unique=True, min_size=1, max_size=3).flatmap(
    lambda keys: st.tuples(*(st.sampled_from([key, f"-{key}"]) for key in keys)).map(",".join)
)
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "completed": st.sampled_from(["true", "false"]),
    "due_after": DATES | MOMENTS,
    "due_before": DATES | MOMENTS,
    "due": st.just("none"),
    "priority": st.lists(PRIORITIES, min_size=1, max_size=2),
    "tag": st.lists(TAGS, min_size=1, max_size=2),
    "q": WORDS,
}
# Two filters at most, or nothing would be left to sort.
QUERIES = st.lists(st.sampled_from(sorted(FILTERS)), unique=True, max_size=2).flatmap(
    lambda names: st.fixed_dictionaries(
        {"sort": SIGNED_KEYS, **{name: FILTERS[name] for name in names}},
        optional={"timezone": ZONES, "deleted": st.sampled_from(["true", "false"])},
    )
)


@pytest.mark.parametrize("key", SORT_KEYS)
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("then", ["", ",-id", ",-priority,title"])
def test_every_key_sorts_either_way(database: str, alice: Actor, key: str, sign: str, then: str) -> None:
    tasks: list[dict[str, Any]] = [
        {
            "title": ["a", "Z", "é", "\uff5e", "\U0001f600"][n % 5],
            "description": None,
            "due_on": [None, None, "2026-11-01", "2026-10-31"][n % 4],
            "due_at": ["2026-11-01T23:59:59.999Z", None, None, None][n % 4],
            "priority": [None, "medium", "high", "low"][n * 7 % 4],
            "tags": [],
            "order": [1.5, -2.0, 1e300][n % 3],
            "completed_at": [None, "2026-11-02T00:00:00Z", "2026-11-01T00:00:00.001Z"][n * 5 % 3],
            "created_at": f"2026-11-0{9 - n % 7}T00:00:00Z",
            "updated_at": f"2026-11-01T00:00:00.00{n % 4}Z",
            "deleted_at": None,
        }
        for n in range(13)
    ]
    fill(database, alice.id, tasks)
    sort = f"{sign}{key}{then.replace(f',-{key}', '').replace(f',{key}', '')}"
    ids = expected(tasks, {"sort": sort})
    assert [task["id"] for page in pages(alice, f"sort={sort}&limit=3") for task in page.get_json()] == ids
    assert [task["id"] for task in listed(alice, f"sort={sort}")] == ids


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(TASKS, min_size=4, max_size=16), query=QUERIES, limit=st.integers(1, 6))
def test_the_service_answers_as_the_model_does(
    database: str, alice: Actor, tasks: list[dict[str, Any]], query: dict[str, Any], limit: int
) -> None:
    fill(database, alice.id, tasks)
    ids = expected(tasks, query)
    text = urlencode(query, doseq=True)
    walked = list(pages(alice, f"{text}&limit={limit}"))
    assert [task["id"] for page in walked for task in page.get_json()] == ids
    assert len(walked) == max(1, -(-len(ids) // limit))
    assert {page.headers["X-Total-Count"] for page in walked} == {str(len(ids))}
    whole = alice.get(f"/tasks?{text}")
    assert "Link" not in whole.headers
    assert [task["id"] for task in whole.get_json()] == ids


@pytest.mark.parametrize("key", SORT_KEYS)
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("zone", EXTREMES)
def test_the_ends_of_the_calendar_sort_and_page(alice: Actor, key: str, sign: str, zone: str) -> None:
    moments = ("0001-01-01", "0001-01-01T00:00:00Z", None, "9999-12-31T23:59:59.999Z", "9999-12-31")
    made = [alice.task(due=when)["id"] for when in moments]
    seen = [
        task["id"] for page in pages(alice, f"sort={sign}{key}&limit=1&timezone={zone}") for task in page.json or []
    ]
    assert sorted(seen) == made
    if key == "due":
        first, second, none, third, fourth = made
        # The first day ends after it began anywhere; the last one ends before or after it has ended in UTC.
        order = [second, first, *((fourth, third) if zone == "Pacific/Kiritimati" else (third, fourth))]
        assert seen == [*(reversed(order) if sign else order), none]


def test_first_leads_to_the_beginning_and_next_is_missing_at_the_end(alice: Actor) -> None:
    made = [alice.task(title=title)["id"] for title in ("b", "a b", "a/ä&+b")]
    walked = list(pages(alice, "sort=-title&limit=1&q=b&_trace=7"))
    assert [page.get_json()[0]["id"] for page in walked] == [made[0], made[2], made[1]]
    for page in walked:
        again = follow(alice, links(page)["first"])
        assert again.get_json() == walked[0].get_json()
        assert "_trace=7" in links(page)["first"]
    assert [sorted(links(page)) for page in walked] == [["first", "next"], ["first", "next"], ["first"]]


def test_a_full_last_page_has_no_next(alice: Actor) -> None:
    for _ in range(4):
        alice.task()
    assert [len(page.get_json()) for page in pages(alice, "limit=2")] == [2, 2]
    assert "next" not in links(alice.get("/tasks?limit=4"))
    assert [page.get_json() for page in pages(alice, "limit=2&q=none")] == [[]]


@pytest.mark.parametrize("sort", ["id", "-id", "title", "-title", "order", "-order", "due", "-updated_at"])
def test_pages_neither_repeat_nor_lose_what_stays(alice: Actor, sort: str) -> None:
    stay = [alice.task(title=title, due="2026-10-01") for title in "bdfhjl"]
    leave = [alice.task(title=title) for title in "cgk"]
    seen: list[int] = []
    for number, page in zip(range(10), pages(alice, f"sort={sort}&limit=2"), strict=False):
        shown = page.get_json()
        seen += [task["id"] for task in shown]
        alice.task(title="a")
        alice.task(title="z", order=-7)
        if number < len(leave):
            alice.delete(f"/tasks/{leave[number]['id']}?permanent={'true' if number else 'false'}")
        gone = [task for task in shown if task["id"] not in {other["id"] for other in stay}]
        for task in gone[:1]:
            alice.delete(f"/tasks/{task['id']}")
    staying = {task["id"] for task in stay}
    assert staying <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_page_goes_on_where_its_last_task_was_even_when_that_has_moved(alice: Actor) -> None:
    made = {title: alice.task(title=title) for title in "abcdef"}
    first = alice.get("/tasks?sort=title&limit=2")
    alice.patch(f"/tasks/{made['b']['id']}", json={"title": "zz"})
    alice.task(title="bb")
    rest = [follow(alice, links(first)["next"])]
    while "next" in links(rest[-1]):
        rest.append(follow(alice, links(rest[-1])["next"]))
    assert [task["title"] for page in rest for task in page.get_json()] == ["bb", "c", "d", "e", "f", "zz"]


# Cursors.


@pytest.fixture
def cursor(alice: Actor) -> str:
    """Return the cursor of Alice's second page of ?sort=title&completed=false."""
    for title in "abcd":
        alice.task(title=title)
    following = links(alice.get("/tasks?limit=2&sort=title&completed=false"))["next"]
    return following.partition("cursor=")[2].partition("&")[0]


SAME = "sort=title&completed=false&limit=2"


def test_a_cursor_is_not_bound_to_the_limit(alice: Actor, cursor: str) -> None:
    for limit in ("limit=1", "limit=200", ""):
        assert titles(alice, f"sort=title&completed=false&cursor={cursor}&{limit}") in (["c"], ["c", "d"])


@pytest.mark.parametrize(
    "query",
    [
        *("sort=title&limit=2", "sort=title&limit=2&completed=true", f"{SAME}&q=a", f"{SAME}&deleted=true"),
        *(f"{SAME}&timezone=Europe/Berlin", f"{SAME}&due=none", f"{SAME}&tag=a", f"{SAME}&priority=low"),
        *("completed=false&limit=2", "sort=-title&completed=false&limit=2", "sort=title,id&completed=false&limit=2"),
        *(f"{SAME}&due_after=2026-01-01", f"{SAME}&due_before=2026-01-01T00:00:00Z"),
    ],
)
def test_a_cursor_is_bound_to_sort_filters_and_time_zone(alice: Actor, cursor: str, query: str) -> None:
    assert titles(alice, f"{SAME}&cursor={cursor}") == ["c", "d"]
    assert refused(alice.get(f"/tasks?{query}&cursor={cursor}"), "cursor")


def test_a_cursor_of_somebody_else_is_refused(bob: Actor, cursor: str) -> None:
    bob.task()
    assert refused(bob.get(f"/tasks?{SAME}&cursor={cursor}"), "cursor")


def test_a_cursor_that_was_not_given_is_refused(alice: Actor, cursor: str) -> None:
    place, _, signature = cursor.partition(".")
    garbled = [cursor[: len(cursor) // 2], cursor[1:], cursor[:-4], place, f".{signature}", f"{place}."]
    garbled += [f"A{place[1:]}B.{signature}", f"{place}.{signature[::-1]}", cursor * 2, "0", "null", "é", "%00", "%FF"]
    for text in garbled:
        assert refused(alice.get(f"/tasks?{SAME}&cursor={text}"), "cursor")


# Strict parameters.

CALLS = [
    (method, rule.rule.replace("<user_id>", "me").replace("<id:task_id>", "{task}"))
    for rule in create_app(CONFIG).url_map.iter_rules()
    for method in sorted((rule.methods or set()) - {"OPTIONS"})
    if rule.rule.startswith("/api/<user_id>/tasks")
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_route_refuses_what_it_does_not_know(alice: Actor, method: str, path: str) -> None:
    task = alice.task()

    def call(query: str) -> TestResponse:
        url = path.format(task=task["id"]).removeprefix("/api/me")
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


# Filters.


def test_every_character_of_q_is_literal_and_case_does_not_matter(alice: Actor) -> None:
    for title in ("100% sure", "100 sure", "a_b", "aXb", "back\\slash", "Äpfel KAUFEN", "o'brien", "[x]*."):
        alice.task(title=title)
    alice.task(title="other", description="Buy ÄPFEL")
    for q, found in (
        ("0%", ["100% sure"]),
        ("%", ["100% sure"]),
        ("A_B", ["a_b"]),
        ("_", ["a_b"]),
        ("\\", ["back\\slash"]),
        ("k\\s", ["back\\slash"]),
        ("äpfel", ["Äpfel KAUFEN", "other"]),
        ("'", ["o'brien"]),
        ("]*.", ["[x]*."]),
        ("l k", ["Äpfel KAUFEN"]),
        ("nothing", []),
    ):
        assert titles(alice, f"q={quote(q)}") == found


def test_tags_are_all_wanted_and_priorities_any(alice: Actor) -> None:
    alice.task(title="1", tags=["home", "shop"], priority="low")
    alice.task(title="2", tags=["shop"], priority="high")
    alice.task(title="3", tags=["Home"])
    assert titles(alice, "tag=shop") == ["1", "2"]
    assert titles(alice, "tag=shop&tag=home") == ["1"]
    assert titles(alice, "tag=hom") == titles(alice, "tag=home,shop") == []
    assert titles(alice, "priority=low&priority=high") == ["1", "2"]
    assert titles(alice, "priority=medium") == []


def test_due_after_is_inclusive_and_due_before_exclusive(alice: Actor) -> None:
    alice.task(title="day", due="2026-10-01")
    alice.task(title="moment", due="2026-10-01T12:00:00Z")
    alice.task(title="never")
    assert titles(alice, "due_after=2026-10-01") == ["day", "moment"]
    assert titles(alice, "due_before=2026-10-01") == []
    assert titles(alice, "due_before=2026-10-02") == ["day", "moment"]
    assert titles(alice, "due_after=2026-10-01T12:00:00Z") == ["day", "moment"]
    assert titles(alice, "due_before=2026-10-01T12:00:00Z") == []
    assert titles(alice, "due_after=2026-10-01T23:59:59.999Z") == ["day"]
    assert titles(alice, "due_after=2026-10-02T00:00:00Z") == []
    assert titles(alice, "due=none") == ["never"]


def test_a_day_lies_where_the_time_zone_says(alice: Actor) -> None:
    alice.task(title="day", due="2026-10-01")
    alice.task(title="moment", due="2026-10-01T05:00:00Z")
    assert titles(alice, "sort=due") == ["moment", "day"]
    # 1 October ends at 09:59:59.999Z in Kiritimati, and at 10:59:59.999Z on the 2nd in Niue, where it begins at 11:00Z.
    assert titles(alice, "due_after=2026-10-01T10:00:00Z&timezone=Pacific/Kiritimati") == []
    assert titles(alice, "due_after=2026-10-02T10:59:59.999Z&timezone=Pacific/Niue") == ["day"]
    assert titles(alice, "due_after=2026-10-01&timezone=Pacific/Niue") == ["day"]
    assert titles(alice, "due_before=2026-10-01&timezone=Pacific/Niue") == ["moment"]
    assert titles(alice, "due_after=2026-10-02&timezone=Pacific/Kiritimati") == []


def test_where_midnight_comes_twice_no_moment_is_between_two_days(alice: Actor) -> None:
    # In Havana, clocks go from 00:59:59 back to 00:00:00 on 1 November 2026: the day begins at 04:00Z, not 05:00Z.
    alice.task(due="2026-11-01T04:30:00Z")
    assert len(listed(alice, "due_after=2026-11-01&timezone=America/Havana")) == 1
    assert listed(alice, "due_before=2026-11-01&timezone=America/Havana") == []


def test_every_time_zone_that_is_taken_is_known_to_the_database(database: str) -> None:
    known = {name for (name,) in execute(database, "SELECT name FROM pg_timezone_names")}
    assert time_zones() - known == set()


def test_the_trash_is_a_list_of_its_own(alice: Actor) -> None:
    kept, gone = alice.task(title="kept"), alice.task(title="gone", tags=["t"])
    alice.delete(f"/tasks/{gone['id']}")
    assert titles(alice, "deleted=false") == ["kept"]
    ((trashed),) = listed(alice, "deleted=true")
    assert {name: trashed[name] for name in gone} == {**gone}
    assert list(trashed) == [*gone, "deleted_at"]
    assert "deleted_at" not in listed(alice, "")[0]
    assert titles(alice, "deleted=true&tag=t") == ["gone"]
    assert titles(alice, "deleted=true&tag=u") == []
    assert kept["title"] == "kept"


def test_the_total_is_the_length_of_the_whole_list(alice: Actor) -> None:
    def agrees() -> bool:
        for query in ("deleted=false", "deleted=true", "completed=true", "deleted=true&q=b"):
            total = alice.get(f"/tasks?{query}&limit=1").headers["X-Total-Count"]
            assert int(total) == len(listed(alice, query)), query
        return True

    assert agrees()
    ids = [alice.task(completed=completed)["id"] for completed in (True, False) * 4]
    for method, path in (
        ("DELETE", f"/{ids[0]}"),
        ("DELETE", f"/{ids[0]}"),
        ("POST", f"/{ids[0]}/restore"),
        ("POST", f"/{ids[0]}/restore"),
        ("DELETE", f"/{ids[0]}"),
        ("DELETE", f"/{ids[0]}?permanent=true"),
        ("DELETE", f"/{ids[1]}?permanent=true"),
        ("DELETE", f"/{ids[1]}?permanent=true"),
        ("PATCH", f"/{ids[2]}/complete"),
        ("DELETE", "?completed=true"),
        ("DELETE", "?permanent=true&completed=true"),
        ("POST", f"/{ids[4]}/restore"),
        ("DELETE", "?deleted=true&permanent=true"),
        ("DELETE", "?all=true"),
        ("DELETE", "?permanent=true&all=true"),
    ):
        alice.request(method, f"/tasks{path}")
        assert agrees(), path


def test_a_total_is_told_with_a_limit_only(alice: Actor) -> None:
    alice.task()
    assert not {"X-Total-Count", "Link"} & set(alice.get("/tasks").headers.keys())
    assert alice.get("/tasks?limit=200").headers["X-Total-Count"] == "1"


# Versions.


def test_the_lists_etag_changes_with_every_change_and_with_no_other(alice: Actor, bob: Actor) -> None:
    def tag(query: str = "") -> str:
        return alice.get(f"/tasks{query}").headers["ETag"]

    empty, made = tag(), alice.task()
    path = f"/tasks/{made['id']}"
    changes = [
        *(("PATCH", path, {"title": "x"}), ("PUT", path, {"title": "y"}), ("PATCH", f"{path}/complete", None)),
        *(("DELETE", path, None), ("POST", f"{path}/restore", None), ("POST", "/tasks", {"title": "z"})),
        *(
            ("DELETE", "/tasks?q=z", None),
            ("DELETE", "/tasks?all=true", None),
            ("DELETE", f"{path}?permanent=true", None),
        ),
    ]
    seen = [empty, tag()]
    for method, url, body in changes:
        assert alice.request(method, url, json=body).status_code < 300
        seen.append(tag())
    assert len(set(seen)) == len(changes) + 2
    for method, url, body in (("PATCH", path, {}), ("DELETE", "/tasks?q=nothing", None), ("GET", "/tasks", None)):
        alice.request(method, url, json=body)
    bob.task()
    assert tag() == tag("?limit=1") == seen[-1]
    assert not seen[-1].startswith("W/")


@pytest.mark.parametrize("query", ["", "?limit=1", "?sort=-due&q=b&limit=1", "?deleted=true"])
def test_a_list_that_is_known_is_304(alice: Actor, query: str) -> None:
    alice.task()
    alice.task()
    whole = alice.get(f"/tasks{query}")
    tag = whole.headers["ETag"]
    assert whole.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", "*", f'"other", {tag}'):
        again = alice.get(f"/tasks{query}", headers={"If-None-Match": known})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == "private, no-cache"
        # A cache replaces what it has by what a 304 brings (RFC 9111 section 3.2); a Link would have no next.
        assert again.headers.get("Link", whole.headers.get("Link")) == whole.headers.get("Link")
    for unknown in ('"0"', '"other"', f'"0{tag[1:]}', '"99999999999999999999"'):
        assert alice.get(f"/tasks{query}", headers={"If-None-Match": unknown}).get_json() == whole.get_json()
    alice.task()
    changed = alice.get(f"/tasks{query}", headers={"If-None-Match": tag})
    assert changed.status_code == 200


def test_a_list_without_a_task_has_an_etag(alice: Actor) -> None:
    tag = alice.get("/tasks").headers["ETag"]
    assert alice.get("/tasks", headers={"If-None-Match": tag}).status_code == 304
    alice.task()
    assert alice.get("/tasks", headers={"If-None-Match": tag}).status_code == 200


# Deleting by filter.


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


def test_a_query_has_no_more_than_200_parameters(alice: Actor) -> None:
    assert alice.get(f"/tasks?{'&'.join(['tag=a'] * 200)}").status_code == 200
    response = alice.get(f"/tasks?{'&'.join(['tag=a'] * 201)}")
    assert (response.status_code, response.get_json()["detail"]) == (422, "query: More than 200 parameters.")
