"""The grammar of recurrence rules: the part of RFC 5545 section 3.3.10 that gives days, and never a long search.

docs/api.md has it as a table. What is left out: times of day, day and week numbers of a year, and every combination
that has no use for a task or that clients compute differently.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RULE_MAX = 200
COUNT_MAX = 999
INTERVAL_MAX = {"DAILY": 366, "WEEKLY": 52, "MONTHLY": 120, "YEARLY": 10}
"""The largest interval of each frequency. These and `PERIODS_MAX` bound the search for the next day."""
EXCLUDED_PARTS = {
    "DAILY": ("BYMONTH", "BYMONTHDAY", "BYSETPOS"),
    "WEEKLY": ("BYMONTH", "BYMONTHDAY", "BYSETPOS"),
    "MONTHLY": ("BYMONTH",),
    "YEARLY": (),
}
FIFTH = 5
"""No month has more weekdays of a name, and few have as many."""
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The longest length of each month."""

NUMBER = re.compile(r"[+-]?[0-9]{1,3}")
WEEKDAY = re.compile(rf"([+-]?[0-9]{{1,2}})?({'|'.join(WEEKDAYS)})")
UNTIL = re.compile(r"[0-9]{8}(T([01][0-9]|2[0-3])[0-9]{4}Z)?")
PATTERN = "^[A-Za-z]+=[A-Za-z0-9,+-]+(;[A-Za-z]+=[A-Za-z0-9,+-]+)*$"
"""What every rule matches, for the OpenAPI document."""


class InvalidRuleError(ValueError):
    """The text is not a rule of the grammar; the message says why."""


