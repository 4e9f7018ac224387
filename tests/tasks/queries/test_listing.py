"""Filtered, sorted and paged lists, compared with a model in Python of the rules in docs/api.md."""

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
from tests.support.task_lists import list_tasks, pages

if TYPE_CHECKING:
    from tests.support.actors import Actor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXTREME_ZONES = ["Pacific/Kiritimati", "Pacific/Niue"]
SORT_KEYS = ["id", "title", "due", "priority", "order", "created_at", "updated_at", "completed_at"]

REPLACE_TASKS = """
WITH deleted AS (DELETE FROM tasks WHERE user_id = %s),
     inserted AS (INSERT INTO tasks (user_id, title, description, completed, due_on, due_at, priority, tags, "order",
                                 completed_at, created_at, updated_at, deleted_at)
              SELECT %s, title, description, completed_at IS NOT NULL, due_on, due_at, priority, tags, "order",
                     completed_at, created_at, updated_at, deleted_at
                FROM ROWS FROM (jsonb_to_recordset(%s) AS (
                       title text, description text, due_on date, due_at timestamptz, priority text, tags text[],
                       "order" double precision, completed_at timestamptz, created_at timestamptz,
                       updated_at timestamptz, deleted_at timestamptz)) WITH ORDINALITY
               ORDER BY ordinality
              RETURNING id, deleted_at),
     list AS (INSERT INTO task_lists (user_id, version, live, trashed)
                SELECT %s, 1, count(*) FILTER (WHERE deleted_at IS NULL), count(deleted_at) FROM inserted
                ON CONFLICT (user_id) DO UPDATE SET version = task_lists.version + 1, live = excluded.live,
                                                    trashed = excluded.trashed)
SELECT id FROM inserted ORDER BY id
"""


def replace_tasks(database: str, user_id: str, tasks: list[dict[str, Any]]) -> None:
    """Replace the user's tasks by these, and set their ids."""
    ids = execute(database, REPLACE_TASKS, user_id, user_id, json.dumps(tasks), user_id)
    for task, (task_id,) in zip(tasks, ids, strict=True):
        task["id"] = task_id


# The model: the filters and sort keys of docs/api.md, without a database


