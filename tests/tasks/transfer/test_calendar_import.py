"""Imports of calendars: the VTODO components of other programs, within bounds."""

from __future__ import annotations

import io
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.actors import Actor
from tests.support.databases import application
from tests.support.imports import exported_tasks, import_counts, post_import
from tests.support.problems import error_pointers, status_and_code
from tests.support.task_lists import list_tasks, titles
from todo_api.tasks.transfer.calendar_reader import CALENDAR_SIZE_MAX, COMPONENT_SIZE_MAX, content_lines

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

CALENDAR = "text/calendar"
UID = "0f9619ff-8b86-4011-b420-00cf4fc964f0"


def calendar(*components: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN", *components, "END:VCALENDAR", ""]
    return "\r\n".join(lines).replace("\r\n\r\n", "\r\n").encode()


def vtodo(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VTODO", *lines, "END:VTODO"])


def post_calendar(actor: Actor, body: bytes, query: str = "", content_type: str = CALENDAR) -> TestResponse:
    return post_import(actor, body, query, content_type=content_type)


def imported(actor: Actor, *lines: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Import one component; return the task, and the pointer and text of each warning."""
    response = post_calendar(actor, calendar(vtodo(*lines)))
    assert import_counts(response) == (1, 0)
    (task,) = exported_tasks(actor)
    return task, [(warning["pointer"], warning["detail"]) for warning in response.get_json()["warnings"]]


BERLIN = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""

THUNDERBIRD = f"""BEGIN:VCALENDAR
PRODID:-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN
VERSION:2.0
{BERLIN}
BEGIN:VTODO
CREATED:20260901T080000Z
LAST-MODIFIED:20260902T080000Z
DTSTAMP:20260902T080000Z
UID:7c0e52ab-2bd0-4bb2-9e0b-9f6d3a7c0b11
SUMMARY:Water the plants\\, all
 \\; of them
PRIORITY:1
STATUS:IN-PROCESS
RRULE:FREQ=WEEKLY;UNTIL=20270301T080000Z;INTERVAL=2;BYDAY=TU,FR
CATEGORIES:Home,Garden
DTSTART;TZID=Europe/Berlin:20261002T090000
DUE;TZID=Europe/Berlin:20261002T090000
PERCENT-COMPLETE:40
SEQUENCE:2
X-MOZ-GENERATION:3
DESCRIPTION;ALTREP="data:text/html,x":one\\ntwo
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER;RELATED=END:-PT15M
DESCRIPTION:Mozilla Standardbeschreibung
END:VALARM
END:VTODO
END:VCALENDAR
"""
NEXTCLOUD = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Nextcloud Tasks v0.16.1
BEGIN:VTODO
UID:3F2504E0-4F89-11D3-9A0C-0305E82C3301
CREATED:20260901T080000
LAST-MODIFIED:20260903T080000
DTSTAMP:20260903T080000
SUMMARY:Buy milk
DUE;VALUE=DATE:20261001
PERCENT-COMPLETE:100
COMPLETED:20260903T080000
STATUS:COMPLETED
X-APPLE-SORT-ORDER:781234567
RELATED-TO:parent
END:VTODO
END:VCALENDAR
"""
TASKS_ORG = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:+//IDN tasks.org//android-130400//EN
BEGIN:VTODO
DTSTAMP:20260901T080000Z
UID:4829114471840253317
CREATED:20260901T080000Z
LAST-MODIFIED:20260901T080001Z
SUMMARY:Pay rent
PRIORITY:9
RRULE:FREQ=MONTHLY;BYMONTHDAY=-1
DUE;VALUE=DATE:20261031
CATEGORIES:money
CATEGORIES:home
BEGIN:VALARM
TRIGGER;RELATED=END:PT0S
ACTION:DISPLAY
DESCRIPTION:Default Tasks.org description
END:VALARM
END:VTODO
END:VCALENDAR
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("file", "fields"),
    [
        (
            THUNDERBIRD,
            {
                "uid": "7c0e52ab-2bd0-4bb2-9e0b-9f6d3a7c0b11",
                "title": "Water the plants, all; of them",
                "description": "one\ntwo",
                "priority": "high",
                "tags": ["Home", "Garden"],
                "completed": False,
                "due": "2026-10-02T07:00:00.000Z",
                "timezone": "Europe/Berlin",
                "recurrence": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,FR;UNTIL=20270301T080000Z",
                "created_at": "2026-09-01T08:00:00.000Z",
                "updated_at": "2026-09-02T08:00:00.000Z",
            },
        ),
        (
            NEXTCLOUD,
            {
                "uid": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
                "title": "Buy milk",
                "due": "2026-10-01",
                "completed": True,
                "completed_at": "2026-09-03T08:00:00.000Z",
                "priority": None,
                "recurrence": None,
            },
        ),
        (
            TASKS_ORG,
            {
                "title": "Pay rent",
                "priority": "low",
                "tags": ["money", "home"],
                "due": "2026-10-31",
                "recurrence": "FREQ=MONTHLY;BYMONTHDAY=-1",
                "timezone": None,
            },
        ),
    ],
    ids=["Thunderbird", "Nextcloud", "Tasks.org"],
)
def test_the_files_of_other_programs_are_imported(
    alice: Actor, file: str, fields: dict[str, Any], line_end: str
) -> None:
    data = file.replace("\n", line_end).encode()
    response = post_calendar(alice, data)
    assert import_counts(response) == (1, 0)
    assert response.get_json()["warnings"] == []
    (task,) = exported_tasks(alice)
    assert {name: task[name] for name in fields} == fields
    assert import_counts(post_calendar(alice, data)) == (0, 1), "the uid is known"


def test_an_export_as_icalendar_can_be_imported(alice: Actor, bob: Actor) -> None:
    alice.create_task(title="a; b, \\c", description="x\ny", due="2026-10-01", priority="medium", tags=["a,b", "c"])
    zone = {"timezone": "Europe/Berlin", "due": "2026-10-01T15:00:00Z"}
    alice.create_task(**zone, recurrence="FREQ=WEEKLY;BYDAY=TH;COUNT=3")
    alice.create_task(due="2026-10-01", recurrence="FREQ=DAILY", repeat_from="completion")
    alice.create_task(completed=True)
    response = post_calendar(bob, alice.get("/export?format=ics").data)
    assert import_counts(response) == (4, 0)
    assert response.get_json()["warnings"] == []
    theirs, ours = exported_tasks(bob), exported_tasks(alice)
    ours[2] |= {"recurrence": None, "repeat_from": None}
    for task in (*theirs, *ours):
        for name in ("created_at", "updated_at", "completed_at"):
            task[name] = task[name] and task[name][:19]  # iCalendar has whole seconds
        del task["order"]
    assert theirs == ours


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        (["STATUS:CANCELLED"], {"completed": True}),
        (["STATUS:NEEDS-ACTION", "PERCENT-COMPLETE:100"], {"completed": False}),
        (["PERCENT-COMPLETE:100"], {"completed": True}),
        (["PERCENT-COMPLETE:99"], {"completed": False}),
        (["COMPLETED:20260903T080000Z"], {"completed": True, "completed_at": "2026-09-03T08:00:00.000Z"}),
        (["COMPLETED;VALUE=DATE:20260903"], {"completed_at": "2026-09-03T00:00:00.000Z"}),
        (["PRIORITY:0"], {"priority": None}),
        (["PRIORITY:4"], {"priority": "high"}),
        (["PRIORITY:5"], {"priority": "medium"}),
        (["PRIORITY:6"], {"priority": "low"}),
        (["CATEGORIES:a,,b,a"], {"tags": ["a", "b"]}),
        (["DTSTART;VALUE=DATE:20261001"], {"due": None}),
        (["DTSTART;VALUE=DATE:20261001", "DURATION:P2D"], {"due": "2026-10-03"}),
        (["DTSTART:20261001T080000Z", "DURATION:PT2H"], {"due": "2026-10-01T10:00:00.000Z", "timezone": None}),
        (["DTSTART;VALUE=DATE:20261001", "RRULE:FREQ=DAILY"], {"due": "2026-10-01", "recurrence": "FREQ=DAILY"}),
        (["DUE;TZID=/mozilla.org/20050126_1/Europe/Berlin:20261001T170000"], {"due": "2026-10-01T15:00:00.000Z"}),
        (["DUE;TZID=/x/Europe/Berlin:20261001T170000"], {"timezone": "Europe/Berlin"}),
        (["DUE;TZID=/x/America/Argentina/Salta:20261001T170000"], {"timezone": "America/Argentina/Salta"}),
        (["DUE;TZID=W. Europe Standard Time:20261001T170000"], {"timezone": "Europe/Berlin"}),
        (["DESCRIPTION;VALUE=DATE:20260101"], {"description": "20260101"}),
        (["DESCRIPTION;ENCODING=BASE64;VALUE=BINARY:////"], {"description": "////"}),
        (["DESCRIPTION:x\\;TZID=/a/b/c:d"], {"description": "x;TZID=/a/b/c:d"}),
        (["DUE;VALUE=DATE:20261001", 'RRULE;X-A="b:c":FREQ=DAILY'], {"recurrence": "FREQ=DAILY"}),
        (["summary:second", "X-A:1", "ATTENDEE:mailto:a@b"], {"title": "x"}),
        ([f"UID:{UID.upper()}"], {"uid": UID}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_properties_become_fields(alice: Actor, lines: list[str], fields: dict[str, Any]) -> None:
    task, warnings = imported(alice, "SUMMARY:x", *lines)
    assert {name: task[name] for name in fields} == fields
    assert warnings == []


@pytest.mark.parametrize(
    ("lines", "field", "text"),
    [
        (["DUE;VALUE=DATE:20261001", "RRULE:FREQ=HOURLY"], "recurrence", "The task does not repeat. FREQ must be"),
        (["DUE;VALUE=DATE:20261001", "RRULE:FREQ=DAILY;INTERVAL=0"], "recurrence", "The task does not repeat. INT"),
        (["DUE;VALUE=DATE:20261001", f"RRULE:FREQ=DAILY;X={'1' * 300}"], "recurrence", "The task does not repeat. A r"),
        (["RRULE:FREQ=DAILY"], "recurrence", "The task does not repeat. A task that repeats needs a due date"),
        (["DUE:20261001T170000"], "due", "Its time zone is not known"),
        *(
            ([f"DUE;TZID={zone}:20261001T170000"], "due", "Its time zone is not known")
            for zone in ("Nowhere", "America", "x" * 300, f"/{'x/' * 20_000}", "Europe/Berlin,Asia/Tokyo")
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_lost_is_a_warning(alice: Actor, lines: list[str], field: str, text: str) -> None:
    task, ((pointer, warning),) = imported(alice, "SUMMARY:x", *lines)
    assert (pointer, warning[: len(text)]) == (f"#/tasks/0/{field}", text)
    assert task["recurrence"] is None
    assert task["due"] in {None, "2026-10-01", "2026-10-01T17:00:00.000Z"}


@pytest.mark.parametrize("line", ["EXDATE;VALUE=DATE:20261002", "RDATE;VALUE=DATE:20261002", "RRULE:FREQ=WEEKLY"])
def test_a_rule_loses_its_exceptions(alice: Actor, line: str) -> None:
    task, ((_, warning),) = imported(alice, "SUMMARY:x", "DUE;VALUE=DATE:20261001", "RRULE:FREQ=DAILY", line)
    assert task["recurrence"] == "FREQ=DAILY"
    assert warning == "The task repeats without the exceptions and additions to its rule."


def test_one_changed_occurrence_is_a_task_of_its_own(alice: Actor) -> None:
    master = vtodo("UID:a", "SUMMARY:master", "DUE;VALUE=DATE:20261001", "RRULE:FREQ=DAILY")
    changed = vtodo("UID:a", "RECURRENCE-ID;VALUE=DATE:20261002", "SUMMARY:changed", "STATUS:COMPLETED")
    for counts in ((2, 0), (0, 2)):
        assert import_counts(post_calendar(alice, calendar(master, changed, master[:0]))) == counts
    assert titles(alice) == ["master", "changed"]


def test_several_calendars_and_other_components_in_one_file(alice: Actor) -> None:
    event = "BEGIN:VEVENT\r\nUID:e\r\nSUMMARY:no task\r\nRRULE:FREQ=SECONDLY\r\nEND:VEVENT"
    body = calendar(event, vtodo("SUMMARY:a")) + b"\r\n" + calendar(vtodo("SUMMARY:b"), BERLIN.replace("\n", "\r\n"))
    assert import_counts(post_calendar(alice, body)) == (2, 0)
    assert titles(alice) == ["a", "b"]
    assert import_counts(post_calendar(alice, calendar())) == (0, 0)


def test_a_fold_may_be_within_a_character(alice: Actor) -> None:
    body = calendar(vtodo("SUMMARY:ä€")).replace("ä€".encode(), b"\xc3\r\n \xa4\xe2\r\n\t\x82\r\n \xac")
    assert import_counts(post_calendar(alice, b"\xef\xbb\xbf" + body, content_type="text/calendar; charset=utf-8")) == (
        1,
        0,
    )
    assert titles(alice) == ["ä€"]


# Errors and bounds


def test_invalid_components_are_named_and_nothing_is_imported(alice: Actor) -> None:
    components = [
        vtodo("SUMMARY:valid"),
        vtodo("UID:no title"),
        vtodo(f"SUMMARY:{'x' * 256}"),
        vtodo("SUMMARY:x", "DUE:tomorrow"),
        vtodo("SUMMARY:x", "DUE;VALUE=TIME:090000"),
        vtodo("SUMMARY:x", "PRIORITY:high"),
        vtodo("SUMMARY:x", f"CATEGORIES:{'x' * 51}"),
        vtodo("SUMMARY:nul\0"),
        vtodo("SUMMARY:x", "DTSTART:99991231T000000Z", "DURATION:P9D"),
        vtodo("SUMMARY:x", "DUE:00010101T000000Z", "DTSTART;TZID=Asia/Tokyo:00010101T000000"),
        vtodo("SUMMARY:x", "DUE;TZID=Asia/Tokyo:00010101T000000"),
    ]
    response = post_calendar(alice, calendar(*components))
    assert status_and_code(response) == (422, "VALIDATION_ERROR")
    assert error_pointers(response) == [
        *("#/tasks/1/title", "#/tasks/2/title", "#/tasks/3", "#/tasks/4", "#/tasks/5", "#/tasks/6/tags/0"),
        *("#/tasks/7/title", "#/tasks/8", "#/tasks/10"),
    ]
    dry = post_calendar(alice, calendar(*components), "?dry_run=true").get_json()
    assert (dry["created"], dry["errors"]) == (2, response.get_json()["errors"])
    assert list_tasks(alice) == []


def test_at_most_100_errors_and_warnings_are_returned(alice: Actor) -> None:
    broken = [vtodo("SUMMARY:x", "RRULE:FREQ=DAILY")] * 150 + [vtodo("DUE:x")] * 150
    body = post_calendar(alice, calendar(*broken), "?dry_run=true").get_json()
    assert (len(body["errors"]), len(body["warnings"])) == (100, 100)


@pytest.mark.parametrize("line", ["DUE:x", "UID:no title"])
def test_reading_stops_at_100_errors(alice: Actor, line: str) -> None:
    truncated = calendar(*[vtodo(line)] * 100).removesuffix(b"END:VCALENDAR\r\n")
    response = post_calendar(alice, truncated)
    assert (response.status_code, len(response.get_json()["errors"])) == (422, 100)


@pytest.mark.parametrize("name", ["SUMMARY", "DESCRIPTION", "DUE", "PRIORITY", "COMPLETED"])
def test_a_property_is_parsed_once(alice: Actor, name: str) -> None:
    values = {"DUE": "20301001", "PRIORITY": "1", "COMPLETED": "20301001T000000Z"}
    lines = [f"{name}:{values.get(name, 'x')}", f"{name};:not parsed"]
    assert post_calendar(alice, calendar(vtodo("SUMMARY:x", *lines))).status_code == 200


def test_a_component_has_a_limited_number_of_categories(alice: Actor) -> None:
    few, many = (["CATEGORIES:a,,a"] * number for number in (33, 34))
    response = post_calendar(alice, calendar(vtodo("SUMMARY:x", *few), vtodo("SUMMARY:x", *many)), "?dry_run=true")
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/tasks/1"]


def cpu_time(line: bytes) -> float:
    """Return the CPU time of reading a calendar line that is repeated."""
    file = io.BytesIO(line * 400_000)
    start = time.thread_time()
    deque(content_lines(file), maxlen=0)
    return time.thread_time() - start


@pytest.mark.timed
def test_unfolding_takes_no_longer_than_reading_lines() -> None:
    # A copy at each fold takes twenty times as long; no function call shows it.
    assert cpu_time(b" x\n") < 4 * cpu_time(b"x\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"{}",
        b"BEGIN:VCALENDAR\r\n",
        b"BEGIN:VTODO\r\nSUMMARY:x\r\nEND:VTODO\r\n",
        b"BEGIN:VCARD\r\nEND:VCARD\r\n",
        b"SUMMARY:x\r\n" + calendar(),
        calendar() + b"SUMMARY:x\r\n",
        calendar(vtodo("SUMMARY:x"))[:-20],
        calendar("BEGIN:VTODO", "SUMMARY:x", "END:VEVENT"),
        calendar("END:VTODO"),
        b"END:VCALENDAR\r\n",
        calendar(vtodo("SUMMARY:x")).replace(b"SUMMARY:x", b"SUMMARY:\xff"),
    ],
    ids=lambda body: repr(body)[:40],
)
def test_what_is_no_calendar_is_400(alice: Actor, body: bytes) -> None:
    assert status_and_code(post_calendar(alice, body)) == (400, "BAD_REQUEST")
    assert list_tasks(alice) == []


def test_a_calendar_or_component_over_its_limit_is_413(alice: Actor) -> None:
    too_large = "x" * COMPONENT_SIZE_MAX
    for lines in ([f"DESCRIPTION:{too_large}"], ["CATEGORIES:a"] * (COMPONENT_SIZE_MAX // 12 + 1)):
        response = post_calendar(alice, calendar(vtodo("SUMMARY:x", *lines)))
        assert status_and_code(response) == (413, "CONTENT_TOO_LARGE")
    ignored = vtodo("SUMMARY:x", f"X-A:{too_large}", "BEGIN:VALARM", f"DESCRIPTION:{too_large}", "END:VALARM")
    assert import_counts(post_calendar(alice, calendar(ignored))) == (1, 0)
    assert post_calendar(alice, b"x" * (CALENDAR_SIZE_MAX + 1)).status_code == 413


def test_another_media_type_is_415(alice: Actor) -> None:
    response = post_calendar(alice, calendar(), content_type="text/plain")
    assert response.status_code == 415
    assert CALENDAR in response.get_json()["detail"]


def test_the_task_limit_holds_for_calendars(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=2), "Ada")
    for lines in (["SUMMARY:x"], ["SUMMARY:x", "UID:duplicate"], ["UID:no title"], ["DUE:x"]):
        response = post_calendar(ada, calendar(*[vtodo(*lines)] * 3))
        assert status_and_code(response) == (403, "TASK_LIMIT_REACHED")
    assert import_counts(post_calendar(ada, calendar(*[vtodo("SUMMARY:x")] * 2))) == (2, 0)


def test_an_idempotent_import_is_replayed(alice: Actor) -> None:
    for _ in range(2):
        headers = {"Idempotency-Key": "k"}
        body = calendar(vtodo("SUMMARY:x"))
        response = alice.post("/import", data=body, content_type=CALENDAR, headers=headers)
        assert import_counts(response) == (1, 0)
    assert response.headers["Idempotency-Replayed"] == "true"
    assert titles(alice) == ["x"]


NAMES = st.sampled_from(
    [
        "SUMMARY",
        "DUE",
        "DTSTART",
        "DURATION",
        "PRIORITY",
        "CATEGORIES",
        "STATUS",
        "COMPLETED",
        "CREATED",
        "UID",
        "LAST-MODIFIED",
        "RRULE",
        "EXDATE",
        "RECURRENCE-ID",
        "PERCENT-COMPLETE",
        "DESCRIPTION",
        "BEGIN",
        "END",
        "",
    ]
)
SEPARATORS = st.sampled_from(
    [":", ";VALUE=DATE:", ";TZID=Europe/Berlin:", ";TZID=../..:", ";TZID=America:", ';X="a:b":', ";", "", ";="]
)
VALUES = st.sampled_from(
    [
        "20261001",
        "20261001T090000Z",
        "20261001T090000",
        "00010101T000000",
        "99991231T235959",
        "-P1D",
        "PT1H",
        "5",
        "-1",
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0",
        "VTODO",
        "VALARM",
        "VCALENDAR",
        "20261001/P1D",
        "a,b\\,c\\",
        "",
        "\0",
    ]
) | st.text(max_size=20)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.builds("{}{}{}".format, NAMES, SEPARATORS, VALUES), max_size=8))
def test_no_component_is_a_failure_of_the_service(app: Flask, alice: Actor, lines: list[str]) -> None:
    body = calendar(vtodo("SUMMARY:x", *lines)).decode(errors="replace").encode(errors="replace")
    response = post_calendar(alice, body, "?dry_run=true")
    assert response.status_code in {200, 400}, response.text
