"""What each filter finds, and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.databases import execute
from tests.support.task_lists import listed, titles
from todo_api.tasks.parameters import time_zones

if TYPE_CHECKING:
    from tests.support.actors import Actor


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