def local_millis(local: datetime, zone: str) -> int:
    """Return the Unix time of a local time. A number: datetime cannot hold the first and last day in every zone."""
    offset = local.replace(tzinfo=ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return (local.replace(tzinfo=UTC, fold=0) - EPOCH - offset) // timedelta(milliseconds=1)


def millis(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def start_of_day(day: str, zone: str) -> int:
    """Return the first instant of a day: the first midnight if there are two."""
    return local_millis(datetime.fromisoformat(day), zone)


def due_instant(task: dict[str, Any], zone: str) -> int | None:
    """Return the timestamp, or the last millisecond of the date: the second one if there are two."""
    if task["due_on"]:
        return local_millis(datetime.fromisoformat(task["due_on"] + "T23:59:59.999").replace(fold=1), zone)
    return millis(task["due_at"]) if task["due_at"] else None


def is_due_after(task: dict[str, Any], bound: str, zone: str) -> bool | None:
    """Return whether the task is due at the bound or later, or None without a due date."""
    if "T" in bound:
        instant = due_instant(task, zone)
        return None if instant is None else instant >= millis(bound)
    if task["due_on"]:
        return date.fromisoformat(task["due_on"]) >= date.fromisoformat(bound)
    return millis(task["due_at"]) >= start_of_day(bound, zone) if task["due_at"] else None


def matches(task: dict[str, Any], query: dict[str, Any], zone: str) -> bool:
    texts = [task["title"].lower(), (task["description"] or "").lower()]
    return all(
        [
            bool(task["deleted_at"]) == (query.get("deleted") == "true"),
            query.get("completed", "") in {"", "true" if task["completed_at"] else "false"},
            "due_after" not in query or is_due_after(task, query["due_after"], zone) is True,
            "due_before" not in query or is_due_after(task, query["due_before"], zone) is False,
            "due" not in query or not (task["due_on"] or task["due_at"]),
            "priority" not in query or task["priority"] in query["priority"],
            set(query.get("tag", [])) <= set(task["tags"]),
            any(query.get("q", "").lower() in text for text in texts),
        ]
    )


def sort_value(task: dict[str, Any], name: str, zone: str) -> Any:
    if name == "due":
        return due_instant(task, zone)
    if name == "priority":
        return {"low": 1, "medium": 2, "high": 3}.get(task["priority"])
    return millis(task[name]) if name.endswith("_at") and task[name] else task[name]


def expected_ids(tasks: list[dict[str, Any]], query: dict[str, Any]) -> list[int]:
    """Return the ids of the list that the service must return."""
    zone = query.get("timezone", "UTC")
    found = [task for task in tasks if matches(task, query, zone)]
    for key in reversed([*query.get("sort", "id").split(","), "id"]):
        name, descending = key.removeprefix("-"), key.startswith("-")
        values = [sort_value(task, name, zone) for task in found]
        pairs = [pair for pair in zip(values, found, strict=True) if pair[0] is not None]
        nulls = [task for value, task in zip(values, found, strict=True) if value is None]
        pairs.sort(key=lambda pair: pair[0], reverse=descending)
        found = [task for _, task in pairs] + nulls
    return [task["id"] for task in found]


DATES = st.sampled_from(["0001-01-01", "2026-03-29", "2026-10-31", "2026-11-01", "2026-11-02", "9999-12-31"])
TIMESTAMPS = st.sampled_from(
    [
        *("0001-01-01T00:00:00.000Z", "2026-10-31T23:59:59.999Z", "2026-11-01T00:00:00.000Z"),
        *("2026-11-01T03:59:59.999Z", "2026-11-01T04:30:00.000Z", "2026-11-01T05:30:00.000Z"),
        *("2026-11-02T11:00:00.000Z", "9999-12-31T23:59:59.999Z"),
    ]
)
WORDS = st.sampled_from(["a", "B", "b", "É", "é", "100%", "a_b", "a\\b", "\U0001f600", "\uff5e", "Z"])
TAGS = st.sampled_from(["home", "Home", "työ", "a,b"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Asia/Kolkata", *EXTREME_ZONES])
PRIORITIES = st.sampled_from(["low", "medium", "high"])
TASKS = st.fixed_dictionaries(
    {
        "title": WORDS,
        "description": st.none() | WORDS,
        "priority": st.none() | PRIORITIES,
        "tags": st.lists(TAGS, unique=True, max_size=3),
        "order": st.sampled_from([-1e300, -1.5, 0.1, 0.2, 1024.0, 5e-324]),
        "completed_at": st.none() | TIMESTAMPS,
        "created_at": TIMESTAMPS,
        "updated_at": TIMESTAMPS,
        "deleted_at": st.none() | st.none() | TIMESTAMPS,
    }
).flatmap(
    lambda task: st.sampled_from(["due_on", "due_at", ""]).flatmap(
        lambda column: (DATES if column == "due_on" else TIMESTAMPS).map(
            lambda value: {**task, "due_on": None, "due_at": None, **({column: value} if column else {})}
        )
    )
)
SIGNED_KEYS = st.lists(st.sampled_from(SORT_KEYS), unique=True, min_size=1, max_size=3).flatmap(
    lambda keys: st.tuples(*(st.sampled_from([key, f"-{key}"]) for key in keys)).map(",".join)
)
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "completed": st.sampled_from(["true", "false"]),
    "due_after": DATES | TIMESTAMPS,
    "due_before": DATES | TIMESTAMPS,
    "due": st.just("none"),
    "priority": st.lists(PRIORITIES, min_size=1, max_size=2),
    "tag": st.lists(TAGS, min_size=1, max_size=2),
    "q": WORDS,
}
# At most two filters: with more, hardly any task would match.
QUERIES = st.lists(st.sampled_from(sorted(FILTERS)), unique=True, max_size=2).flatmap(
    lambda names: st.fixed_dictionaries(
        {"sort": SIGNED_KEYS, **{name: FILTERS[name] for name in names}},
        optional={"timezone": ZONES, "deleted": st.sampled_from(["true", "false"])},
    )
)


@pytest.mark.parametrize("key", SORT_KEYS)
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("then", ["", ",-id", ",-priority,title"])
def test_every_key_sorts_in_both_directions(database: str, alice: Actor, key: str, sign: str, then: str) -> None:
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
    replace_tasks(database, alice.id, tasks)
    sort = f"{sign}{key}{then.replace(f',-{key}', '').replace(f',{key}', '')}"
    ids = expected_ids(tasks, {"sort": sort})
    assert [task["id"] for page in pages(alice, f"sort={sort}&limit=3") for task in page.get_json()] == ids
    assert [task["id"] for task in list_tasks(alice, f"sort={sort}")] == ids


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(TASKS, min_size=4, max_size=16), query=QUERIES, limit=st.integers(1, 6))
def test_lists_equal_those_of_the_model(
    database: str, alice: Actor, tasks: list[dict[str, Any]], query: dict[str, Any], limit: int
) -> None:
    replace_tasks(database, alice.id, tasks)
    ids = expected_ids(tasks, query)
    text = urlencode(query, doseq=True)
    found = list(pages(alice, f"{text}&limit={limit}"))
    assert [task["id"] for page in found for task in page.get_json()] == ids
    assert len(found) == max(1, -(-len(ids) // limit))
    assert {page.headers["X-Total-Count"] for page in found} == {str(len(ids))}
    response = alice.get(f"/tasks?{text}")
    assert "Link" not in response.headers
    assert [task["id"] for task in response.get_json()] == ids


@pytest.mark.parametrize("key", SORT_KEYS)
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("zone", EXTREME_ZONES)
def test_the_first_and_the_last_day_sort_in_every_zone(alice: Actor, key: str, sign: str, zone: str) -> None:
    dues = ("0001-01-01", "0001-01-01T00:00:00Z", None, "9999-12-31T23:59:59.999Z", "9999-12-31")
    ids = [alice.create_task(due=due)["id"] for due in dues]
    found = [
        task["id"] for page in pages(alice, f"sort={sign}{key}&limit=1&timezone={zone}") for task in page.json or []
    ]
    assert sorted(found) == ids
    if key == "due":
        first_day, first_instant, none, last_instant, last_day = ids
        # In Kiritimati, the last day ends before it ends in UTC; in Niue, after.
        last = (last_day, last_instant) if zone == "Pacific/Kiritimati" else (last_instant, last_day)
        in_order = [first_instant, first_day, *last]
        assert found == [*(reversed(in_order) if sign else in_order), none]
