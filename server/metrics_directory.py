"""The directory in which the worker processes share their metrics. The master creates and removes it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable from which prometheus_client reads the directory when it is imported."""

MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp creates private directories
"""A file system in memory, if the machine has it: metrics and heartbeats must not wait for a disk."""


def create(environ: MutableMapping[str, str]) -> None:
    """Create the directory and name it in the environment of the workers. A reload keeps it."""
    prefix = f"todo_api-metrics-{os.getpid()}-"
    if prefix not in environ.get(VARIABLE, ""):
        environ[VARIABLE] = tempfile.mkdtemp(prefix=prefix, dir=MEMORY if MEMORY.is_dir() else None)


def remove_gauges(pid: int) -> None:
    """Remove the gauges of a worker that has exited. Its counters stay."""
    # Imported here: prometheus_client reads the variable when it is imported.
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def remove(environ: MutableMapping[str, str]) -> None:
    """Remove the directory."""
    shutil.rmtree(environ[VARIABLE], ignore_errors=True)
