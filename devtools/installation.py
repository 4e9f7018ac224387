"""The virtual environment of this project, and what is installed into it. Only the standard library is imported."""

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
BENCH_LOCK = "requirements-bench.lock"


def say(text: str) -> None:
    """Print a line on standard error."""
    print(f"todo_api: {text}", file=sys.stderr, flush=True)


def install(lock: str, venv: Path = VENV) -> None:
    """Install the packages of a lock file into the environment, unless its stamp shows that they are installed."""
    python = venv / "bin" / "python"
    text = (ROOT / lock).read_bytes()
    stamp = venv / f"{lock}.installed"
    digest = hashlib.sha256(text).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and python.exists():
        return
    if not python.exists():
        say(f"creating a virtual environment in {venv.name}/")
        # Without pip: Debian's Python lacks ensurepip. An installer from outside fills the environment.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", venv], check=True)
    say(f"installing the {text.count(b'==')} packages of {lock}")
    done = subprocess.run([*installer(python), "-r", ROOT / lock], capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.strip()]
        sys.exit(f"dev.py could not install {lock}: {reasons[-1] if reasons else 'no reason given'}{hint(lock)}")
    stamp.write_text(digest)


def installer(python: Path) -> list[str]:
    """Return the command that installs packages into the environment: uv if it is on the path, else pip."""
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--quiet"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", str(python), *options]
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([base, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        sys.exit("dev.py needs pip or uv: apt install python3-pip, or see https://docs.astral.sh/uv/")
    return [base, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check", *options]


def hint(lock: str) -> str:
    """Return how to work without the packages of a lock file, if that is possible."""
    if lock != POSTGRES_LOCK:
        return ""
    return "\nWithout it, start a PostgreSQL yourself and name it in DATABASE_URL, for the tests in TEST_DATABASE_URL."
