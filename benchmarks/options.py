"""What the benchmark is asked to do."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.workloads import SIGNING, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = Path(__file__).resolve().parent
SEED = HOME.parent.parent / "shared" / "peers" / "run_seed.py"
MEMORY = "memory"

EPILOG = f"""workloads: {", ".join(WORKLOADS)}; each read again as NAME{SIGNING}, while four clients sign in without
pause; {MEMORY}, which looks at a worker's memory over 100,000 requests"""


@dataclass(frozen=True)
class Options:
    """How often and how long, and who takes part."""

    rounds: int
    seconds: int
    workers: int
    connections: int
    only: tuple[str, ...]
    requests: int
    """Of the workload `memory`."""
    seed: Path | None
    peers: tuple[tuple[str, str], ...]
    output: Path | None
    quick: bool

    def wants(self, workload: str) -> bool:
        """Tell whether the workload is to run."""
        return not self.only or workload in self.only


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; it ends the process with help, or with what is wrong."""
    parser = argparse.ArgumentParser("dev.py bench", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--rounds", type=positive, help="rounds; in each every server has every workload once (default 5)")
    add("--seconds", type=positive, help="seconds of each load (default 5)")
    add("--workers", type=positive, default=2, help="worker processes of each server (default 2)")
    add("--connections", type=positive, default=16, help="connections of the load (default 16)")
    add("--only", type=workloads, default=(), metavar="NAME,NAME", help="only these workloads")
    add("--quick", action="store_true", help="to try it: a round of a second, figures that mean little")
    add("--seed", default=str(SEED), metavar="PATH", help="the script that runs the seed's app, or none")
    add("--peer", type=named_url, action="append", default=[], metavar="NAME=URL", help="one more server that runs")
    add("--output", type=Path, metavar="DIR", help="where the results go (default: benchmarks/ if nothing is left out)")
    given = parser.parse_args(arguments)
    whole = not (given.quick or given.only)
    return Options(
        rounds=given.rounds or (1 if given.quick else 5),
        seconds=given.seconds or (1 if given.quick else 5),
        workers=given.workers,
        connections=given.connections,
        only=given.only,
        requests=2_000 if given.quick else 100_000,
        seed=Path(given.seed).resolve() if Path(given.seed).exists() else None,
        peers=tuple(given.peer),
        output=given.output or (HOME if whole else None),
        quick=given.quick,
    )


def positive(text: str) -> int:
    """Read a number above 0."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return int(text)


def workloads(text: str) -> tuple[str, ...]:
    """Read names of workloads."""
    known = {MEMORY, *WORKLOADS, *(f"{name}{SIGNING}" for name, workload in WORKLOADS.items() if workload.reads)}
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no workload {unknown[0]!r}")
    return names


def named_url(text: str) -> tuple[str, str]:
    """Read a server's name and its URL."""
    name, _, url = text.partition("=")
    if not name or not url.startswith("http://"):
        raise argparse.ArgumentTypeError(f"must be such as other=http://localhost:4000, not {text!r}")
    return name, url.rstrip("/")
