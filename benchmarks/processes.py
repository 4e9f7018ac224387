"""CPU time and memory of processes, from /proc: a server with its workers, or PostgreSQL with its backends."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICK = 1 / os.sysconf("SC_CLK_TCK")
PARENT, CPU_TIMES = 3, slice(13, 17)
"""Fields of /proc/PID/stat: the parent; user and system time of the process and of its exited children."""


class Memory(NamedTuple):
    """Memory of a process in MiB: resident set size (RSS), and proportional set size (PSS)."""

    resident: float
    proportional: float


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat. Field n of proc(5) has index n - 1."""
    text = (PROC / str(pid) / "stat").read_text()
    # The second field, the name of the command, may have spaces and brackets.
    return ["", "", *text.rpartition(")")[2].split()]


def tree(root: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(entry.name)
            children.setdefault(int(stat(pid)[PARENT]), []).append(pid)
    pids = [root]
    for pid in pids:
        pids += children.get(pid, [])
    return pids


def cpu_seconds(root: int) -> float:
    """Return the CPU time of the process and its descendants, including exited children."""
    ticks = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            ticks += sum(int(field) for field in stat(pid)[CPU_TIMES])
    return ticks * TICK


def largest_worker(root: int) -> Memory:
    """Return the memory of the largest descendant."""
    sizes = [Memory(0, 0)]
    for pid in tree(root)[1:]:
        with contextlib.suppress(OSError):
            sizes.append(memory((PROC / str(pid) / "smaps_rollup").read_text()))
    return max(sizes, key=lambda size: size.proportional)


def memory(rollup: str) -> Memory:
    """Parse /proc/PID/smaps_rollup."""
    kilobytes = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE)}
    return Memory(kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024)


def postmaster(backend: int) -> int | None:
    """Return the parent of a PostgreSQL backend, or None if the server runs on another machine."""
    with contextlib.suppress(OSError):
        if (PROC / str(backend) / "comm").read_text().startswith("postgres"):
            return int(stat(backend)[PARENT])
    return None
