"""The rounds: in each, every workload is given to every server, one server after the other."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from benchmarks.figures import Cell, Growth, Results
from benchmarks.load import LoadError, load, sign_ins
from benchmarks.people import UnexpectedAnswerError
from benchmarks.processes import largest_worker
from benchmarks.workloads import SIGNING, WORKLOADS, Can
from devtools.installation import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.options import Options
    from benchmarks.servers import Server

WARM_UP = 1
"""Seconds for each workload before the first round: connections, plans and caches are made once in a server's life."""


SIGNING_TIMES = 2
"""How much longer a load beside sign-ins is: some servers hardly answer then, and no answer is no figure."""


def cells(servers: Sequence[Server], options: Options) -> list[tuple[Server, str]]:
    """Return what a round consists of."""
    names = [*WORKLOADS, *(f"{name}{SIGNING}" for name, workload in WORKLOADS.items() if workload.reads)]
    return [
        (server, name)
        for name in names
        if options.wants(name)
        for server in servers
        if WORKLOADS[name.removesuffix(SIGNING)].needs in server.can
        and (not name.endswith(SIGNING) or Can.SIGN_INS in server.can)
    ]


def play(servers: Sequence[Server], options: Options) -> Results:
    """Play all rounds and return what they measured. The servers change places from round to round."""
    results = Results()
    chosen = cells(servers, options)
    for server, name in [] if options.quick else chosen:
        if not name.endswith(SIGNING):
            say(f"warming up: {name}, {server.name}")
            once(server, name, WARM_UP, options, results)
    started, done = time.monotonic(), 0
    for number in range(options.rounds):
        for server, name in chosen[:: 1 if number % 2 == 0 else -1]:
            seconds = options.seconds * (SIGNING_TIMES if name.endswith(SIGNING) else 1)
            figures = once(server, name, seconds, options, results, number)
            done += 1
            left = (time.monotonic() - started) / done * (options.rounds * len(chosen) - done)
            shown = f"round {number + 1} of {options.rounds}: {name}, {server.name}: {figures}"
            say(f"{shown} ({left / 60:.0f} min left)")
    results.memory = {server.name: largest_worker(server.pid) for server in servers if server.pid}
    return results


def once(server: Server, name: str, seconds: int, options: Options, results: Results, number: int | None = None) -> str:
    """Load a server once; keep the figures of a round, or why there are none. Return them as text."""
    workload = WORKLOADS[name.removesuffix(SIGNING)]
    beside = sign_ins(server) if name.endswith(SIGNING) else nullcontext()
    try:
        with beside:
            figures = load(server, workload, seconds, options.connections)
    except (LoadError, UnexpectedAnswerError) as error:
        results.failures.append(f"{name}, {server.name}: {error}")
        return f"failed: {error}"
    if number is not None:
        results.add(Cell(server.name, name), number, figures)
    return f"{figures.rate:,.0f} requests/s"


def watch_memory(server: Server, options: Options) -> Growth:
    """Send the mixed workload to a server that has just started, and look at its workers' memory.

    Raises:
        LoadError: a request was answered otherwise than it should be.

    """
    assert server.pid  # noqa: S101 - it is ours
    sizes, sent = [largest_worker(server.pid)], 0
    for goal in (options.requests // 2, options.requests):
        while sent < goal:
            sent += load(server, WORKLOADS["mix"], options.seconds, options.connections).requests
            say(f"memory: {sent:,} of {options.requests:,} requests")
        sizes.append(largest_worker(server.pid))
    return Growth(sent, *sizes)
