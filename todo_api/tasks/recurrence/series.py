"""What remains of a series: a due date, a rule that starts there, and the time zone of both.

Each task of a series says this by its own fields, so that no other row and no calendar has to be asked. The due date
is always an occurrence, so months do not drift: after 31 January comes 31 March.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from todo_api.tasks.recurrence.days import is_first_day, next_day
from todo_api.tasks.recurrence.rules import Rule, parse_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GAPS_MAX = 5
"""The number of successive days without the time of day, after which a series has ended."""
ONE_DAY = timedelta(days=1)


def in_zone(instant: datetime, zone: tzinfo) -> datetime:
    """Return an instant in a time zone. At either end of the calendar, where it has no date there, the clock stays."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant.replace(tzinfo=zone)


class Series(NamedTuple):
    """A due date or a due timestamp, and the rule of those that follow."""

    due: date
    rule: Rule
    zone: ZoneInfo
    from_completion: bool = False

    @classmethod
    def of_task(cls, task: Mapping[str, Any], due: date) -> Series:
        """Return the series of a task that has a rule and this due date."""
        zone = ZoneInfo(task["timezone"] or "UTC")
        return cls(due, parse_rule(task["recurrence"]), zone, task["repeat_from"] == "completion")

    def after(self, now: datetime) -> Series | None:
        """Return what remains when the task is completed now, or None if nothing does."""
        return self.after_day(in_zone(now, self.zone).date())

    def after_day(self, today: date) -> Series | None:
        """Return what remains when the task is completed on this day, or None if nothing does.

        The next due date is the first one after this one that is not before the day. COUNT is the number of tasks that
        remain, this one included.
        """
        if self.rule.count == 1:
            return None
        start = today if self.from_completion else self.day
        last = today - ONE_DAY
        for _ in range(GAPS_MAX):
            day = next_day(self.rule, start, last)
            if day is None or self.is_past_end(day):
                return None
            due = self.due_on_day(day)
            if due is not None:
                count = self.rule.count and self.rule.count - 1
                return self._replace(due=due, rule=replace(self.rule, count=count))
            last = day
        return None

    def upcoming(self, now: datetime) -> Iterator[date]:
        """Yield the due dates that follow if the task is completed now and each later one on the day it is due."""
        today = in_zone(now, self.zone).date()
        series = self.after(now)
        while series is not None:
            yield series.due
            series = series.after_day(max(today, series.day))

    def successor_uid(self, uid: str) -> UUID:
        """Return the uid of the task that follows the task of this uid. It is the same on every device."""
        return uuid5(UUID(uid), self.due.isoformat())

    def calendar_rule(self) -> Rule:
        """Return the rule for a calendar, with the type of UNTIL that RFC 5545 requires: that of the due date."""
        until = self.rule.until
        if isinstance(self.due, datetime) and until and not isinstance(until, datetime):
            end = datetime.combine(until, self.local_due.time(), self.zone)
            return replace(self.rule, until=in_zone(end, UTC).replace(microsecond=0))
        if isinstance(until, datetime) and not isinstance(self.due, datetime):
            return replace(self.rule, until=in_zone(until, self.zone).date())
        return self.rule

    @property
    def starts_on_rule(self) -> bool:
        """Whether the due date is on a day of the rule. A user may have moved it."""
        return is_first_day(self.rule, self.day)

    @property
    def day(self) -> date:
        """The day of the due date in the time zone."""
        return self.local_due.date() if isinstance(self.due, datetime) else self.due

    @property
    def local_due(self) -> datetime:
        """The wall clock of the due timestamp."""
        assert isinstance(self.due, datetime)  # noqa: S101 - for mypy
        return in_zone(self.due, self.zone)

    def due_on_day(self, day: date) -> date | None:
        """Return the due date on a day. None: a change of the clock skips the time of day (RFC 5545 section 3.3.10)."""
        if not isinstance(self.due, datetime):
            return day
        clock = self.local_due.time()
        local = datetime.combine(day, clock, self.zone)
        try:
            due = local.astimezone(UTC)
            return due if due.astimezone(self.zone).time() == clock else None
        except OverflowError:
            return None

    def is_past_end(self, day: date) -> bool:
        """Return whether an occurrence on this day comes after UNTIL."""
        until = self.rule.until
        if not isinstance(until, datetime):
            return until is not None and day > until
        if not isinstance(self.due, datetime):
            return day > in_zone(until, self.zone).date()
        return datetime.combine(day, self.local_due.time(), self.zone) > until
