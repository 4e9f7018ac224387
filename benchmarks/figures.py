"""What was measured, and how servers compare.

A ratio is the median of those of the rounds: both loads of a round ran under nearly the same conditions, while an
absolute figure says more about the machine than about the server.
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
    """A workload of a server."""

    server: str
    workload: str


class Ratio(NamedTuple):
    """The median of the rounds, and how far they lie apart."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, ratios: Iterable[float]) -> Ratio | None:
        """Return the ratio, if there is any round."""
        found = sorted(ratios)
        return cls(median(found), found[0], found[-1]) if found else None


class Growth(NamedTuple):
    """The memory of a worker before the requests, after half of them, and after all."""

    requests: int
    before: Memory
    half: Memory
    end: Memory


@dataclass
class Results:
    """All that was measured: figures by round, runs that failed, memory."""

    figures: dict[Cell, dict[int, Figures]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    growth: Growth | None = None

    def add(self, cell: Cell, number: int, figures: Figures) -> None:
        """Take the figures of a round."""
        self.figures.setdefault(cell, {})[number] = figures

    def middle(self, cell: Cell) -> Figures | None:
        """Return the medians of the rounds."""
        rounds = list(self.figures.get(cell, {}).values())
        if not rounds:
            return None
        columns = ([each for each in column if each is not None] for column in zip(*rounds, strict=True))
        return Figures._make(median(column) if column else None for column in columns)

    def ratio(self, one: Cell, other: Cell, measure: Callable[[Figures], float]) -> Ratio | None:
        """Return how one compares to the other in the rounds that have both."""
        ours, theirs = self.figures.get(one, {}), self.figures.get(other, {})
        common = sorted(set(ours) & set(theirs))
        return Ratio.of(measure(ours[number]) / measure(theirs[number]) for number in common)
