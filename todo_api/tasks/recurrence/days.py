"""The days of a rule, computed in a bounded number of steps.

A rule gives days period by period: a day or some days apart, a week, a month or a year. The first period is computed,
not searched, and the grammar limits the intervals. So a rule that gives any day gives one within 40 periods.
"""

from __future__ import annotations

from calendar import isleap
from datetime import MAXYEAR, date
from typing import TYPE_CHECKING

from todo_api.tasks.recurrence.rules import MONTH_LENGTHS

if TYPE_CHECKING:
    from collections.abc import Callable

    from todo_api.tasks.recurrence.rules import Rule

PERIODS_MAX = 40
"""The longest way from one period with a day to the next: years between two fifth Mondays in February, around 2100."""
WEEK = 7
YEAR = 12
FEBRUARY = 2
LAST_DAY = date.max.toordinal()


def next_day(rule: Rule, start: date, after: date) -> date | None:
    """Return the first day after `start` and `after` of the rule that starts on `start` (its DTSTART).

    None: there is no such day before the end of the year 9999.
    """
    earliest = max(start, after).toordinal() + 1
    index_of, days_of = PERIODS[period_kind(rule)]
    first = index_of(rule, start, earliest)
    for index in range(first, first + PERIODS_MAX + 1):
        for day in days_of(rule, start, index):
            if day >= earliest:
                return date.fromordinal(day) if day <= LAST_DAY else None
    return None


def is_first_day(rule: Rule, start: date) -> bool:
    """Return whether the start is itself a day of the rule."""
    _, days_of = PERIODS[period_kind(rule)]
    return start.toordinal() in days_of(rule, start, 0)


def period_kind(rule: Rule) -> str:
    """Return the frequency. Certain weekdays of every day are those of every week."""
    return "WEEKLY" if rule.frequency == "DAILY" and rule.weekdays else rule.frequency


def daily_index(rule: Rule, start: date, day: int) -> int:
    """Return the last period that does not begin after the day, an ordinal."""
    return (day - start.toordinal()) // rule.interval


def daily_days(rule: Rule, start: date, index: int) -> list[int]:
    """Return the day of a period."""
    return [start.toordinal() + rule.interval * index]


def first_week(rule: Rule, start: date) -> int:
    """Return the first day of the week of the start."""
    return start.toordinal() - (start.weekday() - rule.week_start) % WEEK


def weekly_index(rule: Rule, start: date, day: int) -> int:
    """Return the last period that does not begin after the day."""
    return (day - first_week(rule, start)) // (WEEK * rule.interval)


def weekly_days(rule: Rule, start: date, index: int) -> list[int]:
    """Return the days of a week."""
    week = first_week(rule, start) + WEEK * rule.interval * index
    weekdays = [weekday for _, weekday in rule.weekdays] or [start.weekday()]
    return sorted(week + (weekday - rule.week_start) % WEEK for weekday in weekdays)


def monthly_index(rule: Rule, start: date, day: int) -> int:
    """Return the last period that does not begin after the day."""
    month = date.fromordinal(min(day, LAST_DAY))
    return (YEAR * (month.year - start.year) + month.month - start.month) // rule.interval


def monthly_days(rule: Rule, start: date, index: int) -> list[int]:
    """Return the days of a month."""
    year, month = divmod(YEAR * start.year + start.month - 1 + rule.interval * index, YEAR)
    return at_position(rule, days_of_month(rule, start, year, month + 1))


def yearly_index(rule: Rule, start: date, day: int) -> int:
    """Return the last period that does not begin after the day."""
    return (date.fromordinal(min(day, LAST_DAY)).year - start.year) // rule.interval


def yearly_days(rule: Rule, start: date, index: int) -> list[int]:
    """Return the days of a year."""
    year = start.year + rule.interval * index
    months = rule.months or (start.month,)
    return at_position(rule, [day for month in months for day in days_of_month(rule, start, year, month)])


def days_of_month(rule: Rule, start: date, year: int, month: int) -> list[int]:
    """Return the days of a month in their order."""
    if year > MAXYEAR:
        return []
    first = date(year, month, 1)
    length = MONTH_LENGTHS[month - 1] - (month == FEBRUARY and not isleap(year))
    if rule.weekdays:
        days = {day for pair in rule.weekdays for day in weekdays_of_month(*pair, first.weekday(), length)}
    else:
        days = {day if day > 0 else length + 1 + day for day in rule.month_days or (start.day,)}
    return sorted(first.toordinal() + day - 1 for day in days if 1 <= day <= length)


def weekdays_of_month(ordinal: int, weekday: int, first_weekday: int, length: int) -> range | tuple[int]:
    """Return the days of the month that a pair of BYDAY names; those before or after the month do not exist."""
    days = range((weekday - first_weekday) % WEEK + 1, length + 1, WEEK)
    if ordinal == 0:
        return days
    return (days[0] + WEEK * (ordinal - 1) if ordinal > 0 else days[-1] + WEEK * (ordinal + 1),)


def at_position(rule: Rule, days: list[int]) -> list[int]:
    """Return the day that BYSETPOS selects, or all days without it."""
    if rule.position is None:
        return days
    index = rule.position - 1 if rule.position > 0 else rule.position
    return days[index:][:1]


PERIODS: dict[str, tuple[Callable[[Rule, date, int], int], Callable[[Rule, date, int], list[int]]]] = {
    "DAILY": (daily_index, daily_days),
    "WEEKLY": (weekly_index, weekly_days),
    "MONTHLY": (monthly_index, monthly_days),
    "YEARLY": (yearly_index, yearly_days),
}
"""For each frequency, the index of the period of a day, and the days of the period with an index."""
