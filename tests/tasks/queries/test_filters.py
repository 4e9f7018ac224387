"""The filters of a list, and its total."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import normalize
from urllib.parse import quote

import pytest

from tests.support.databases import execute
from tests.support.task_lists import list_tasks, titles
from todo_api.tasks.parameters import time_zones

if TYPE_CHECKING:
    from tests.support.actors import Actor


def test_q_matches_literally_and_in_any_case(alice: Actor) -> None:
    for title in ("100% sure", "100 sure", "a_b", "aXb", "back\\slash", "Äpfel KAUFEN", "o'brien", "[x]*."):
        alice.create_task(title=title)
    alice.create_task(title="other", description="Buy ÄPFEL")
    for q, expected in (
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
        assert titles(alice, f"q={quote(q)}") == expected


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize("stored", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("sought", [COMPOSED, DECOMPOSED])
def test_texts_are_compared_in_nfc_and_stored_as_sent(alice: Actor, stored: str, sought: str) -> None:
    task = alice.create_task(title=f"1 {stored}", tags=["plain", stored])
    alice.create_task(title="2", description=f"Un {stored}", tags=["plain", "cafe"])
    assert (task["title"], task["tags"]) == (f"1 {stored}", ["plain", stored])
    assert titles(alice, f"q={quote(sought.upper())}") == [f"1 {stored}", "2"]
    assert titles(alice, f"tag={quote(sought)}") == [f"1 {stored}"]
    assert titles(alice, f"tag={quote(sought)}&tag=plain") == [f"1 {stored}"]
    assert titles(alice, "tag=cafe") == ["2"]
    assert titles(alice, "q=cafe") == []


def test_titles_are_sorted_in_nfc(alice: Actor) -> None:
    expected = ["cafe\u0300", "caf\u00e9", "cafe\u0301 2", "cafz", "caf\u00e9z"]
    for title in expected:
        alice.create_task(title=title)
    expected = sorted(expected, key=lambda title: normalize("NFC", title))
    assert titles(alice, "sort=title") == expected
    pages = []
    cursor = ""
    for _ in expected:
        response = alice.get(f"/tasks?sort=title&limit=1{cursor}")
        pages += [task["title"] for task in response.get_json()]
        link = re.search(r"(&cursor=[^>&]+)>; rel=\"next\"", response.headers["Link"])
        cursor = link[1] if link else ""
    assert pages == expected


def test_all_tags_and_any_priority_must_match(alice: Actor) -> None:
    alice.create_task(title="1", tags=["home", "shop"], priority="low")
    alice.create_task(title="2", tags=["shop"], priority="high")
    alice.create_task(title="3", tags=["Home"])
    assert titles(alice, "tag=shop") == ["1", "2"]
    assert titles(alice, "tag=shop&tag=home") == ["1"]
    assert titles(alice, "tag=hom") == titles(alice, "tag=home,shop") == []
    assert titles(alice, "priority=low&priority=high") == ["1", "2"]
    assert titles(alice, "priority=medium") == []


def test_due_after_is_inclusive_and_due_before_exclusive(alice: Actor) -> None:
    alice.create_task(title="date", due="2026-10-01")
    alice.create_task(title="timestamp", due="2026-10-01T12:00:00Z")
    alice.create_task(title="none")
    assert titles(alice, "due_after=2026-10-01") == ["date", "timestamp"]
    assert titles(alice, "due_before=2026-10-01") == []
    assert titles(alice, "due_before=2026-10-02") == ["date", "timestamp"]
    assert titles(alice, "due_after=2026-10-01T12:00:00Z") == ["date", "timestamp"]
    assert titles(alice, "due_before=2026-10-01T12:00:00Z") == []
    assert titles(alice, "due_after=2026-10-01T23:59:59.999Z") == ["date"]
    assert titles(alice, "due_after=2026-10-02T00:00:00Z") == []
    assert titles(alice, "due=none") == ["none"]


def test_a_date_is_a_day_of_the_time_zone(alice: Actor) -> None:
    alice.create_task(title="date", due="2026-10-01")
    alice.create_task(title="timestamp", due="2026-10-01T05:00:00Z")
    assert titles(alice, "sort=due") == ["timestamp", "date"]
    # 1 October ends at 09:59:59.999Z in Kiritimati, and at 10:59:59.999Z on the 2nd in Niue, where it begins at 11:00Z.
    assert titles(alice, "due_after=2026-10-01T10:00:00Z&timezone=Pacific/Kiritimati") == []
    assert titles(alice, "due_after=2026-10-02T10:59:59.999Z&timezone=Pacific/Niue") == ["date"]
    assert titles(alice, "due_after=2026-10-01&timezone=Pacific/Niue") == ["date"]
    assert titles(alice, "due_before=2026-10-01&timezone=Pacific/Niue") == ["timestamp"]
    assert titles(alice, "due_after=2026-10-02&timezone=Pacific/Kiritimati") == []


def test_a_day_begins_at_the_first_of_two_midnights(alice: Actor) -> None:
    # In Havana, clocks go from 00:59:59 back to 00:00:00 on 1 November 2026: the day begins at 04:00Z, not 05:00Z.
    alice.create_task(due="2026-11-01T04:30:00Z")
    assert len(list_tasks(alice, "due_after=2026-11-01&timezone=America/Havana")) == 1
    assert list_tasks(alice, "due_before=2026-11-01&timezone=America/Havana") == []


def test_postgresql_knows_every_accepted_time_zone(database: str) -> None:
    known = {name for (name,) in execute(database, "SELECT name FROM pg_timezone_names")}
    assert time_zones() - known == set()


def test_the_trash_is_a_separate_list(alice: Actor) -> None:
    kept, deleted = alice.create_task(title="kept"), alice.create_task(title="deleted", tags=["t"])
    alice.delete(f"/tasks/{deleted['id']}")
    assert titles(alice, "deleted=false") == ["kept"]
    (trashed,) = list_tasks(alice, "deleted=true")
    assert {name: trashed[name] for name in deleted} == deleted
    assert list(trashed) == [*deleted, "deleted_at"]
    assert "deleted_at" not in list_tasks(alice)[0]
    assert titles(alice, "deleted=true&tag=t") == ["deleted"]
    assert titles(alice, "deleted=true&tag=u") == []
    assert kept["title"] == "kept"


def test_the_total_counts_all_pages(alice: Actor) -> None:
    def check_totals(step: str) -> None:
        for query in ("deleted=false", "deleted=true", "completed=true", "deleted=true&q=b"):
            total = alice.get(f"/tasks?{query}&limit=1").headers["X-Total-Count"]
            assert int(total) == len(list_tasks(alice, query)), (step, query)

    check_totals("no task")
    ids = [alice.create_task(completed=completed)["id"] for completed in (True, False) * 4]
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
        check_totals(path)


def test_only_a_list_with_a_limit_has_a_total(alice: Actor) -> None:
    alice.create_task()
    assert not {"X-Total-Count", "Link"} & set(alice.get("/tasks").headers.keys())
    assert alice.get("/tasks?limit=200").headers["X-Total-Count"] == "1"
