"""The machine and the versions of a measurement."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
from importlib.metadata import version as installed_version
from pathlib import Path

from benchmarks import databases


def facts(database: str, load_before: float) -> dict[str, str]:
    """Return the date, the machine with its load average before and after the benchmark, and the versions."""
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "load average": (
            f"{load_before:.2f} before the first round, {os.getloadavg()[0]:.2f} after the last one, which includes the"
            " benchmark itself"
        ),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": databases.version(database),
        **{name: installed_version(name) for name in ("gunicorn", "granian", "Flask", "SQLAlchemy", "psycopg2-binary")},
        "wrk": wrk_version(),
    }


def processor() -> str:
    """Return the name of the processor, or else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return match[1] if match else platform.machine()


def wrk_version() -> str:
    """Return the version of wrk, which prints it with its help and exits with 1."""
    completed = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)  # noqa: S607 - from the path
    match = re.search(r"\d[\w.]*", completed.stdout + completed.stderr)
    return match[0] if match else "unknown"
