"""The results as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Cell
from benchmarks.servers import FLOOR, GRANIAN, SEED, SERVICE
from benchmarks.targets import outcomes, rate
from benchmarks.workloads import OPEN, RATE, SIGNING, WORKLOADS, workload_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.figures import Results
    from benchmarks.options import Options
    from benchmarks.processes import Memory
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
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {item}" for item in items)


def number(value: float | None, digits: int) -> str:
    """Return the number as text, or n/a."""
    return "n/a" if value is None else f"{value:,.{digits}f}"


def figures(results: Results) -> str:
    """Return the table of the figures: medians of the rounds, and the ratio with its range."""
    rows = []
    names = workload_names()
    for cell in sorted(results.figures, key=lambda cell: names.index(cell.workload)):
        medians = results.medians(cell)
        assert medians  # noqa: S101 - a cell has a round
        # With sign-ins, the CPU time is mostly that of the password hashes.
        cpu, postgres = (None, None) if cell.workload.endswith(SIGNING) else (medians.cpu, medians.postgres)
        columns = [number(medians.rate, 0), number(medians.p50, 1), number(medians.p99, 1)]
        columns += [number(cpu, 2), number(postgres, 2), ratio(results, cell)]
        rows.append([cell.workload, cell.server, *columns])
    return table(HEAD, rows)


def ratio(results: Results, cell: Cell) -> str:
    """Return the requests per second of this service relative to the server of the cell."""
    value = results.ratio(Cell(SERVICE, cell.workload), cell, rate)
    if cell.server == SERVICE or cell.workload.endswith(OPEN) or value is None:
        return ""
    return f"**{value.median:.2f}** ({value.minimum:.2f} to {value.maximum:.2f})"


def targets(results: Results) -> str:
    """Return the table of the targets."""
    rows = [(outcome.text, outcome.required, outcome.measured, verdict(outcome)) for outcome in outcomes(results)]
    return table(("target", "required", "measured", ""), rows)


def verdict(outcome: Outcome) -> str:
    """Return whether a target is met, or by how much it is missed."""
    if outcome.met is None:
        return "not measured"
    return "met" if outcome.met else f"**missed by {outcome.miss:.0%}**"


def tried(results: Results) -> list[str]:
    """Return the attempts to meet the targets, if one is missed."""
    if all(outcome.met is not False for outcome in outcomes(results)):
        return []
    limits = [
        f"requests/s of the floor on {name}, relative to the seed: {ratio.median:.2f}"
        for name in ("get", "list", "create", "update")
        if (ratio := results.ratio(Cell(FLOOR, name), Cell(SEED, name), rate))
    ]
    upper_limit = ["No service on this gunicorn can be faster than the floor:", bullets(limits)] if limits else []
    return ["## What was tried", *upper_limit, TRIED.read_text().strip()]


def memory(results: Results) -> str:
    """Return the table of the workers' memory."""
    sizes: list[tuple[str, Memory]] = [(f"{name}, after all rounds", size) for name, size in results.memory.items()]
    if growth := results.growth:
        steps = {"just started": growth.before, "after half": growth.half, "at the end": growth.end}
        sizes += [(f"{SERVICE}, {growth.requests:,} requests, {step}", size) for step, size in steps.items()]
    rows = [(text, number(size.proportional, 1), number(size.resident, 1)) for text, size in sizes]
    return table(("largest worker", "PSS MiB", "RSS MiB"), rows)


def method(options: Options) -> str:
    """Return how the figures are measured, and the list of the workloads."""
    text = (
        f"Medians of {options.rounds} rounds. A load takes {options.seconds} s, twice that with sign-ins, on"
        f" {options.connections} connections. Each server has {options.workers} worker processes: `{SERVICE}` is the"
        f" service on gunicorn, `{GRANIAN}` the same on granian, `{FLOOR}` a minimal application on the same gunicorn."
        " The load, the servers and PostgreSQL share one machine. CPU is the time per request of the server's"
        " processes, and of PostgreSQL."
    )
    at_fixed_rate = (
        f"`…{OPEN}`: the same at {RATE} requests/s, which are sent whether or not the earlier ones have their"
        " responses; a time counts from the moment at which the request was due"
    )
    beside_sign_ins = f"`…{SIGNING}`: the same while four clients sign in without pause"
    workloads = [f"`{name}`: {workload.text}" for name, workload in WORKLOADS.items()]
    return f"{text}\n\n{bullets([*workloads, beside_sign_ins, at_fixed_rate])}"


def report(results: Results, options: Options, facts: Mapping[str, str]) -> str:
    """Return the report."""
    parts = [
        "# Results of the benchmark",
        "`python3 dev.py bench` writes this file. Compare its ratios; the absolute figures depend on the machine.",
        *(["This was a quick run: its figures mean little."] if options.quick else []),
        bullets(f"{name}: {value}" for name, value in facts.items()),
        "## Targets",
        targets(results),
        "## Figures",
        method(options),
        figures(results),
        "## Memory",
        memory(results),
        *tried(results),
        *(["## Failed runs", bullets(results.failures)] if results.failures else []),
    ]
    return "\n\n".join(parts) + "\n"
