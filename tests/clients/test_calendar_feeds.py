"""Calendar programs read the feeds of a running service: ical.js, as in Thunderbird, and recurring-ical-events."""

from __future__ import annotations

import calendar
import json
import subprocess
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import requests

from devtools.installation import CALENDARS_LOCK, ROOT, install
from tests.support.node import node_with_packages
from tests.support.processes import child_pids
from tests.support.recurrence import dateutil_days
from tests.support.service_client import ServiceClient
from todo_api.tasks.parameters import OCCURRENCES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.processes import Service

    Reader = Callable[[bytes, str, date, date], dict[str, Any]]

FOLDER = Path(__file__).parent / "calendars"
VENV = ROOT / ".data" / "calendars"


def run_reader(command: list[str], feed: bytes, kind: str, first: date, last: date) -> dict[str, Any]:
    """Return what a program reads from the feed between two days: the name and the occurrences, by their start."""
    command = [*command, kind, str(first), str(last)]
    ended = subprocess.run(command, input=feed, capture_output=True, check=True, timeout=60)
    read: dict[str, Any] = json.loads(ended.stdout)
    read["occurrences"].sort(key=lambda occurrence: (occurrence["start"], occurrence["summary"]))
    return read


def read_by_ical_js(feed: bytes, kind: str, first: date, last: date) -> dict[str, Any]:
    return run_reader([node_with_packages(FOLDER), str(FOLDER / "read_feed.mjs")], feed, kind.lower(), first, last)


def read_by_recurring_ical_events(feed: bytes, kind: str, first: date, last: date) -> dict[str, Any]:
    install(CALENDARS_LOCK, VENV)
    return run_reader([str(VENV / "bin" / "python"), str(FOLDER / "read_feed.py")], feed, kind, first, last)


READERS: list[Reader] = [read_by_ical_js, read_by_recurring_ical_events]


def next_month() -> tuple[date, date]:
    """Return the first days of the next month and of the one after it."""
    first = (datetime.now(UTC).date().replace(day=1) + timedelta(days=31)).replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def create_feed(client: ServiceClient, **fields: Any) -> str:
    response = requests.post(f"{client.url}/api/me/feeds", json=fields, headers=client.headers, timeout=30)
    assert response.status_code == 201, response.text
    url: str = response.json()["url"]
    return url


MONTH: dict[int, list[dict[str, Any]]] = {
    1: [{"title": "Pay rent", "tags": ["home"], "priority": "high"}],
    3: [{"title": "Call Ada", "time": "09:30:00Z"}, {"title": "Water plants", "tags": ["home"]}],
    12: [{"title": "Zahnarzt, Prüfung; \N{TOOTH}", "time": "14:00:00+02:00", "description": "Line 1\nLine 2, with \\"}],
    17: [{"title": "Submit report", "description": "x" * 300}, {"title": "Buy milk"}, {"title": "Book train"}],
    28: [{"title": "Backup", "tags": ["a,b", "c;d"], "time": "23:59:59Z"}],
}
"""Tasks of a month, by day."""


def fill_month(client: ServiceClient, first: date) -> list[dict[str, Any]]:
    """Create the tasks of the month, and one in each month beside it; return what a program must read."""
    expected = []
    for day, tasks in MONTH.items():
        for fields in tasks:
            task = dict(fields)
            time = task.pop("time", None)
            due = f"{first.replace(day=day)}{f'T{time}' if time else ''}"
            created = client.create_task(**task, due=due).json()
            expected.append(
                {
                    "start": created["due"].replace(".000", ""),
                    "summary": created["title"],
                    "description": created["description"] or "",
                    "categories": created["tags"],
                }
            )
    for other in (first - timedelta(days=1), first + timedelta(days=40)):
        client.create_task(title="another month", due=str(other))
    return sorted(expected, key=lambda occurrence: (occurrence["start"], occurrence["summary"]))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("kind", "component"), [("events", "VEVENT"), ("todos", "VTODO")])
def test_a_program_reads_the_tasks_of_a_month(service: Service, reader: Reader, kind: str, component: str) -> None:
    client, (first, last) = ServiceClient(service), next_month()
    expected = fill_month(client, first)
    feed = requests.get(create_feed(client, name="Home", **{"as": kind}), timeout=30)
    read = reader(feed.content, component, first, last)
    assert read["name"] == "Home"
    uids = [occurrence.pop("uid") for occurrence in read["occurrences"]]
    assert len(set(uids)) == len(expected)
    assert read["occurrences"] == expected


