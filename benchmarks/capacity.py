"""The bytes and cores for 10^4 to 10^9 users, from the measured bytes of a user and the CPU time of a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.report import bullets, table

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGNITUDES = range(4, 10)

# Assumptions.
ACTIVE = 0.1
"""The share of the users who are active on a day."""
REQUESTS = 50
"""Requests of an active user a day."""
PEAK = 3
"""The requests per second at the peak, relative to the mean of the day."""
LOAD = 0.5
"""The share of a core that is used at the peak."""
BLOAT = 1.3
"""The size of a table with the dead rows that autovacuum has not removed yet, relative to a new one."""

DAY = 24 * 60 * 60
ASSUMPTIONS = (
    "a user has ten tasks, a session and a tombstone, and one of ten has a saved response of an `Idempotency-Key`",
    f"tables and indexes are {BLOAT * 100:.0f} % of their size without dead rows",
    f"{ACTIVE * 100:.0f} % of the users are active on a day, with {REQUESTS} requests each, seven of ten for a list",
    f"the peak of the day has {PEAK} times the mean, and uses {LOAD * 100:.0f} % of the cores",
)


class Size(NamedTuple):
    """The bytes of a table for each user."""

    heap: int
    indexes: int


class CPU(NamedTuple):
    """The CPU time of a request in milliseconds."""

    service: float
    postgres: float


def measured_cpu() -> CPU:
    """Return the CPU time of the workload `mix` in RESULTS.md."""
    results = Path(__file__).with_name("RESULTS.md").read_text()
    match = re.search(r"^\| mix \| todo_api \|(?: [^|]+ \|){3} ([\d.]+) \| ([\d.]+) \|", results, re.MULTILINE)
    assert match  # noqa: S101 - a complete benchmark has it
    return CPU(float(match[1]), float(match[2]))


def report(sizes: Mapping[str, Size], cpu: CPU, postgresql: str) -> str:
    """Return the results as Markdown."""
    mix = (
        f"A request of the workload `mix` in [RESULTS.md](RESULTS.md) takes {cpu.service:.2f} ms of the service's CPU"
        f" and {cpu.postgres:.2f} ms of PostgreSQL's. Assumed:"
    )
    parts = [
        "# Sizes and capacity",
        "`python3 dev.py bench --sizes` writes this file. [docs/scaling.md](../docs/scaling.md) says what follows.",
        f"Measured on PostgreSQL {postgresql} with 100,000 users and a million tasks: bytes for each user.",
        size_table(sizes),
        mix,
        bullets(ASSUMPTIONS),
        capacity_table(sizes, cpu),
    ]
    return "\n\n".join(parts) + "\n"


def size_table(sizes: Mapping[str, Size]) -> str:
    """Return the table of the bytes."""
    rows = [(f"`{name}`", f"{size.heap:,}", f"{size.indexes:,}") for name, size in sizes.items()]
    heap, indexes = totals(sizes)
    return table(("table", "heap", "indexes"), [*rows, ("all", f"{heap:,}", f"{indexes:,}")])


def totals(sizes: Mapping[str, Size]) -> tuple[int, int]:
    """Return the bytes of heaps and of indexes for each user."""
    return sum(size.heap for size in sizes.values()), sum(size.indexes for size in sizes.values())


def capacity_table(sizes: Mapping[str, Size], cpu: CPU) -> str:
    """Return the table of what each number of users needs."""
    heap, indexes = totals(sizes)
    head = ("users", "data", "of it indexes", "requests/s at the peak", "cores of the service", "cores of PostgreSQL")
    rows = []
    for magnitude in MAGNITUDES:
        users = 10**magnitude
        rate = users * ACTIVE * REQUESTS / DAY * PEAK
        data = (gigabytes(users * size) for size in (heap + indexes, indexes))
        cores = (f"{rate * milliseconds / 1000 / LOAD:,.1f}" for milliseconds in cpu)
        rows.append((f"10^{magnitude}", *data, f"{rate:,.0f}", *cores))
    return table(head, rows)


def gigabytes(size: float) -> str:
    """Return a size with its bloat as text."""
    return f"{size * BLOAT / 10**9:,.1f} GB"
