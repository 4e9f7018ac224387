"""The targets of the service, and whether the results meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.figures import Cell
from benchmarks.servers import ALONE, FLOOR, GRANIAN, SEED, SERVICE
from benchmarks.workloads import SIGNING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.figures import Growth, Results
    from benchmarks.load import Figures

WORKER_MAX = 100
"""MiB of a worker."""
GROWTH_MAX = 1.05
"""The memory of a worker at the end, relative to that after half of the requests. Less is noise."""


class Outcome(NamedTuple):
    """A target and its measurement. `met` is None if there is none."""

    text: str
    required: str
    measured: str
    met: bool | None
    miss: float = 0
    """The fraction by which the target is missed."""


def rate(figures: Figures) -> float:
    """Return the requests per second."""
    return figures.rate


def cost(figures: Figures) -> float:
    """Return the CPU time of a request, including PostgreSQL's. It varies less than a latency under load."""
    return (figures.cpu or 0) + (figures.postgres or 0)


def p99(figures: Figures) -> float:
    """Return the 99th percentile of the latency."""
    return figures.p99


@dataclass(frozen=True)
class Target:
    """A bound of the ratio of two cells."""

    text: str
    numerator: Cell
    denominator: Cell
    measure: Callable[[Figures], float]
    minimum: float | None = None
    maximum: float | None = None

    def outcome(self, results: Results) -> Outcome:
        """Compare the results with the bound."""
        required = f"≥ {self.minimum:g}" if self.minimum is not None else f"≤ {self.maximum:g}"
        ratio = results.ratio(self.numerator, self.denominator, self.measure)
        if ratio is None:
            return Outcome(self.text, required, "n/a", None)
        return compared(self.text, required, f"{ratio.median:.2f}", self.miss(ratio.median))

    def miss(self, ratio: float) -> float:
        """Return the fraction by which a ratio misses the bound. It is 0 or negative if the bound is met."""
        return 1 - ratio / self.minimum if self.minimum is not None else ratio / (self.maximum or 1) - 1


def compared(text: str, required: str, measured: str, miss: float) -> Outcome:
    """Return the outcome of a measurement."""
    return Outcome(text, required, measured, miss <= 0, max(0, miss))


def rate_target(server: str, workload: str, minimum: float, service: str = SERVICE) -> Target:
    """Return the target for the requests per second of the service, relative to another server."""
    on_granian = " of granian" if service == GRANIAN else ""
    text = f"requests/s{on_granian} on {workload}, relative to the {server}"
    return Target(text, Cell(service, workload), Cell(server, workload), rate, minimum)


def p99_target(workload: str) -> Target:
    """Return the target for slow requests during sign-ins."""
    name = workload + SIGNING
    return Target(f"p99 on {name}, relative to the seed", Cell(SERVICE, name), Cell(SEED, name), p99, maximum=0.2)


TARGETS = (
    rate_target(SEED, "get", 2.5),
    rate_target(SEED, "list", 2.4),
    rate_target(SEED, "create", 3.3),
    rate_target(SEED, "update", 3.5),
    rate_target(SEED, "get" + SIGNING, 8),
    p99_target("get"),
    rate_target(SEED, "list" + SIGNING, 8),
    p99_target("list"),
    rate_target(FLOOR, "get", 0.68),
    rate_target(FLOOR, "list", 0.85),
    rate_target(FLOOR, "create", 0.5),
    rate_target(FLOOR, "update", 0.5),
    rate_target(SEED, "get", 4, GRANIAN),
    rate_target(SEED, "list", 3, GRANIAN),
    rate_target(SEED, "create", 4, GRANIAN),
    Target("requests/s of a 304, relative to its list", Cell(SERVICE, "unchanged"), Cell(SERVICE, "list"), rate, 1.3),
    Target(
        "CPU of page 1,000, relative to page 1", Cell(SERVICE, "page-1000"), Cell(SERVICE, "page"), cost, maximum=1.2
    ),
    Target(
        "CPU of a small user's page, relative to a database without a large user",
        Cell(SERVICE, "page-small"),
        Cell(ALONE, "page-small"),
        cost,
        maximum=1.1,
    ),
)


def outcomes(results: Results) -> list[Outcome]:
    """Return the outcome of each target."""
    return [*(target.outcome(results) for target in TARGETS), *memory_outcomes(results.growth)]


def memory_outcomes(growth: Growth | None) -> list[Outcome]:
    """Return the outcomes for the memory of a worker."""
    size_max, growth_max = f"≤ {WORKER_MAX} MiB", f"≤ {GROWTH_MAX:g}"
    if growth is None:
        return [Outcome("memory of a worker", size_max, "n/a", None), Outcome("its growth", growth_max, "n/a", None)]
    text = f"memory of a worker after {growth.requests:,} requests"
    size, ratio = growth.end.proportional, growth.end.proportional / growth.half.proportional
    return [
        compared(f"{text} (PSS)", size_max, f"{size:.1f} MiB", size / WORKER_MAX - 1),
        compared(f"{text}, relative to half of them", growth_max, f"{ratio:.2f}", ratio / GROWTH_MAX - 1),
    ]
