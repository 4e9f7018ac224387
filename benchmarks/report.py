"""The results as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Cell
from benchmarks.servers import FLOOR, OURS, SEED
from benchmarks.targets import outcomes, rate
from benchmarks.workloads import SIGNING, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.figures import Results
    from benchmarks.options import Options
    from benchmarks.targets import Outcome

HEAD = (
    "workload",
    "server",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "PostgreSQL ms",
    "todo_api is … times as fast",
)
TRIED = Path(__file__).with_name("TRIED.md")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int) -> str:
    """Write a number, or n/a where there is none."""
    return "n/a" if value is None else f"{value:,.{digits}f}"


def names() -> list[str]:
    """Return the workloads in their order."""
    return [*WORKLOADS, *(f"{name}{SIGNING}" for name, workload in WORKLOADS.items() if workload.reads)]


def figures(results: Results) -> list[list[str]]:
    """Return the rows of the figures: medians of the rounds, and the ratio with its span."""
    rows = []
    for cell in sorted(results.figures, key=lambda cell: names().index(cell.workload)):
        middle = results.middle(cell)
        assert middle  # noqa: S101 - a cell has a round
        # With sign-ins, the CPU is that of the hashes.
        cpu, postgres = (None, None) if cell.workload.endswith(SIGNING) else (middle.cpu, middle.postgres)
        shown = [number(middle.rate, 0), number(middle.p50, 1), number(middle.p99, 1)]
        shown += [number(cpu, 2), number(postgres, 2), ratio(results, cell)]
        rows.append([cell.workload, cell.server, *shown])
    return rows


def ratio(results: Results, cell: Cell) -> str:
    """Write how many times as fast this service is as the server of the cell."""
    found = results.ratio(Cell(OURS, cell.workload), cell, rate)
    if cell.server == OURS or found is None:
        return ""
    return f"**{found.middle:.2f}** ({found.least:.2f} to {found.most:.2f})"


def targets(results: Results) -> str:
    """Write the table of the targets."""
    rows = [(each.text, each.wanted, each.measured, verdict(each)) for each in outcomes(results)]
    return table(("target", "wanted", "measured", ""), rows)


def verdict(outcome: Outcome) -> str:
    """Say whether a target is met, and else by how much it is missed."""
    if outcome.met is None:
        return "not measured"
    return "met" if outcome.met else f"**missed by {outcome.missing:.0%}**"


def tried(results: Results) -> list[str]:
    """Return what was tried to meet the targets, where one is missed."""
    if all(outcome.met is not False for outcome in outcomes(results)):
        return []
    ceilings = [
        f"- requests/s of the floor itself on {name}, to the seed's: {ratio.middle:.2f}"
        for name in ("get", "list", "create", "update")
        if (ratio := results.ratio(Cell(FLOOR, name), Cell(SEED, name), rate))
    ]
    known = ["No service on this gunicorn can be faster than the floor:", "\n".join(ceilings)] if ceilings else []
    return ["## What was tried", *known, TRIED.read_text().strip()]


def memory(results: Results) -> str:
    """Write the table of the workers' memory."""
    rows = [
        (f"{server}, after all rounds", number(size.proportional, 1), number(size.resident, 1))
        for server, size in results.memory.items()
    ]
    if results.growth:
        growth = results.growth
        moments = {"just started": growth.before, "after half": growth.half, "at the end": growth.end}
        rows += [
            (f"{OURS}, {growth.requests:,} requests, {moment}", number(size.proportional, 1), number(size.resident, 1))
            for moment, size in moments.items()
        ]
    return table(("largest worker", "PSS MiB", "RSS MiB"), rows)


def report(results: Results, options: Options, facts: Mapping[str, str]) -> str:
    """Write all of it."""
    how = (
        f"Medians of the rounds, of which there were {options.rounds}, each load of {options.seconds} s (with sign-ins"
        f" of twice that) by {options.connections} connections; {options.workers} worker processes of each server;"
        " load, servers and PostgreSQL on one machine. CPU is that of a request: of all processes of the server, and"
        " of PostgreSQL."
    )
    described = "\n".join(f"- `{name}`: {workload.text}" for name, workload in WORKLOADS.items())
    parts = [
        "# Results of the benchmark",
        "Written by `python3 dev.py bench`; its ratios tell something, its absolute figures tell of the machine.",
        *(["A trial: rounds so few and short mean little."] if options.quick else []),
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        "## Targets",
        targets(results),
        "## Figures",
        how,
        described + f"\n- `…{SIGNING}`: the same while four clients sign in without pause",
        table(HEAD, figures(results)),
        "## Memory",
        memory(results),
        *tried(results),
        *(["## Failed runs", "\n".join(f"- {failure}" for failure in results.failures)] if results.failures else []),
    ]
    return "\n\n".join(parts) + "\n"
