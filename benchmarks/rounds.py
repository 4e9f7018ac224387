"""The rounds. Each one runs every workload on every server, one server after the other."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from benchmarks.accounts import UnexpectedResponseError
from benchmarks.figures import Cell, Growth, Results
from benchmarks.load import LoadError, load, sign_ins
from benchmarks.open_load import open_load
from benchmarks.processes import largest_worker
from benchmarks.workloads import OPEN, RATE, SIGNING, WORKLOADS, Capability, workload_names, workload_of
from devtools.installation import print_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.options import Options
    from benchmarks.servers import Server

WARM_UP = 1
"""Seconds of each workload before the first round, which fill connection pools, plans and caches."""

SIGNING_FACTOR = 2
"""How much longer a load with sign-ins takes: some servers respond so rarely that a short load has no figures."""


def cells(servers: Sequence[Server], options: Options) -> list[tuple[Server, str]]:
    """Return the loads of a round."""
    return [
        (server, name)
        for name in workload_names()
        if options.includes(name)
        for server in servers
        if workload_of(name).requires in server.capabilities
        and (not name.endswith(SIGNING) or Capability.SIGN_INS in server.capabilities)
    ]


def run_rounds(servers: Sequence[Server], options: Options) -> Results:
    """Run all rounds. Every second round runs the loads in reverse order."""
    results = Results()
    loads = cells(servers, options)
    for server, name in [] if options.quick else loads:
        if name in WORKLOADS:
            print_status(f"warming up: {name}, {server.name}")
            run_load(server, name, WARM_UP, options, results)
    started, completed = time.monotonic(), 0
    for number in range(options.rounds):
        for server, name in loads[:: 1 if number % 2 == 0 else -1]:
            seconds = options.seconds * (SIGNING_FACTOR if name.endswith(SIGNING) else 1)
            outcome = run_load(server, name, seconds, options, results, number)
            completed += 1
            remaining = (time.monotonic() - started) / completed * (options.rounds * len(loads) - completed)
            position = f"round {number + 1} of {options.rounds}"
            print_status(f"{position}: {name}, {server.name}: {outcome} ({remaining / 60:.0f} min left)")
    results.memory = {server.name: largest_worker(server.pid) for server in servers if server.pid}
    return results


def run_load(
    server: Server, name: str, seconds: int, options: Options, results: Results, round_number: int | None = None
) -> str:
    """Load a server once. Add the figures of a round, or the failure, to the results. Return the outcome as text."""
    workload = workload_of(name)
    background = sign_ins(server) if name.endswith(SIGNING) else nullcontext()
    try:
        with background:
            if name.endswith(OPEN):
                figures = open_load(server, workload, seconds, RATE)
            else:
                figures = load(server, workload, seconds, options.connections)
    except (LoadError, UnexpectedResponseError) as error:
        results.failures.append(f"{name}, {server.name}: {error}")
        return f"failed: {error}"
    if round_number is not None:
        results.add(Cell(server.name, name), round_number, figures)
    return f"{figures.rate:,.0f} requests/s"


def measure_growth(server: Server, options: Options) -> Growth:
    """Send the mixed workload to a server that has just started, and measure the memory of its workers.

    Raises:
        LoadError: a response was not as expected.

    """
    assert server.pid  # noqa: S101 - the benchmark has started it
    sizes, sent = [largest_worker(server.pid)], 0
    for goal in (options.requests // 2, options.requests):
        while sent < goal:
            sent += load(server, WORKLOADS["mix"], options.seconds, options.connections).requests
            print_status(f"memory: {sent:,} of {options.requests:,} requests")
        sizes.append(largest_worker(server.pid))
    return Growth(sent, *sizes)
