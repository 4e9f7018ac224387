"""What the service is to reach, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.figures import Cell
from benchmarks.servers import ALONE, FLOOR, OURS, SEED
from benchmarks.workloads import SIGNING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.figures import Growth, Results
    from benchmarks.load import Figures

WORKER_MAX = 100
GROWTH_MAX = 1.05
"""MiB of a worker, and how much more it may have at the end than after half of the requests: noise, no growth."""


class Outcome(NamedTuple):
    """A target and what was measured; None where it was not."""

    text: str
    wanted: str
    measured: str
    met: bool | None
    missing: float = 0
    """What part of the target is missing, or too much."""


def rate(figures: Figures) -> float:
    """Return the requests a second."""
    return figures.rate


def cost(figures: Figures) -> float:
    """Return the CPU of a request, PostgreSQL's included where it runs here: steadier than a latency under load."""
    return (figures.cpu or 0) + (figures.postgres or 0)


def p99(figures: Figures) -> float:
    """Return the latency that one request in a hundred exceeds."""
    return figures.p99


@dataclass(frozen=True)
class Target:
    """A ratio of two workloads that is at least, or at most, so much."""

    text: str
    one: Cell
    other: Cell
    measure: Callable[[Figures], float]
    least: float | None = None
    most: float | None = None

    def outcome(self, results: Results) -> Outcome:
        """Say whether the results reach it."""
        wanted = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        ratio = results.ratio(self.one, self.other, self.measure)
        if ratio is None:
            return Outcome(self.text, wanted, "n/a", None)
        return judged(self.text, wanted, f"{ratio.middle:.2f}", self.missing(ratio.middle))

    def missing(self, ratio: float) -> float:
        """Return by what part of the target a ratio misses it; nothing or less where it does not."""
        return 1 - ratio / self.least if self.least is not None else ratio / (self.most or 1) - 1


def judged(text: str, wanted: str, measured: str, missing: float) -> Outcome:
    """Return what was measured, which meets the target if nothing is missing."""
    return Outcome(text, wanted, measured, missing <= 0, max(0, missing))


def against(server: str, workload: str, least: float) -> Target:
    """Return the target for requests a second beside another server."""
    return Target(
        f"requests/s on {workload}, to the {server}'s",
        Cell(OURS, workload),
        Cell(server, workload),
        rate,
        least=least,
    )


def patience(workload: str) -> Target:
    """Return the target for the slow requests while others sign in."""
    name = workload + SIGNING
    return Target(f"p99 on {name}, to the seed's", Cell(OURS, name), Cell(SEED, name), p99, most=0.2)


TARGETS = (
    against(SEED, "get", 2.5),
    against(SEED, "list", 3),
    against(SEED, "create", 3.5),
    against(SEED, "update", 3.5),
    against(SEED, "get" + SIGNING, 8),
    patience("get"),
    against(SEED, "list" + SIGNING, 8),
    patience("list"),
    against(FLOOR, "get", 0.6),
    against(FLOOR, "list", 0.7),
    Target("requests/s of a known list (304), to the list's", Cell(OURS, "unchanged"), Cell(OURS, "list"), rate, 1.3),
    Target("CPU of page 1,000, to page 1's", Cell(OURS, "page-1000"), Cell(OURS, "page"), cost, most=1.2),
    Target(
        "CPU of a small user's page, to one without others beside",
        Cell(OURS, "page-small"),
        Cell(ALONE, "page-small"),
        cost,
        most=1.2,
    ),
)


def outcomes(results: Results) -> list[Outcome]:
    """Say of each target whether it is met."""
    return [*(target.outcome(results) for target in TARGETS), *memory_outcomes(results.growth)]


def memory_outcomes(growth: Growth | None) -> list[Outcome]:
    """Say whether a worker's memory stays within its bounds."""
    largest, more = f"≤ {WORKER_MAX} MiB", f"≤ {GROWTH_MAX:g}"
    if growth is None:
        return [Outcome("memory of a worker", largest, "n/a", None), Outcome("its growth", more, "n/a", None)]
    asked = f"after {growth.requests:,} requests"
    size, ratio = growth.end.proportional, growth.end.proportional / growth.half.proportional
    return [
        judged(f"memory of a worker {asked} (PSS)", largest, f"{size:.1f} MiB", size / WORKER_MAX - 1),
        judged(f"memory of a worker {asked}, to that after half", more, f"{ratio:.2f}", ratio / GROWTH_MAX - 1),
    ]