WIDTH = 16
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def text_calendar(occurrences: list[dict[str, Any]], first: date) -> str:
    """Return the month as a table: a week per row, a day per column, and an entry per line."""
    entries: dict[str, list[str]] = {}
    for occurrence in occurrences:
        day, _, time = occurrence["start"].partition("T")
        entries.setdefault(day, []).append(f"{time[:5]} {occurrence['summary']}".strip())
    lines = [f"{first:%B %Y}", "|".join(name.ljust(WIDTH) for name in DAYS)]
    for week in calendar.Calendar().monthdatescalendar(first.year, first.month):
        cells = [[f"{day.day}", *entries.get(str(day), [])] if day.month == first.month else [] for day in week]
        height = max(map(len, cells))
        lines.append("+".join("-" * WIDTH for _ in DAYS))
        rows = ([cell[row] if row < len(cell) else "" for cell in cells] for row in range(height))
        lines += ["|".join(text[:WIDTH].ljust(WIDTH) for text in row) for row in rows]
    return "\n".join(lines)


def test_a_month_of_a_feed_is_a_page_of_a_calendar(service: Service) -> None:
    """Run it with -s to look at the page."""
    client, (first, last) = ServiceClient(service), next_month()
    fill_month(client, first)
    feed = requests.get(create_feed(client), timeout=30)
    page = text_calendar(read_by_recurring_ical_events(feed.content, "VEVENT", first, last)["occurrences"], first)
    print(f"\n{page}")  # noqa: T201 - the page is to be looked at
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if "|" in line]
    for day, tasks in MONTH.items():
        column = first.replace(day=day).weekday()
        cells = [row[column] for row in rows]
        entries = cells[cells.index(str(day)) + 1 :]
        for fields in tasks:
            assert any(fields["title"][:9] in entry for entry in entries[: len(tasks)]), day
    assert "another month"[:WIDTH] not in page


REPEATING: dict[str, list[str]] = {
    "": [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=10;COUNT=30",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
        "FREQ=WEEKLY;UNTIL={year}0101",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU",
        "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=9",
        "FREQ=MONTHLY",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4",
        "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1,15,-2",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=MONTHLY;BYDAY=5FR",
        "FREQ=YEARLY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1",
        "FREQ=YEARLY;BYMONTH=3,11;BYDAY=-1SU",
        "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=2;COUNT=3",
    ],
    "Europe/Berlin": [
        "FREQ=DAILY;INTERVAL=5",
        "FREQ=WEEKLY;BYDAY=SU;UNTIL={year}0101T083000Z",
        "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=20",
        "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU",
    ],
    "America/New_York": [
        "FREQ=WEEKLY;UNTIL={year}0101",
        "FREQ=MONTHLY;BYDAY=2TU,-1MO",
        "FREQ=DAILY;BYDAY=SA,SU;COUNT=99",
    ],
    "Australia/Sydney": ["FREQ=WEEKLY;INTERVAL=3", "FREQ=YEARLY;BYMONTH=4,10;BYDAY=1SU"],
}
"""Rules by time zone; the empty name is that of tasks that are due on a day. Some start on a day that is not theirs.

BYSETPOS of a year is left out: ical.js counts it from another set of days than RFC 5545, dateutil and the service.
"""
YEARS = 5


def create_repeating(client: ServiceClient, first: date) -> dict[str, list[str]]:
    """Create a task for each rule, on successive days; return their titles with their first due dates."""
    due_dates = {}
    for zone, rules in REPEATING.items():
        for number, template in enumerate(rules):
            rule, day = template.format(year=first.year + 2), first + timedelta(days=number)
            due = datetime.combine(day, time(9, 30), ZoneInfo(zone)) if zone else day
            fields = {"title": f"{rule} {zone}".strip(), "recurrence": rule, "timezone": zone or None}
            task = client.create_task(**fields, due=due.isoformat()).json()
            following = client.request("GET", f"/{task['id']}/occurrences?limit={OCCURRENCES_MAX}").json()
            dates = [text.replace(".000", "") for text in (task["due"], *following["occurrences"])]
            check_with_dateutil(rule, day, dates, zone)
            due_dates[task["title"]] = dates
    return due_dates


