"""The grammar of recurrence rules: the part of RFC 5545 section 3.3.10 that gives days, and never a long search.

docs/api.md has it as a table. What is left out: times of day, day and week numbers of a year, and every combination
that has no use for a task or that clients compute differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from todo_api.tasks.recurrence.parts import FIFTH, INTERVAL_MAX, PARSERS, WEEKDAYS, InvalidRuleError

RULE_MAX = 200
EXCLUDED_PARTS = {
    "DAILY": ("BYMONTH", "BYMONTHDAY", "BYSETPOS"),
    "WEEKLY": ("BYMONTH", "BYMONTHDAY", "BYSETPOS"),
    "MONTHLY": ("BYMONTH",),
    "YEARLY": (),
}
MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The longest length of each month."""

PATTERN = "^[A-Za-z]+=[A-Za-z0-9,+-]+(;[A-Za-z]+=[A-Za-z0-9,+-]+)*$"
"""What every rule matches, for the OpenAPI document."""


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
    if len(text) > RULE_MAX:
        raise InvalidRuleError(f"A rule has at most {RULE_MAX} characters.")
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
    for fault, is_present in (faults_of_frequency(values) | faults_of_days(values)).items():
        if is_present:
            raise InvalidRuleError(fault)


def faults_of_frequency(values: dict[str, Any]) -> dict[str, Any]:
    """Return what does not go with a frequency, each with whether the rule has it."""
    frequency, interval = values["FREQ"], values.get("INTERVAL", 1)
    excluded = [name for name in EXCLUDED_PARTS[frequency] if name in values]
    maximum = INTERVAL_MAX[frequency]
    has_days = "BYMONTHDAY" in values or "BYDAY" in values
    return {
        f"{', '.join(excluded)} does not go with FREQ={frequency}.": excluded,
        f"INTERVAL must be at most {maximum} with FREQ={frequency}.": interval > maximum,
        "COUNT and UNTIL do not go together.": "COUNT" in values and "UNTIL" in values,
        "BYDAY does not go with an INTERVAL of days.": frequency == "DAILY" and has_days and interval > 1,
        "FREQ=YEARLY requires BYMONTH for BYMONTHDAY and BYDAY.": (
            frequency == "YEARLY" and has_days and "BYMONTH" not in values
        ),
    }


def faults_of_days(values: dict[str, Any]) -> dict[str, Any]:
    """Return what days do not go together, each with whether the rule has it."""
    frequency, weekdays = values["FREQ"], values.get("BYDAY", ())
    ordinals = [ordinal for ordinal, _ in weekdays if ordinal]
    longest = max(MONTH_LENGTHS[month - 1] for month in values.get("BYMONTH", range(1, 13)))
    return {
        f"BYDAY has no ordinals with FREQ={frequency}.": frequency in {"DAILY", "WEEKLY"} and ordinals,
        "BYDAY must have an ordinal for all weekdays or for none.": 0 < len(ordinals) < len(weekdays),
        "BYMONTHDAY and BYDAY do not go together.": "BYMONTHDAY" in values and "BYDAY" in values,
        "A fifth weekday does not go with INTERVAL.": FIFTH in map(abs, ordinals) and values.get("INTERVAL", 1) > 1,
        "BYSETPOS requires BYDAY without ordinals.": "BYSETPOS" in values and (ordinals or not weekdays),
        "No month of BYMONTH has a day of BYMONTHDAY.": min(map(abs, values.get("BYMONTHDAY", (1,)))) > longest,
    }
