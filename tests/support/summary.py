"""The figures of tests/security and tests/faults, which their tests record as properties, at the end of a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUSES = "statuses"
"""The property of a test of tests/security: how many responses had which status."""
FAULT = "fault"
"""The property of a test of tests/faults: its report in one line."""


def write_summary(terminal: pytest.TerminalReporter) -> None:
    statuses = Counter[int]()
    for counted in recorded(terminal, STATUSES):
        statuses.update(counted)
    if statuses:
        attacks = sum("shows" in report.keywords for report in passed(terminal, "tests/security/"))
        errors = sum(number for status, number in statuses.items() if status >= 500)
        terminal.write_line(
            f"security: {attacks} attacks withstood, {statuses.total()} responses, {errors} of them 5xx"
        )
    if faults := list(recorded(terminal, FAULT)):
        terminal.section("faults")
        for line in faults:
            terminal.write_line(line)


def recorded(terminal: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    """Yield the values of a property. A test's last report has all of its properties."""
    for reports in terminal.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "teardown":
                yield from (value for key, value in report.user_properties if key == name)


def passed(terminal: pytest.TerminalReporter, folder: str) -> list[pytest.TestReport]:
    reports = terminal.getreports("passed")
    return [report for report in reports if report.when == "call" and report.nodeid.startswith(folder)]
