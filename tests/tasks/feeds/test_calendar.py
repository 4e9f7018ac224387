"""The calendar of a feed: its name, its events and its to-dos."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from icalendar import Calendar

from tests.support.databases import execute
from tests.support.feeds import components, create_feed, in_days, read_feed
from todo_api.tasks.recurrence.parts import WEEKDAYS

if TYPE_CHECKING:
    from tests.support.actors import Actor

HOSTILE = "a,b;c\\n\r\nATTENDEE:x\nEND:VEVENT\r\u2028\x07\tü" + "\U0001f600" * 60
HOSTILE_READ = "a,b;c\\n\nATTENDEE:x\nEND:VEVENT\n\u2028\ufffd\tü" + "\U0001f600" * 60
SIZES = {"title": HOSTILE, "description": HOSTILE * 9}


def test_a_calendar_has_its_name_and_refresh_interval(alice: Actor) -> None:
    lines = read_feed(alice, create_feed(alice, name="Home, sweet; home")).text.split("\r\n")
    for line in (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//todo-api//todo-api//EN",
        "NAME:Home\\, sweet\\; home",
        "X-WR-CALNAME:Home\\, sweet\\; home",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "END:VCALENDAR",
    ):
        assert lines.count(line) == 1, line


def test_a_calendar_without_a_name_has_that_of_the_service(alice: Actor) -> None:
    assert "\r\nX-WR-CALNAME:Todo API\r\n" in read_feed(alice, create_feed(alice)).text


def test_a_due_date_is_a_whole_day(alice: Actor) -> None:
    alice.create_task(due=in_days(3))
    (event,) = components(alice, create_feed(alice))
    assert event.name == "VEVENT"
    assert event["dtstart"].dt == date.fromisoformat(in_days(3))
    assert event["dtstart"].params["VALUE"] == "DATE"
    assert "dtend" not in event  # a day without DTEND lasts one day (RFC 5545 section 3.6.1)
    assert event["transp"] == "TRANSPARENT"


def test_a_due_time_is_half_an_hour(alice: Actor) -> None:
    alice.create_task(due=f"{in_days(3)}T23:45:00.123+02:00")
    (event,) = components(alice, create_feed(alice))
    assert event["dtstart"].dt == datetime.fromisoformat(f"{in_days(3)}T21:45:00Z")
    assert event["duration"].to_ical() == b"PT30M"
    assert "dtend" not in event  # by the wall clock, half an hour of a night in autumn can be 90 minutes
    assert event["transp"] == "TRANSPARENT"


def test_an_event_has_the_fields_of_the_task(database: str, alice: Actor) -> None:
    task = alice.create_task(
        title="File taxes", description="Form 1040", due=in_days(3), priority="high", tags=["home", "money"]
    )
    task = alice.patch(f"/tasks/{task['id']}", json={"order": 3}).get_json()
    ((uid,),) = execute(database, "SELECT uid::text FROM tasks WHERE user_id = %s", alice.id)
    (event,) = components(alice, create_feed(alice))
    assert event["uid"] == uid
    assert event["summary"] == "File taxes"
    assert event["description"] == "Form 1040"
    assert event["priority"] == 1
    assert event["categories"].cats == ["home", "money"]
    assert event["sequence"] == 2
    updated = datetime.fromisoformat(task["updated_at"]).replace(microsecond=0)
    assert [event[name].dt for name in ("dtstamp", "last-modified")] == [updated] * 2
    assert event["created"].dt == datetime.fromisoformat(task["created_at"]).replace(microsecond=0)


def test_a_bare_task_has_no_empty_properties(alice: Actor) -> None:
    alice.create_task(due=in_days(0))
    (event,) = components(alice, create_feed(alice))
    assert set(event) == {
        "UID", "SUMMARY", "DTSTART", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "TRANSP",
    }  # fmt: skip


def test_an_event_repeats_by_the_rule_of_its_task(alice: Actor) -> None:
    alice.create_task(due=in_days(3), recurrence="FREQ=DAILY;INTERVAL=2;COUNT=5")
    (event,) = components(alice, create_feed(alice))
    assert event["rrule"].to_ical() == b"FREQ=DAILY;COUNT=5;INTERVAL=2"


def test_a_due_date_that_the_rule_does_not_have_is_an_event_of_its_own(alice: Actor) -> None:
    due = date.fromisoformat(in_days(3))
    rule = f"FREQ=WEEKLY;BYDAY={WEEKDAYS[(due + timedelta(days=2)).weekday()]}"
    task = alice.create_task(due=str(due), recurrence=f"{rule};COUNT=3")
    feed = create_feed(alice)
    event, series = components(alice, feed)
    assert (event["dtstart"].dt, event.get("rrule")) == (due, None)
    assert (series["dtstart"].dt, series["rrule"]["count"]) == (due + timedelta(days=2), [2])
    alice.patch(f"/tasks/{task['id']}", json={"completed": True})
    (successor,) = components(alice, feed)
    assert [successor[name] for name in ("uid", "rrule")] == [series[name] for name in ("uid", "rrule")]


def test_the_last_task_of_a_series_is_one_event(alice: Actor) -> None:
    due = date.fromisoformat(in_days(3))
    alice.create_task(due=str(due), recurrence=f"FREQ=MONTHLY;BYMONTHDAY={due.day % 28 + 1};COUNT=1")
    (event,) = components(alice, create_feed(alice))
    assert "rrule" not in event


@pytest.mark.parametrize(("kind", "summary"), [("events", "\N{CHECK MARK} Backup"), ("todos", "Backup")])
def test_a_completed_task_is_shown_once_until_it_is_reopened(alice: Actor, kind: str, summary: str) -> None:
    due = f"{in_days(3)}T10:00:00Z"
    task = alice.create_task(title="Backup", due=due, completed=True)
    alice.patch(f"/tasks/{task['id']}", json={"recurrence": "FREQ=DAILY", "timezone": "Europe/Berlin"})
    feed = create_feed(alice, filter={"completed": None}, **{"as": kind})
    (done,) = components(alice, feed)
    assert "rrule" not in done
    assert done["summary"] == summary
    assert done["dtstart" if kind == "events" else "due"].dt == datetime.fromisoformat(due)
    exported: list[Any] = Calendar.from_ical(alice.get("/export?format=ics").data).walk("VTODO")
    assert exported[0]["rrule"]["freq"] == ["DAILY"]
    alice.patch(f"/tasks/{task['id']}", json={"completed": False})
    *_, reopened = components(alice, feed)
    assert reopened["rrule"]["freq"] == ["DAILY"]


@pytest.mark.parametrize("kind", ["events", "todos"])
def test_a_long_description_is_cut(alice: Actor, kind: str) -> None:
    for description in ("x" * 1_000, "x" * 1_001, "\U0001f600" * 10_000):
        alice.create_task(due=in_days(1), description=description)
    read = [str(component["description"]) for component in components(alice, create_feed(alice, **{"as": kind}))]
    assert read == ["x" * 1_000, "x" * 999 + "…", "\U0001f600" * 999 + "…"]


def test_to_dos_are_those_of_the_export(alice: Actor) -> None:
    alice.create_task(title="open", due=in_days(1), priority="low", tags=["a"], description="d")
    alice.create_task(title="done", due=f"{in_days(2)}T10:00:00Z", completed=True)
    exported: list[Any] = Calendar.from_ical(alice.get("/export?format=ics").data).subcomponents
    todos = components(alice, create_feed(alice, **{"as": "todos", "filter": {"completed": None}}))
    assert [todo["sequence"] for todo in todos] == [1, 2]
    assert [todo["status"] for todo in todos] == ["NEEDS-ACTION", "COMPLETED"]
    for todo in todos:
        del todo["sequence"]
    assert [todo.to_ical() for todo in todos] == [todo.to_ical() for todo in exported]


def test_a_version_beyond_an_integer_of_icalendar_is_its_largest(database: str, alice: Actor) -> None:
    alice.create_task(due=in_days(1))
    execute(database, "UPDATE tasks SET version = %s WHERE user_id = %s", 2**40, alice.id)
    (event,) = components(alice, create_feed(alice))
    assert event["sequence"] == 2**31 - 1


@pytest.mark.parametrize("kind", ["events", "todos"])
@pytest.mark.shows("feeds: no injection")
def test_no_text_breaks_out_of_its_property(alice: Actor, kind: str) -> None:
    alice.create_task(due=in_days(1), tags=["a,b;c\nX:1"], **SIZES)
    data = read_feed(alice, create_feed(alice, name=HOSTILE[:100], **{"as": kind})).data
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    calendar: Any = Calendar.from_ical(data)
    (component,) = calendar.subcomponents
    assert component["summary"] == HOSTILE_READ
    assert component["description"] == HOSTILE_READ * 9
    assert component["categories"].cats == ["a,b;c\nX:1"]
    assert "attendee" not in component
    assert str(calendar["x-wr-calname"]).startswith("a\\,b\\;c")  # icalendar does not unescape it
