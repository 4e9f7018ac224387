#!/usr/bin/env python3
"""One script for whoever works on todo_api; it needs Python 3.11 and nothing else.

  python3 dev.py run          serve on http://127.0.0.1:8000, with a PostgreSQL of its own
  python3 dev.py test [ARG …] run the tests; arguments go to pytest, without any the coverage is reported too
  python3 dev.py check        ruff, mypy --strict, and that the migrations say what the models say
  python3 dev.py audit        whether a weakness is known of what requirements.lock names
  python3 dev.py bench [ARG …] measure it beside others, with wrk; python3 dev.py bench --help
  python3 dev.py flask ARG …  any flask command on the database that `run` uses, such as: flask db current

What it installs is locked by hashes and stays in .venv/; what it stores stays in .data/. Settings come from the
environment and from .env (README.md lists them): with DATABASE_URL no PostgreSQL is started, with TEST_DATABASE_URL
none for the tests.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

SERVICE_LOCK = "requirements.lock"
POSTGRES_LOCK = "requirements-postgres.lock"
TEST_LOCK = "requirements-test.lock"
AUDIT_LOCK = "requirements-audit.lock"
BENCH_LOCK = "requirements-bench.lock"


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit("dev.py needs Python 3.11 or later; this is %s." % sys.version.split()[0])
    command, arguments = (sys.argv[1:2] or ["--help"])[0], sys.argv[2:]
    if command in {"-h", "--help", "help"} or (
        command in {"run", "check", "audit"} and arguments in (["-h"], ["--help"])
    ):
        print(__doc__)
        sys.exit()
    if command in {"run", "check", "audit"} and arguments:
        sys.exit(f"dev.py {command} takes no arguments; settings are set as in: PORT=8001 python3 dev.py run")
    if command not in {"run", "test", "check", "audit", "bench", "flask"}:
        sys.exit(f"dev.py has no command {command!r}; python3 dev.py --help lists those it has.")
    install(SERVICE_LOCK)
    if command in {"test", "check"}:
        install(TEST_LOCK)
    if Path(sys.prefix) != VENV:
        os.execv(PYTHON, [str(PYTHON), str(ROOT / "dev.py"), command, *arguments])
    os.chdir(ROOT)
    from devtools.commands import COMMANDS

    sys.exit(COMMANDS[command](*arguments))


def say(text: str) -> None:
    print(f"todo_api: {text}", file=sys.stderr, flush=True)


def install(lock: str, venv: Path = VENV) -> None:
    """Install what the lock lists, unless the stamp says that it is there."""
    python = venv / "bin" / "python"
    text = (ROOT / lock).read_bytes()
    stamp = venv / f"{lock}.installed"
    digest = hashlib.sha256(text).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and python.exists():
        return
    if not python.exists():
        say(f"making a virtual environment in {venv.name}/")
        # Without pip, since Debian's Python lacks ensurepip; an installer from outside fills the environment.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", venv], check=True)
    say(f"installing the {text.count(b'==')} packages of {lock}")
    done = subprocess.run([*installer(python), "-r", ROOT / lock], capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.strip()]
        sys.exit(f"dev.py could not install {lock}: {reasons[-1] if reasons else 'no reason given'}{hint(lock)}")
    stamp.write_text(digest)


def installer(python: Path) -> "list[str]":
    """Return the command that installs into the environment: uv's where there is uv, else pip's."""
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--quiet"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", str(python), *options]
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([base, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        sys.exit("dev.py needs pip or uv: apt install python3-pip, or see https://docs.astral.sh/uv/")
    return [base, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check", *options]


def hint(lock: str) -> str:
    if lock != POSTGRES_LOCK:
        return ""
    return "\nWithout it, start a PostgreSQL yourself and name it in DATABASE_URL, for the tests in TEST_DATABASE_URL."


if __name__ == "__main__":
    main()
