"""What the figures were measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
from importlib.metadata import version as installed
from pathlib import Path

from benchmarks import databases


def facts(database: str) -> dict[str, str]:
    """Return what tells this machine from another."""
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": databases.version(database),
        **{name: installed(name) for name in ("gunicorn", "Flask", "SQLAlchemy", "psycopg2-binary")},
        "wrk": wrk_version(),
    }


def processor() -> str:
    """Return the name of the processor, where the system says it."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1] if found else platform.machine()


def wrk_version() -> str:
    """Return the version of wrk, which says it with its help and an exit code of 1."""
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)  # noqa: S607 - as load runs it
    found = re.search(r"\d[\w.]*", said.stdout + said.stderr)
    return found[0] if found else "unknown"
