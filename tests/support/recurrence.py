"""Recurrence rules of the whole grammar, and the days that python-dateutil gives for them."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from dateutil.rrule import rrulestr
from hypothesis import strategies as st

from todo_api.tasks.recurrence.parts import INTERVAL_MAX, WEEKDAYS, InvalidRuleError
from todo_api.tasks.recurrence.rules import parse_rule


def join(numbers: list[Any]) -> str:
    return ",".join(map(str, numbers))


def signed(maximum: int) -> st.SearchStrategy[int]:
    return st.integers(-maximum, maximum).filter(bool)


WEEKDAY_LISTS = st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7).map(join)
ORDINAL_LISTS = st.lists(st.builds("{}{}".format, signed(5), st.sampled_from(WEEKDAYS)), min_size=1, max_size=6)
DAYS_OF_MONTH: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"BYMONTHDAY": st.lists(signed(31), min_size=1, max_size=6).map(join)}),
    st.fixed_dictionaries({"BYDAY": ORDINAL_LISTS.map(join)}),
    st.fixed_dictionaries({"BYDAY": WEEKDAY_LISTS}, optional={"BYSETPOS": signed(4)}),
)
WEEKDAYS_ONLY = st.fixed_dictionaries({}, optional={"BYDAY": WEEKDAY_LISTS, "WKST": st.sampled_from(WEEKDAYS)})
MONTHS = st.fixed_dictionaries({"BYMONTH": st.lists(st.integers(1, 12), min_size=1, max_size=12).map(join)})
PARTS = {
    "DAILY": WEEKDAYS_ONLY,
    "WEEKLY": WEEKDAYS_ONLY,
    "MONTHLY": DAYS_OF_MONTH,
    "YEARLY": st.just({}) | st.builds(lambda months, days: months | days, MONTHS, DAYS_OF_MONTH),
}


def is_valid(text: str) -> bool:
    try:
        parse_rule(text)
    except InvalidRuleError:
        return False
    return True


def rule_text(frequency: str, interval: int, parts: dict[str, Any]) -> str:
    return ";".join(f"{name}={value}" for name, value in {"FREQ": frequency, "INTERVAL": interval, **parts}.items())


def rules_of(frequency: str) -> st.SearchStrategy[str]:
    intervals = st.just(1) | st.integers(1, INTERVAL_MAX[frequency])
    return st.builds(rule_text, st.just(frequency), intervals, PARTS[frequency]).filter(is_valid)


RULES = st.sampled_from(list(INTERVAL_MAX)).flatmap(rules_of)
"""Rules without an end."""


def dateutil_days(rule: str, start: date, end: date) -> list[date]:
    """Return the days after the start up to the end."""
    instances = rrulestr(f"{rule};UNTIL={end:%Y%m%d}", dtstart=datetime.combine(start, time()))
    return [instance.date() for instance in instances if instance.date() > start]
