"""The virtual environment of the project: its packages and its modules. Imports only the standard library."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

SERVICE_LOCK = "requirements.lock"
POSTGRES_LOCK = "requirements-postgres.lock"
TEST_LOCK = "requirements-test.lock"
AUDIT_LOCK = "requirements-audit.lock"
CLIENTS_LOCK = "requirements-clients.lock"
CALENDARS_LOCK = "requirements-calendars.lock"
BENCH_LOCK = "requirements-bench.lock"


def print_status(text: str) -> None:
    """Print a line on standard error."""
    print(f"todo_api: {text}", file=sys.stderr, flush=True)


def install(lock: str, venv: Path = VENV) -> None:
    """Install the packages of a lock file, unless a stamp file says that they are installed."""
    python = venv / "bin" / "python"
    text = (ROOT / lock).read_bytes()
    stamp = venv / f"{lock}.installed"
    digest = hashlib.sha256(text).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and python.exists():
        return
    if not python.exists():
        print_status(f"creating a virtual environment in {venv.name}/")
        # Without pip, because Debian's Python lacks ensurepip. `installer` is a program outside the environment.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", venv], check=True)
    print_status(f"installing the {text.count(b'==')} packages of {lock}")
    completed = subprocess.run([*installer(python), "-r", ROOT / lock], capture_output=True, text=True, check=False)
    if completed.returncode:
        reason = (completed.stderr.strip().splitlines() or ["no reason given"])[-1]
        sys.exit(f"dev.py could not install {lock}: {reason}{hint(lock)}")
    stamp.write_text(digest)


def installer(python: Path) -> list[str]:
    """Return the command that installs packages: uv if it is on the path, else pip."""
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--quiet"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", str(python), *options]
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([base, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        sys.exit("dev.py needs pip or uv: apt install python3-pip, or see https://docs.astral.sh/uv/")
    return [base, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check", *options]


def hint(lock: str) -> str:
    """Return advice for a machine that cannot install the lock file."""
    if lock != POSTGRES_LOCK:
        return ""
    return "\nWithout it, start a PostgreSQL yourself and set DATABASE_URL, for the tests TEST_DATABASE_URL."


def run_module(*command: str, env: dict[str, str] | None = None) -> int:
    """Run a module of the environment and return its exit code. Ctrl-C also reaches the module, which stops itself."""
    process = subprocess.Popen([PYTHON, "-m", *command], env=env)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()