@dataclass(frozen=True)
class Rule:
    """A recurrence rule. Weekdays count from Monday, 0."""

    frequency: str
    interval: int = 1
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    """Pairs of an ordinal and a weekday. The ordinal is 0 for every such weekday."""
    position: int | None = None
    week_start: int = 0
    count: int | None = None
    until: date | None = None
    """A date, or a datetime in UTC."""

    def __str__(self) -> str:
        """Return the rule in its canonical form."""
        parts = {
            "FREQ": self.frequency,
            "INTERVAL": None if self.interval == 1 else self.interval,
            "BYMONTH": ",".join(map(str, self.months)),
            "BYMONTHDAY": ",".join(map(str, self.month_days)),
            "BYDAY": ",".join(f"{ordinal or ''}{WEEKDAYS[weekday]}" for ordinal, weekday in self.weekdays),
            "BYSETPOS": self.position,
            "WKST": WEEKDAYS[self.week_start] if self.week_start else None,
            "COUNT": self.count,
            "UNTIL": self.until and format_until(self.until),
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def format_until(until: date) -> str:
    """Return a date or a datetime in UTC as RFC 5545 writes it. `strftime` would not pad years before 1000."""
    text = until.isoformat()[:19].replace("-", "").replace(":", "")
    return f"{text}Z" if isinstance(until, datetime) else text


def parse_rule(text: str) -> Rule:
    """Return the rule of a text.

    Raises:
        InvalidRuleError: with a message that names the part.

    """
    values: dict[str, Any] = {}
    for part in text.upper().split(";"):
        name, _, value = part.partition("=")
        if name not in PARSERS:
            raise InvalidRuleError(f"{name or 'An empty part'} is not a part that rules of tasks have.")
        if name in values:
            raise InvalidRuleError(f"{name} is given twice.")
        values[name] = PARSERS[name](name, value)
    check_parts(values)
    # The start of the week matters only where weeks are skipped.
    skips_weeks = values["FREQ"] == "WEEKLY" and values.get("INTERVAL", 1) > 1
    return Rule(
        values["FREQ"],
        values.get("INTERVAL", 1),
        values.get("BYMONTH", ()),
        values.get("BYMONTHDAY", ()),
        values.get("BYDAY", ()),
        values.get("BYSETPOS"),
        values.get("WKST", 0) if skips_weeks else 0,
        values.get("COUNT"),
        values.get("UNTIL"),
    )


def check_parts(values: dict[str, Any]) -> None:
    """Reject parts that do not go together."""
    if "FREQ" not in values:
        raise InvalidRuleError("FREQ is missing.")
    frequency, weekdays = values["FREQ"], values.get("BYDAY", ())
    ordinals = [ordinal for ordinal, _ in weekdays if ordinal]
    has_days = "BYMONTHDAY" in values or "BYDAY" in values
    months = values.get("BYMONTH", range(1, 13))
    longest = max(MONTH_LENGTHS[month - 1] for month in months)
    interval, maximum = values.get("INTERVAL", 1), INTERVAL_MAX[frequency]
    excluded = [name for name in EXCLUDED_PARTS[frequency] if name in values]
    faults = {
        f"{', '.join(excluded)} does not go with FREQ={frequency}.": excluded,
        f"INTERVAL must be at most {maximum} with FREQ={frequency}.": interval > maximum,
        "COUNT and UNTIL do not go together.": "COUNT" in values and "UNTIL" in values,
        "BYDAY does not go with an INTERVAL of days.": frequency == "DAILY" and weekdays and interval > 1,
        f"BYDAY has no ordinals with FREQ={frequency}.": frequency in {"DAILY", "WEEKLY"} and ordinals,
        "BYDAY must have an ordinal for all weekdays or for none.": 0 < len(ordinals) < len(weekdays),
        "BYMONTHDAY and BYDAY do not go together.": "BYMONTHDAY" in values and "BYDAY" in values,
        "A fifth weekday does not go with INTERVAL.": FIFTH in map(abs, ordinals) and interval > 1,
        "BYSETPOS requires BYDAY without ordinals.": "BYSETPOS" in values and (ordinals or not weekdays),
        "FREQ=YEARLY requires BYMONTH for BYMONTHDAY and BYDAY.": (
            frequency == "YEARLY" and has_days and "BYMONTH" not in values
        ),
        "No month of BYMONTH has a day of BYMONTHDAY.": min(map(abs, values.get("BYMONTHDAY", (1,)))) > longest,
    }
    for fault, is_present in faults.items():
        if is_present:
            raise InvalidRuleError(fault)


def parse_frequency(name: str, value: str) -> str:
    """Return a frequency."""
    if value not in INTERVAL_MAX:
        raise InvalidRuleError(f"{name} must be {', '.join(INTERVAL_MAX)}.")
    return value


def number_parser(maximum: int, *, negative: bool = False) -> Callable[[str, str], int]:
    """Return the parser of a whole number from 1 to the maximum, or of its negative."""

    def parse(name: str, value: str) -> int:
        number = int(value) if NUMBER.fullmatch(value) else 0
        if not 1 <= (abs(number) if negative else number) <= maximum:
            raise InvalidRuleError(f"{name} must be from 1 to {maximum}{', or negative' if negative else ''}.")
        return number

    return parse


def list_parser(parse_one: Callable[[str, str], Any]) -> Callable[[str, str], tuple[Any, ...]]:
    """Return the parser of a list, which is sorted and without duplicates."""
    return lambda name, value: tuple(sorted({parse_one(name, element) for element in value.split(",")}))


def parse_weekday(name: str, value: str) -> tuple[int, int]:
    """Return an ordinal, 0 if there is none, and a weekday."""
    match = WEEKDAY.fullmatch(value)
    ordinal = int(match[1] or 0) if match else 0
    if not match or abs(ordinal) > FIFTH or (match[1] and not ordinal):
        raise InvalidRuleError(f"{name} must be weekdays such as MO, or 1MO to 5MO and -1MO to -5MO.")
    return ordinal, WEEKDAYS.index(match[2])


def parse_week_start(name: str, value: str) -> int:
    """Return a weekday."""
    if value not in WEEKDAYS:
        raise InvalidRuleError(f"{name} must be a weekday such as MO.")
    return WEEKDAYS.index(value)


def parse_until(name: str, value: str) -> date:
    """Return a date, or a datetime in UTC."""
    if UNTIL.fullmatch(value):
        with suppress(ValueError):
            return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    raise InvalidRuleError(f"{name} must be a date as 20261001, or a time in UTC as 20261001T150000Z.")


PARSERS: dict[str, Callable[[str, str], Any]] = {
    "FREQ": parse_frequency,
    "INTERVAL": number_parser(max(INTERVAL_MAX.values())),
    "BYMONTH": list_parser(number_parser(12)),
    "BYMONTHDAY": list_parser(number_parser(31, negative=True)),
    "BYDAY": list_parser(parse_weekday),
    "BYSETPOS": number_parser(4, negative=True),
    "WKST": parse_week_start,
    "COUNT": number_parser(COUNT_MAX),
    "UNTIL": parse_until,
}
"""The parts of a rule. Each parser gets the part's name for its message."""
