"""Lists of tasks, filtered, sorted and paged, compared with a model of docs/api.md in Python."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.databases import execute
from tests.support.task_lists import listed, pages

if TYPE_CHECKING:
    from tests.support.actors import Actor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXTREMES = ["Pacific/Kiritimati", "Pacific/Niue"]
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


# The model: what docs/api.md says of filters and sorting, without a database.


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
