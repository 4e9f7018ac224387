"""What processes use, as /proc says: a server with all of its workers, or PostgreSQL with all of its backends."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICK = 1 / os.sysconf("SC_CLK_TCK")
PARENT, USED = 3, slice(13, 17)
"""Places in /proc/PID/stat: the parent; the time used by the process and by its ended children, as user and system."""


class Memory(NamedTuple):
    """MiB of the largest worker: what it has in memory, and its fair share of what processes share."""

    resident: float
    proportional: float


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat, counted from 1 as proc(5) does, less one."""
    text = (PROC / str(pid) / "stat").read_text()
    # The name of the command may hold spaces and brackets.
    return ["", "", *text.rpartition(")")[2].split()]


def tree(root: int) -> list[int]:
    """Return the process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(entry.name)
            children.setdefault(int(stat(pid)[PARENT]), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """Return the time that the tree has used, that of its ended children included."""
    ticks = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            ticks += sum(int(field) for field in stat(pid)[USED])
    return ticks * TICK


def largest_worker(root: int) -> Memory:
    """Return the memory of the largest process under the root."""
    sizes = [Memory(0, 0)]
    for pid in tree(root)[1:]:
        with contextlib.suppress(OSError):
            sizes.append(memory((PROC / str(pid) / "smaps_rollup").read_text()))
    return max(sizes, key=lambda size: size.proportional)


def memory(rollup: str) -> Memory:
    """Read the text of /proc/PID/smaps_rollup."""
    kilobytes = {name: int(number) for name, number in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE)}
    return Memory(kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024)


def postmaster(backend: int) -> int | None:
    """Return the process above a backend of PostgreSQL, or None where the server runs elsewhere."""
    with contextlib.suppress(OSError):
        if (PROC / str(backend) / "comm").read_text().startswith("postgres"):
            return int(stat(backend)[PARENT])
    return None
