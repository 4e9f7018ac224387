"""The commands of dev.py. They run in the virtual environment of the project."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from devtools.audit import audit
from devtools.environment import DATA, database_environ, development_environ, temporary_database
from devtools.installation import BENCH_LOCK, POSTGRES_LOCK, install, print_status, run_module
from devtools.processes import exclusive_lock, stop_leftover
from devtools.serving import GUNICORN_CONF, serve

if TYPE_CHECKING:
    from collections.abc import Callable


def run() -> int:
    """Serve until Ctrl-C, SIGTERM or SIGHUP."""
    # A background job of a shell ignores SIGINT; an explicit handler overrides that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    environ = development_environ()
    pid_file = DATA / "gunicorn.pid"
    with exclusive_lock(DATA / "run.lock") as acquired:
        if not acquired:
            sys.exit("dev.py run is already running in this folder; stop it first.")
        stop_leftover(pid_file, str(GUNICORN_CONF))
        with contextlib.suppress(KeyboardInterrupt), database_environ(environ) as complete_environ:
            return serve(complete_environ, pid_file)
    return 0


def test(*arguments: str) -> int:
    """Run all tests with coverage, or the quick ones, in parallel; or run pytest with the arguments."""
    if not os.environ.get("TEST_DATABASE_URL"):
        install(POSTGRES_LOCK)
    # More than the cores, because many tests wait for servers.
    parallel = f"--numprocesses={(os.cpu_count() or 1) + 1}"
    if arguments == ("--quick",):
        return run_module("pytest", parallel, "--quick")
    if arguments:
        return run_module("pytest", *arguments)
    exit_code = run_module("pytest", parallel, "-m", "not timed", "--cov", "--cov-report=", "--cov-fail-under=0")
    if exit_code not in {0, 1}:  # pytest was interrupted, or could not run
        return exit_code
    # The tests that expect a duration come last, and nothing runs beside them. The coverage is that of both runs.
    return run_module("pytest", "-m", "timed", "--cov", "--cov-append") or exit_code


def check() -> int:
    """Run every check, also after one has failed. Return the highest exit code."""
    commands = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["flask", "db", "upgrade"],
        ["flask", "db", "check"],
    )
    exit_codes = []
    with (
        database_environ(development_environ()) as environ,
        temporary_database(environ["DATABASE_URL"], "check") as url,
    ):
        for command in commands:
            print_status(" ".join(command))
            exit_codes.append(run_module(*command, env={**environ, "DATABASE_URL": url}))
    return max(exit_codes)


def bench(*arguments: str) -> int:
    """Run the benchmark, in temporary databases on the server of `run`."""
    if {"-h", "--help"} & set(arguments):
        return run_module("benchmarks", *arguments)
    install(BENCH_LOCK)
    with database_environ(development_environ()) as environ:
        return run_module("benchmarks", *arguments, env=environ)


def flask(*arguments: str) -> int:
    """Run a flask command on the database of `run`."""
    with database_environ(development_environ()) as environ:
        return run_module("flask", *arguments, env=environ)


COMMANDS: dict[str, Callable[..., int]] = {
    "run": run,
    "test": test,
    "check": check,
    "audit": audit,
    "bench": bench,
    "flask": flask,
}
