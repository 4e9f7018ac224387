"""The grammar of recurrence rules: what is accepted, how it is written, and what is rejected."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.recurrence import RULES
from todo_api.tasks.recurrence.parts import InvalidRuleError
from todo_api.tasks.recurrence.rules import PATTERN, RULE_MAX, parse_rule


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("FREQ=DAILY", "FREQ=DAILY"),
        ("freq=daily;interval=1", "FREQ=DAILY"),
        ("INTERVAL=02;FREQ=DAILY", "FREQ=DAILY;INTERVAL=2"),
        ("FREQ=DAILY;BYDAY=FR,MO,TU,MO", "FREQ=DAILY;BYDAY=MO,TU,FR"),
        ("FREQ=WEEKLY;WKST=SU", "FREQ=WEEKLY"),
        ("FREQ=MONTHLY;WKST=SU;INTERVAL=2", "FREQ=MONTHLY;INTERVAL=2"),
        ("WKST=SU;FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU"),
        ("FREQ=MONTHLY;BYMONTHDAY=31,-1,+2", "FREQ=MONTHLY;BYMONTHDAY=-1,2,31"),
        ("FREQ=MONTHLY;BYDAY=+1MO,-1FR,5TU", "FREQ=MONTHLY;BYDAY=-1FR,1MO,5TU"),
        ("FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=-4", "FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=-4"),
        ("FREQ=YEARLY;BYMONTHDAY=29;BYMONTH=2,3", "FREQ=YEARLY;BYMONTH=2,3;BYMONTHDAY=29"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=999", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=999"),
        ("FREQ=DAILY;INTERVAL=366;UNTIL=99991231", "FREQ=DAILY;INTERVAL=366;UNTIL=99991231"),
        ("FREQ=DAILY;UNTIL=00010101", "FREQ=DAILY;UNTIL=00010101"),
        ("FREQ=DAILY;UNTIL=20261001T235959Z", "FREQ=DAILY;UNTIL=20261001T235959Z"),
    ],
)
def test_a_rule_is_written_in_its_canonical_form(text: str, canonical: str) -> None:
    assert str(parse_rule(text)) == canonical
    assert parse_rule(canonical) == parse_rule(text)


INVALID = [
    *("", ";", "FREQ", "FREQ=", "FREQ=DAILY;", "RRULE:FREQ=DAILY", "FREQ=DAILY\nEXDATE:20261001", " FREQ=DAILY"),
    *("FREQ=HOURLY", "FREQ=SECONDLY", "INTERVAL=2", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;COUNT=2;COUNT=2"),
    *(f"FREQ=DAILY;INTERVAL={number}" for number in ("0", "-1", "367", "1.5", "x", "", "1" * 5000, "２")),
    *("FREQ=WEEKLY;INTERVAL=53", "FREQ=MONTHLY;INTERVAL=121", "FREQ=YEARLY;INTERVAL=11"),
    *(f"FREQ=DAILY;COUNT={number}" for number in ("0", "-1", "1000")),
    "FREQ=DAILY;COUNT=2;UNTIL=20261001",
    *(f"FREQ=DAILY;UNTIL={until}" for until in ("20260230", "20261001T000000", "2026-10-01", "20261001T240000Z", "")),
    *("FREQ=DAILY;BYMONTH=1", "FREQ=DAILY;BYMONTHDAY=1", "FREQ=DAILY;BYHOUR=9", "FREQ=YEARLY;BYYEARDAY=1"),
    *("FREQ=YEARLY;BYWEEKNO=1", "FREQ=DAILY;X-NAME=1", "FREQ=DAILY;INTERVAL=2;BYDAY=MO", "FREQ=DAILY;BYDAY=1MO"),
    *("FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=", "FREQ=WEEKLY;BYDAY=MO,,TU", "FREQ=WEEKLY;BYSETPOS=1;BYDAY=MO"),
    *("FREQ=MONTHLY;BYDAY=MO,1TU", "FREQ=MONTHLY;BYDAY=6MO", "FREQ=MONTHLY;BYDAY=0MO", "FREQ=MONTHLY;BYDAY=XX"),
    *("FREQ=MONTHLY;BYDAY=MO;BYMONTHDAY=13", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYMONTHDAY=32"),
    *("FREQ=MONTHLY;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=1MO;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5"),
    *("FREQ=MONTHLY;BYMONTH=1", "FREQ=MONTHLY;INTERVAL=2;BYDAY=5MO", "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYDAY=-5MO"),
    *("FREQ=YEARLY;BYMONTHDAY=1", "FREQ=YEARLY;BYDAY=1MO", "FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;BYMONTH=-1"),
    *("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31"),
    *("FREQ=WEEKLY;WKST=1", "FREQ=WEEKLY;WKST="),
]


@pytest.mark.parametrize("text", INVALID, ids=lambda text: repr(text)[:50])
def test_what_is_not_in_the_grammar_is_rejected(text: str) -> None:
    with pytest.raises(InvalidRuleError):
        parse_rule(text)


def test_the_message_names_the_part() -> None:
    with pytest.raises(InvalidRuleError, match=r"^INTERVAL must be at most 10 with FREQ=YEARLY\.$"):
        parse_rule("FREQ=YEARLY;INTERVAL=11")


@given(RULES)
def test_every_rule_is_written_as_it_is_read(text: str) -> None:
    rule = parse_rule(text)
    assert parse_rule(str(rule)) == rule
    assert len(str(rule)) <= len(text) <= RULE_MAX
    assert re.match(PATTERN, text)


@given(st.text("FREQDAILYMONTHWKSTUNBYP=;,-+0123456789", max_size=60))
def test_any_text_is_a_rule_or_rejected(text: str) -> None:
    with suppress(InvalidRuleError):
        assert parse_rule(f"FREQ=MONTHLY;{text}").frequency == "MONTHLY"
