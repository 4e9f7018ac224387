"""The engines of other task programs: the same days for the same rules, and their files as imports.

ical.js is that of Thunderbird and Nextcloud.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from devtools.installation import CLIENTS_LOCK, ROOT, install
from tests.support.imports import exported_tasks, import_counts, post_import
from tests.support.node import node_with_packages
from tests.support.recurrence import dateutil_days
from todo_api.tasks.recurrence.rules import parse_rule
from todo_api.tasks.recurrence.series import Series

if TYPE_CHECKING:
    from tests.support.actors import Actor

FOLDER = Path(__file__).parent / "calendars"
VENV = ROOT / ".data" / "clients"
BERLIN = ZoneInfo("Europe/Berlin")
YEARS_20 = timedelta(days=20 * 365 + 5)
MONTHLY = date(2026, 1, 31)
RULES = [
    ("FREQ=DAILY", date(2026, 10, 1)),
    ("FREQ=DAILY;INTERVAL=3", date(2026, 10, 1)),
    ("FREQ=DAILY;INTERVAL=366", date(2026, 10, 1)),
    ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", date(2026, 10, 1)),
    ("FREQ=WEEKLY", date(2026, 10, 1)),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH,SU", date(2026, 10, 1)),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH,SU;WKST=SU", date(2026, 10, 1)),
    ("FREQ=WEEKLY;INTERVAL=52", date(2026, 10, 1)),
    ("FREQ=MONTHLY", date(2026, 10, 1)),
    ("FREQ=MONTHLY", MONTHLY),
    ("FREQ=MONTHLY;BYMONTHDAY=31", MONTHLY),
    ("FREQ=MONTHLY;BYMONTHDAY=-1", MONTHLY),
    ("FREQ=MONTHLY;BYMONTHDAY=1,15,-1", MONTHLY),
    ("FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=13", date(2026, 10, 13)),
    ("FREQ=MONTHLY;BYDAY=1MO", date(2026, 10, 5)),
    ("FREQ=MONTHLY;BYDAY=-1FR", date(2026, 10, 30)),
    ("FREQ=MONTHLY;BYDAY=5SA", date(2026, 10, 31)),
    ("FREQ=MONTHLY;BYDAY=2TU,4TU", date(2026, 10, 13)),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", date(2026, 10, 30)),
    ("FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1", date(2026, 10, 3)),
    ("FREQ=YEARLY", date(2026, 10, 1)),
    # Without BYMONTHDAY, ical.js moves 29 February to 1 March, against RFC 5545 section 3.3.10.
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", date(2028, 2, 29)),
    ("FREQ=YEARLY;INTERVAL=3;BYMONTH=10;BYMONTHDAY=1", date(2026, 10, 1)),
    ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", date(2026, 11, 26)),
    ("FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", date(2026, 3, 29)),
]


def ical_js_days(start: str) -> list[list[str]]:
    """Return the days that ical.js gives for each rule in 20 years, those of the starts included."""
    cases = [[start.format(day), rule, (day + YEARS_20).isoformat()] for rule, day in RULES]
    command = [node_with_packages(FOLDER), str(FOLDER / "occurrences.mjs")]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=120)
    found: list[list[str]] = json.loads(done.stdout)
    return found


def our_dues(due: date, rule: str, end: date) -> list[date]:
    """Return the due date and those that follow before the end."""

    def is_before_end(each: date) -> bool:
        return (each.astimezone(BERLIN).date() if isinstance(each, datetime) else each) < end

    series = Series(due, parse_rule(rule), BERLIN)
    return [due, *takewhile(is_before_end, series.upcoming(datetime(1970, 1, 2, tzinfo=UTC)))]


def test_ical_js_and_dateutil_give_the_same_days_over_20_years() -> None:
    for (rule, start), theirs in zip(RULES, ical_js_days("{}"), strict=True):
        end = start + YEARS_20
        ours = our_dues(start, rule, end)
        assert [str(day) for day in ours] == theirs, rule
        assert ours[1:] == dateutil_days(rule, start, end - timedelta(days=1)), rule


def test_ical_js_gives_the_same_days_for_a_time_of_day_across_clock_changes() -> None:
    for (rule, start), theirs in zip(RULES, ical_js_days("{}T09:00:00"), strict=True):
        due = datetime(start.year, start.month, start.day, 9, tzinfo=BERLIN)
        ours: list[Any] = [due.astimezone(BERLIN) for due in our_dues(due, rule, start + YEARS_20)]  # type: ignore[attr-defined]
        assert [str(each.date()) for each in ours] == theirs, rule
        assert {each.hour for each in ours} == {9}


def test_a_file_of_ical_js_is_imported(alice: Actor) -> None:
    command = [node_with_packages(FOLDER), str(FOLDER / "write_todos.mjs")]
    file = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    response = post_import(alice, file, content_type="text/calendar")
    assert import_counts(response) == (3, 0)
    assert [warning["pointer"] for warning in response.get_json()["warnings"]] == ["#/tasks/2/recurrence"]
    weekly, done, hourly = exported_tasks(alice)
    expected = {
        "uid": "c5c14b76-2a4d-4f35-a3a0-14a3ff2ae9a1",
        "title": "Water the plants, all; of them: " + "ä€\U0001f600" * 40,
        "description": "one\ntwo \\ three",
        "priority": "high",
        "tags": ["Home, sweet", "Garden"],
        "completed": False,
        "due": "2026-10-02T07:00:00.000Z",
        "timezone": "Europe/Berlin",
        "recurrence": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,FR",
        "created_at": "2026-09-01T08:00:00.000Z",
    }
    assert {name: weekly[name] for name in expected} == expected
    assert (done["completed"], done["completed_at"], done["due"]) == (True, "2026-09-01T08:00:00.000Z", "2026-10-01")
    assert (hourly["recurrence"], hourly["due"]) == (None, "2026-09-01T08:00:00.000Z")


def test_a_file_of_todoman_is_imported(alice: Actor, tmp_path: Path) -> None:
    install(CLIENTS_LOCK, VENV)
    folder = tmp_path / "home"
    folder.mkdir()
    config = tmp_path / "config.py"
    cache = tmp_path / "cache.sqlite3"
    config.write_text(f'path = "{folder}"\ndefault_list = "home"\ncache_path = "{cache}"\ndate_format = "%Y-%m-%d"\n')
    options = ["--due", "2026-10-01 17:00", "--priority", "high", "--category", "money"]
    command = [str(VENV / "bin" / "todo"), "--config", str(config), "new", *options, "Pay; the, \\ rent"]
    environ = {**os.environ, "TZ": "UTC"}
    subprocess.run(command, env=environ, capture_output=True, check=True, timeout=60)
    (file,) = folder.glob("*.ics")
    assert import_counts(post_import(alice, file.read_bytes(), content_type="text/calendar")) == (1, 0)
    (task,) = exported_tasks(alice)
    found = {name: task[name] for name in ("title", "priority", "tags", "due", "completed")}
    assert found == {
        "title": "Pay; the, \\ rent",
        "priority": "high",
        "tags": ["money"],
        "due": "2026-10-01T17:00:00.000Z",
        "completed": False,
    }
