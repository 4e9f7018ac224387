"""The parts of a recurrence rule (RFC 5545 section 3.3.10), each by itself."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT_MAX = 999
INTERVAL_MAX = {"DAILY": 366, "WEEKLY": 52, "MONTHLY": 120, "YEARLY": 10}
"""The largest interval of each frequency. These and `PERIODS_MAX` bound the search for the next day."""
FIFTH = 5
"""No month has more weekdays of a name, and few have as many."""
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NUMBER = re.compile(r"[+-]?[0-9]{1,3}")
WEEKDAY = re.compile(rf"([+-]?[0-9]{{1,2}})?({'|'.join(WEEKDAYS)})")
UNTIL = re.compile(r"[0-9]{8}(T([01][0-9]|2[0-3])[0-9]{4}Z)?")


class InvalidRuleError(ValueError):
    """The text is not a rule of the grammar; the message says why."""


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
