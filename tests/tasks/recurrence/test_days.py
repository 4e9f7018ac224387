"""The days of a rule: those of python-dateutil, in a bounded number of steps."""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from math import gcd

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.calls import count_calls
from tests.support.recurrence import RULES, dateutil_days
from todo_api.tasks.recurrence.days import PERIODS_MAX, is_first_day, next_day
from todo_api.tasks.recurrence.parts import INTERVAL_MAX
from todo_api.tasks.recurrence.rules import parse_rule

YEARS_8 = timedelta(days=8 * 365)
CALLS_MAX = 5_000
"""Calls in Python or C, each of some 50 ns: a quarter of a millisecond."""


def days(rule: str, start: date, end: date) -> list[date]:
    """Return the days after the start up to the end."""
    found = []
    day: date | None = start
    while (day := next_day(parse_rule(rule), start, day or start)) and day <= end:
        found.append(day)
    return found


@settings(max_examples=200, deadline=None)
@given(RULES, st.dates(date(1900, 1, 1), date(2300, 1, 1)), st.integers(1, 1500))
@example("FREQ=YEARLY;BYMONTH=2;BYDAY=5MO", date(2072, 2, 29), 15_000)
@example("FREQ=MONTHLY;BYMONTHDAY=31", date(2026, 1, 31), 1000)
@example("FREQ=MONTHLY", date(2026, 1, 31), 1000)
@example("FREQ=YEARLY", date(1896, 2, 29), 4000)
@example("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31", date(2026, 4, 30), 4000)
@example("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", date(2026, 10, 4), 100)
@example("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO", date(2026, 10, 4), 100)
@example("FREQ=YEARLY;BYMONTH=2,4,6,9,11", date(2026, 1, 31), 3000)
def test_the_days_are_those_of_dateutil(rule: str, start: date, length: int) -> None:
    end = start + timedelta(days=length)
    assert days(rule, start, end) == dateutil_days(rule, start, end)


@settings(max_examples=60, deadline=None)
@given(RULES, st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(0, 6 * 365))
def test_a_later_day_is_found_without_the_days_before(rule: str, start: date, skipped: int) -> None:
    after = start + timedelta(days=skipped)
    expected = [day for day in days(rule, start, start + YEARS_8) if day > after]
    found = next_day(parse_rule(rule), start, after)
    assert found == expected[0] if expected else found is None or found > start + YEARS_8


@settings(max_examples=200, deadline=None)
@given(RULES, st.dates(date(1900, 1, 1), date(2300, 1, 1)))
def test_a_start_is_a_day_of_its_rule_where_dateutil_says_so(rule: str, start: date) -> None:
    instances = rrulestr(f"{rule};UNTIL={start:%Y%m%d}", dtstart=datetime.combine(start, time()))
    assert is_first_day(parse_rule(rule), start) == bool(list(instances))


@settings(max_examples=300, deadline=None)
@given(RULES, st.dates(), st.dates())
@example("FREQ=YEARLY;BYMONTH=2,4,6,9,11", date(1, 1, 31), date(1, 1, 31))
@example("FREQ=YEARLY;BYMONTH=2;BYDAY=5MO", date(2072, 2, 29), date(2072, 2, 29))
@example("FREQ=DAILY", date.min, date.max)
@example("FREQ=MONTHLY;BYDAY=5MO,-5TU,5WE,-5TH,5FR,-5SA,5SU", date.min, date.max - timedelta(days=1))
def test_every_rule_is_answered_in_a_bounded_number_of_steps(rule: str, start: date, after: date) -> None:
    parsed = parse_rule(rule)
    assert count_calls(lambda: next_day(parsed, start, after)) < CALLS_MAX


def longest_gap(hits: list[bool], interval: int) -> int:
    """Return the longest way between two hits, or 0 if there are none, by steps in a list that repeats itself."""
    longest, walks = 0, gcd(interval, len(hits))
    for first in range(walks):
        steps = range(2 * len(hits) // walks)
        at = [step for step in steps if hits[(first + interval * step) % len(hits)]]
        longest = max([longest, *(later - earlier for earlier, later in pairwise(at))])
    return longest


@pytest.mark.parametrize("month", range(13))
def test_no_rule_with_a_day_needs_more_periods(month: int) -> None:
    """Prove `PERIODS_MAX` for every month, and for all months together (0), over the 400 years of the calendar.

    Days up to the 28th and weekdays up to the fourth are in every month. A list of days has a day where one of them
    has one. What remains is the 29th, 30th and 31st, and the fifth weekdays.
    """
    months = [(year, m) for year in range(2000, 2400) for m in range(1, 13) if month in {0, m}]
    ranges = [calendar.monthrange(*of_year) for of_year in months]
    intervals = range(1, INTERVAL_MAX["YEARLY" if month else "MONTHLY"] + 1)
    for day in (29, 30, 31):
        hits = [length >= day for _, length in ranges]
        assert max(longest_gap(hits, interval) for interval in intervals) <= PERIODS_MAX
    fifth = [(0 - first) % 7 + 29 <= length for first, length in ranges]
    assert longest_gap(fifth, 1) <= PERIODS_MAX
    assert longest_gap(fifth, 1) == PERIODS_MAX or month != 2


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=DAILY", date(9999, 12, 30), date(9999, 12, 31)),
        ("FREQ=DAILY", date(9999, 12, 31), None),
        ("FREQ=DAILY;INTERVAL=366", date(9999, 1, 1), None),
        ("FREQ=WEEKLY", date(9999, 12, 30), None),
        ("FREQ=MONTHLY;INTERVAL=2", date(9999, 11, 30), None),
        ("FREQ=YEARLY", date(9996, 2, 29), None),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU", date.min, date(1, 1, 14)),
        ("FREQ=YEARLY", date.min, date(2, 1, 1)),
    ],
)
def test_the_calendar_ends_with_the_year_9999(rule: str, start: date, expected: date | None) -> None:
    assert next_day(parse_rule(rule), start, start) == expected