def check_with_dateutil(rule: str, start: date, due_dates: list[str], zone: str) -> None:
    """Check the days of a rule without an end."""
    if "COUNT" in rule or "UNTIL" in rule:
        return
    times = [datetime.fromisoformat(due) for due in due_dates]
    days = [(instant.astimezone(ZoneInfo(zone)) if zone else instant).date() for instant in times]
    assert days == [start, *dateutil_days(rule, start, days[-1])]


@pytest.mark.parametrize("reader", READERS)
def test_a_program_repeats_tasks_as_the_service_does(service: Service, reader: Reader) -> None:
    client, (first, _) = ServiceClient(service), next_month()
    expected = create_repeating(client, first)
    feed = requests.get(create_feed(client), timeout=30)
    last, around = first.replace(year=first.year + YEARS), timedelta(days=2)  # the programs count in local days
    occurrences = reader(feed.content, "VEVENT", first - around, last + around)["occurrences"]
    for title, due_dates in expected.items():
        read = [entry["start"] for entry in occurrences if entry["summary"] == title and entry["start"] < str(last)]
        is_cut = len(due_dates) > OCCURRENCES_MAX
        assert (read[: len(due_dates)] if is_cut else read) == [due for due in due_dates if due < str(last)], title


def test_a_month_of_repeating_tasks_is_a_page_of_a_calendar(service: Service) -> None:
    """Run it with -s to look at the page."""
    client, (first, last) = ServiceClient(service), next_month()
    for rule, start in (("DAILY;BYDAY=MO,WE", "T07:00:00Z"), ("WEEKLY;BYDAY=FR", ""), ("MONTHLY;BYMONTHDAY=-1", "")):
        client.create_task(title=rule.partition(";")[0], due=f"{first}{start}", recurrence=f"FREQ={rule}")
    feed = requests.get(create_feed(client), timeout=30)
    occurrences = read_by_recurring_ical_events(feed.content, "VEVENT", first, last)["occurrences"]
    print(f"\n{text_calendar(occurrences, first)}")  # noqa: T201 - the page is to be looked at
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    on_weekdays = {"DAILY": {0, 2}, "WEEKLY": {4}, "MONTHLY": set()}
    for title, weekdays in on_weekdays.items():
        expected = {day for day in days if day == first or day.weekday() in weekdays}
        expected |= {days[-1]} if title == "MONTHLY" else set()
        read = [occurrence["start"][:10] for occurrence in occurrences if occurrence["summary"] == title]
        assert read == [str(day) for day in sorted(expected)], title


def test_a_program_polls_with_the_tag_of_its_copy(service: Service) -> None:
    """As Thunderbird does: it keeps the ETag, and replaces its copy by the body of a 200."""
    client, (first, last) = ServiceClient(service), next_month()
    url = create_feed(client)
    headers = {
        "Accept": "text/calendar,text/plain;q=0.8,*/*;q=0.5",
        "Cache-Control": "no-cache",
    }
    copy, statuses = b"", []

    def poll() -> list[str]:
        nonlocal copy
        response = requests.get(url, headers=headers, timeout=30)
        statuses.append(response.status_code)
        if response.status_code == 200:
            copy = response.content
            headers["If-None-Match"] = response.headers["ETag"]
        return [entry["summary"] for entry in read_by_recurring_ical_events(copy, "VEVENT", first, last)["occurrences"]]

    assert poll() == []
    task = client.create_task(title="Buy milk", due=str(first)).json()
    assert [poll(), poll()] == [["Buy milk"]] * 2
    client.request("PATCH", f"/{task['id']}", json={"title": "Buy bread", "due": f"{first}T10:00:00Z"})
    assert [poll(), poll()] == [["Buy bread"]] * 2
    client.request("PATCH", f"/{task['id']}/complete")
    assert [poll(), poll()] == [[], []]
    assert statuses == [200, 200, 304, 200, 304, 200, 304]


@pytest.mark.shows("feeds: revoked")
def test_a_revoked_feed_is_not_found_on_any_worker(service: Service) -> None:
    client = ServiceClient(service)
    url = create_feed(client)
    assert len(child_pids(service.process.pid)) >= 2
    feeds = f"{client.url}/api/me/feeds"
    assert {requests.get(url, timeout=30).status_code for _ in range(20)} == {200}
    (feed,) = requests.get(feeds, headers=client.headers, timeout=30).json()
    assert requests.delete(f"{feeds}/{feed['id']}", headers=client.headers, timeout=30).status_code == 204
    assert {requests.get(url, timeout=30).status_code for _ in range(30)} == {404}
