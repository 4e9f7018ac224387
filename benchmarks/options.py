"""Compare todo_api with other servers, under the load of wrk and at a fixed rate."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.workloads import OPEN, RATE, SIGNING, WORKLOADS, workload_names

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = Path(__file__).resolve().parent
MEMORY = "memory"

EPILOG = f"""workloads: {", ".join(WORKLOADS)}; most reads also as NAME{SIGNING}, while four clients sign in
without pause; get and mix also as NAME{OPEN}, at {RATE} requests/s; {MEMORY}: a worker's memory during 100,000
requests"""


@dataclass(frozen=True)
class Options:
    """The parsed command line."""

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
    sizes: bool

    def includes(self, workload: str) -> bool:
        """Return whether the workload runs."""
        return not self.only or workload in self.only


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser("dev.py bench", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--rounds", type=positive, help="rounds; each one runs every workload on every server (default: 5)")
    add("--seconds", type=positive, help="duration of each load in seconds (default: 5)")
    add("--workers", type=positive, default=2, help="worker processes of each server (default: 2)")
    add("--connections", type=positive, default=16, help="connections of the load (default: 16)")
    add("--only", type=workloads, default=(), metavar="NAME,NAME", help="run only these workloads")
    add("--quick", action="store_true", help="one round of one second, to try the benchmark; its figures mean little")
    add("--sizes", action="store_true", help="measure the bytes of a user instead, and write benchmarks/SIZES.md")
    add("--seed", type=existing_file, metavar="PATH", help="a Python script that serves the seed's app, to compare it")
    add("--peer", type=named_url, action="append", default=[], metavar="NAME=URL", help="another running server")
    add("--output", type=Path, metavar="DIR", help="folder of the results (default: benchmarks/ for a complete run)")
    return parser


def parse(arguments: Sequence[str]) -> Options:
    """Parse the command line. Exit with the help or with an error message."""
    parsed = argument_parser().parse_args(arguments)
    is_complete = not (parsed.quick or parsed.only)
    return Options(
        rounds=parsed.rounds or (1 if parsed.quick else 5),
        seconds=parsed.seconds or (1 if parsed.quick else 5),
        workers=parsed.workers,
        connections=parsed.connections,
        only=parsed.only,
        requests=2_000 if parsed.quick else 100_000,
        seed=parsed.seed,
        peers=tuple(parsed.peer),
        output=parsed.output or (HOME if is_complete else None),
        quick=parsed.quick,
        sizes=parsed.sizes,
    )


def positive(text: str) -> int:
    """Parse a number above 0."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return int(text)


def existing_file(text: str) -> Path:
    """Parse the path of a file."""
    path = Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return path


def workloads(text: str) -> tuple[str, ...]:
    """Parse names of workloads, separated by commas."""
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in {MEMORY, *workload_names()}]:
        raise argparse.ArgumentTypeError(f"there is no workload {unknown[0]!r}")
    return names


def named_url(text: str) -> tuple[str, str]:
    """Parse the name of a server and its URL."""
    name, _, url = text.partition("=")
    if not name or not url.startswith("http://"):
        raise argparse.ArgumentTypeError(f"must be a name and a URL such as other=http://localhost:4000, not {text!r}")
    return name, url.rstrip("/")
