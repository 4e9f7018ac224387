"""The measurements and the ratios of servers.

A ratio is the median of the ratios of the rounds, because both loads of a round run under nearly the same conditions.
An absolute figure says more about the machine than about the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.load import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.processes import Memory


class Cell(NamedTuple):
    """A workload on a server."""

    server: str
    workload: str


class Ratio(NamedTuple):
    """The median of the rounds, and their range."""

    median: float
    minimum: float
    maximum: float

    @classmethod
    def of(cls, ratios: Iterable[float]) -> Ratio | None:
        """Return the ratio, or None without rounds."""
        ordered = sorted(ratios)
        return cls(median(ordered), ordered[0], ordered[-1]) if ordered else None


class Growth(NamedTuple):
    """The memory of a worker before the requests, after half of them, and after all of them."""

    requests: int
    before: Memory
    half: Memory
    end: Memory


@dataclass
class Results:
    """All measurements: figures by round, failed runs, memory."""

    figures: dict[Cell, dict[int, Figures]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    growth: Growth | None = None

    def add(self, cell: Cell, round_number: int, figures: Figures) -> None:
        """Add the figures of a round."""
        self.figures.setdefault(cell, {})[round_number] = figures

    def medians(self, cell: Cell) -> Figures | None:
        """Return the medians of the rounds."""
        rounds = list(self.figures.get(cell, {}).values())
        if not rounds:
            return None
        columns = ([value for value in column if value is not None] for column in zip(*rounds, strict=True))
        return Figures._make(median(column) if column else None for column in columns)

    def ratio(self, numerator: Cell, denominator: Cell, measure: Callable[[Figures], float]) -> Ratio | None:
        """Return the ratio of two cells over the rounds that have both."""
        dividends, divisors = self.figures.get(numerator, {}), self.figures.get(denominator, {})
        common = sorted(set(dividends) & set(divisors))
        return Ratio.of(measure(dividends[number]) / measure(divisors[number]) for number in common)
