"""The next due date of a series: wall clocks, leap days, neglected tasks, and the end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from dateutil import tz
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.calls import count_calls
from tests.support.recurrence import RULES
from todo_api.tasks.recurrence.series import Series

CALLS_PER_MILLISECOND = 20_000
"""Calls in Python or C, each of some 50 ns."""


def series_of(due: str, rule: str, timezone: str | None = None, repeat_from: str | None = None) -> Series:
    is_timestamp = "T" in due
    return Series.of_task(
        {"recurrence": rule, "timezone": timezone, "repeat_from": repeat_from},
        datetime.fromisoformat(due).astimezone(UTC) if is_timestamp else date.fromisoformat(due),
    )


def text(due: date) -> str:
    return due.isoformat().replace("+00:00", "Z")


def upcoming(series: Series, number: int, today: str = "0001-01-02") -> list[str]:
    now = datetime.fromisoformat(f"{today}T12:00:00Z")
    return [text(due) for due in islice(series.upcoming(now), number)]


@pytest.mark.parametrize(
    ("due", "rule", "timezone", "expected"),
    [
        ("2026-01-31", "FREQ=MONTHLY", None, ["2026-03-31", "2026-05-31", "2026-07-31"]),
        ("2026-01-31", "FREQ=MONTHLY;BYMONTHDAY=-1", None, ["2026-02-28", "2026-03-31", "2026-04-30"]),
        ("2028-02-29", "FREQ=YEARLY", None, ["2032-02-29", "2036-02-29"]),
        ("2096-02-29", "FREQ=YEARLY", None, ["2104-02-29"]),
        ("2026-10-05", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", None, ["2026-10-06", "2026-10-07", "2026-10-08"]),
        ("2026-10-09", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", None, ["2026-10-12"]),
        ("2026-10-06", "FREQ=WEEKLY;BYDAY=MO", None, ["2026-10-12", "2026-10-19"]),
        ("9999-12-30", "FREQ=DAILY", None, ["9999-12-31"]),
        # The wall clock stays, the offset changes.
        ("2026-10-23T09:00:00+02:00", "FREQ=DAILY", "Europe/Berlin", ["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z"]),
        ("2026-03-28T09:00:00+01:00", "FREQ=DAILY", "Europe/Berlin", ["2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]),
        ("2026-10-23T09:00:00+02:00", "FREQ=DAILY", None, ["2026-10-24T07:00:00Z", "2026-10-25T07:00:00Z"]),
        # The day is that of the time zone, not of UTC.
        ("2026-10-01T00:30:00+02:00", "FREQ=MONTHLY", "Europe/Berlin", ["2026-10-31T23:30:00Z"]),
        ("2026-10-04T20:30:00-10:00", "FREQ=WEEKLY;BYDAY=SU", "Pacific/Honolulu", ["2026-10-12T06:30:00Z"]),
        # 02:30 does not exist on 29 March, and exists twice on 25 October.
        ("2026-03-28T02:30:00+01:00", "FREQ=DAILY", "Europe/Berlin", ["2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]),
        ("2026-10-24T02:30:00+02:00", "FREQ=DAILY", "Europe/Berlin", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("2026-10-25T02:30:00+01:00", "FREQ=DAILY", "Europe/Berlin", ["2026-10-26T01:30:00Z"]),
        # Samoa had no 30 December 2011.
        ("2011-12-29T12:00:00-10:00", "FREQ=DAILY", "Pacific/Apia", ["2011-12-30T22:00:00Z"]),
        # The ends of the calendar.
        ("0001-01-01T00:00:00Z", "FREQ=DAILY", "America/New_York", ["0001-01-02T04:56:02Z"]),
        ("9999-12-31T12:00:00Z", "FREQ=DAILY", "Pacific/Kiritimati", []),
        ("9999-12-30T20:00:00-10:00", "FREQ=DAILY", "Pacific/Honolulu", []),
    ],
)
def test_the_following_due_dates(due: str, rule: str, timezone: str | None, expected: list[str]) -> None:
    assert upcoming(series_of(due, rule, timezone), max(len(expected), 1)) == expected


def test_a_time_that_never_exists_again_ends_the_series() -> None:
    rule = "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"
    series = series_of("2026-03-22T02:30:00+01:00", rule, "Europe/Berlin")
    assert upcoming(series, 1) == []
    assert upcoming(series_of("2026-03-22T02:30:00+01:00", rule), 1) == ["2026-03-29T01:30:00Z"]


@pytest.mark.parametrize(
    ("due", "rule", "today", "expected"),
    [
        ("2026-10-01", "FREQ=DAILY", "2026-10-01", "2026-10-02"),
        ("2026-10-01", "FREQ=DAILY", "2026-10-13", "2026-10-13"),
        ("2026-10-01", "FREQ=DAILY;INTERVAL=7", "2026-10-13", "2026-10-15"),
        ("2026-10-01", "FREQ=DAILY", "2026-09-01", "2026-10-02"),
        ("2026-01-31", "FREQ=MONTHLY", "2026-10-13", "2026-10-31"),
        ("0001-01-01", "FREQ=DAILY;INTERVAL=2", "2026-10-13", "2026-10-14"),
    ],
)
def test_a_neglected_task_comes_once_and_in_the_rhythm(due: str, rule: str, today: str, expected: str) -> None:
    assert upcoming(series_of(due, rule), 1, today) == [expected]


def test_the_day_of_completion_is_that_of_the_time_zone() -> None:
    for timezone, day in (("Europe/Berlin", "2026-10-14"), (None, "2026-10-13"), ("Pacific/Honolulu", "2026-10-13")):
        following = series_of("2026-10-01", "FREQ=DAILY", timezone).after(datetime(2026, 10, 13, 22, 30, tzinfo=UTC))
        assert following is not None
        assert text(following.due) == day


@pytest.mark.parametrize(
    ("due", "rule", "today", "expected"),
    [
        ("2026-10-01", "FREQ=DAILY;INTERVAL=3", "2026-10-13", ["2026-10-16", "2026-10-19"]),
        ("2026-10-20", "FREQ=DAILY;INTERVAL=3", "2026-10-13", ["2026-10-16", "2026-10-19"]),
        ("2026-10-01", "FREQ=MONTHLY", "2026-10-13", ["2026-11-13", "2026-12-13"]),
        ("2026-10-01", "FREQ=WEEKLY;BYDAY=MO", "2026-10-13", ["2026-10-19", "2026-10-26"]),
        ("2026-10-01T09:00:00Z", "FREQ=WEEKLY", "2026-10-13", ["2026-10-20T09:00:00Z", "2026-10-27T09:00:00Z"]),
    ],
)
def test_a_series_can_count_from_the_day_of_completion(due: str, rule: str, today: str, expected: list[str]) -> None:
    assert upcoming(series_of(due, rule, repeat_from="completion"), 2, today) == expected


@pytest.mark.parametrize("repeat_from", ["due", "completion"])
def test_count_is_the_number_of_tasks_that_remain(repeat_from: str) -> None:
    series: Series | None = series_of("2026-10-01", "FREQ=DAILY;COUNT=3", repeat_from=repeat_from)
    counts = []
    while series is not None:
        counts.append(series.rule.count)
        series = series.after_day(date(2026, 10, 13))
    assert counts == [3, 2, 1]


@pytest.mark.parametrize(
    ("due", "until", "number"),
    [
        ("2026-10-01", "20261003", 2),
        ("2026-10-01", "20260901", 0),
        ("2026-10-01", "20261003T000000Z", 2),
        ("2026-10-01", "20261002T230000Z", 2),  # the 3rd in Berlin
        ("2026-10-01T09:00:00+02:00", "20261003", 2),
        ("2026-10-01T09:00:00+02:00", "20261003T070000Z", 2),
        ("2026-10-01T09:00:00+02:00", "20261003T065959Z", 1),
    ],
)
def test_until_is_the_last_day_or_instant(due: str, until: str, number: int) -> None:
    series = series_of(due, f"FREQ=DAILY;UNTIL={until}", "Europe/Berlin")
    assert len(upcoming(series, 10, "2026-10-01")) == number


@pytest.mark.parametrize(
    ("due", "until", "expected"),
    [
        ("2026-10-01", "20261003", "20261003"),
        ("2026-10-01", "20261002T230000Z", "20261003"),
        ("2026-10-01T09:00:00.5+02:00", "20261003", "20261003T070000Z"),
        ("2026-10-01T09:00:00+02:00", "20261003T065959Z", "20261003T065959Z"),
        ("2026-10-01", "99991231T235959Z", "99991231"),
        ("2026-10-01T23:30:00+02:00", "00010101", "00010101T223632Z"),
    ],
)
def test_a_calendar_gets_until_with_the_type_of_the_due_date(due: str, until: str, expected: str) -> None:
    series = series_of(due, f"FREQ=DAILY;UNTIL={until}", "Europe/Berlin")
    assert str(series.calendar_rule()) == f"FREQ=DAILY;UNTIL={expected}"
    assert str(series_of(due, "FREQ=DAILY").calendar_rule()) == "FREQ=DAILY"


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "UTC"]
WALL_CLOCKS = st.datetimes(datetime.fromisoformat("1995-01-01"), datetime.fromisoformat("2025-01-01")).map(
    lambda clock: clock.replace(microsecond=0)
)


def exists(instance: datetime, zone: Any) -> bool:
    return bool(tz.datetime_exists(instance, zone))


@settings(max_examples=100, deadline=None)
@given(RULES, WALL_CLOCKS, st.sampled_from(ZONES))
def test_wall_clocks_are_those_of_dateutil(rule: str, clock: datetime, zone: str) -> None:
    theirs = tz.gettz(zone)
    if not exists(clock, theirs):
        return
    instances = rrulestr(f"{rule};UNTIL={clock + timedelta(days=3000):%Y%m%dT%H%M%S}", dtstart=clock)
    expected = [each.replace(tzinfo=theirs) for each in instances if each > clock and exists(each, theirs)]
    due = text(clock.replace(tzinfo=theirs).astimezone(UTC))
    assert upcoming(series_of(due, rule, zone), 20)[: len(expected)] == [
        text(each.astimezone(UTC)) for each in expected[:20]
    ]


@settings(max_examples=200, deadline=None)
@given(RULES, st.datetimes(timezones=st.just(UTC)), st.sampled_from(ZONES), st.dates(date(1, 1, 2)))
def test_every_series_is_answered_in_a_bounded_number_of_steps(
    rule: str, due: datetime, zone: str, today: date
) -> None:
    for repeat_from in ("due", "completion"):
        series = series_of(text(due), rule, zone, repeat_from)
        assert count_calls(lambda series=series: series.after_day(today)) < CALLS_PER_MILLISECOND  # type: ignore[misc]
