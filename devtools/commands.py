"""What dev.py does once it runs in its own environment."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
from dotenv import dotenv_values

from config import Config
from devtools.embedded_postgres import PostgresError, end_leftover, locked, running
from devtools.installation import AUDIT_LOCK, BENCH_LOCK, POSTGRES_LOCK, PYTHON, ROOT, SERVICE_LOCK, install, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATA = ROOT / ".data"
GUNICORN_CONF = ROOT / "gunicorn.conf.py"

AUDIT_TIMEOUT = 180.0
"""Seconds for the index of weaknesses to answer about every package."""

START_TIMEOUT = 30.0
"""Seconds until the service must answer."""

Environ = dict[str, str]


def run() -> int:
    """Serve until Ctrl-C, SIGTERM or the end of the terminal."""
    # All of them end it in order; a shell's background job would ignore SIGINT otherwise.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    environ = environment()
    pid_file = DATA / "gunicorn.pid"
    with locked(DATA / "run.lock") as mine:
        if not mine:
            sys.exit("dev.py run is at work in this folder already; stop that one first.")
        end_leftover(pid_file, str(GUNICORN_CONF))
        with contextlib.suppress(KeyboardInterrupt), database(environ) as ready:
            return serve(ready, pid_file)
    return 0


def serve(environ: Environ, pid_file: Path) -> int:
    """Migrate the database and run gunicorn on it."""
    config = Config.from_env(environ)
    refuse_taken_port(config.host, config.port)
    refuse_unreachable_database(config)
    say("bringing the database up to date")
    if call("flask", "db", "upgrade", env=environ):
        return 1
    arguments = ["--config", str(GUNICORN_CONF), "--pid", str(pid_file)]
    # A session of its own, so that Ctrl-C reaches this process alone, and this one ends the server in order.
    server = subprocess.Popen([PYTHON, "-m", "gunicorn", *arguments], env=environ, start_new_session=True)
    try:
        if answers(server, config):
            welcome(config)
        return server.wait()
    finally:
        server.terminate()
        server.wait()


def test(*arguments: str) -> int:
    """Run the tests; all of them with coverage."""
    if not os.environ.get("TEST_DATABASE_URL"):
        install(POSTGRES_LOCK)
    if arguments:
        return call("pytest", *arguments)
    tested = call("coverage", "run", "-m", "pytest")
    return call("coverage", "report") or tested


def check() -> int:
    """Run every check that needs no test; all of them, also after one has failed."""
    commands = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["flask", "db", "upgrade"],
        ["flask", "db", "check"],
    )
    results = []
    with database(environment()) as ready, throwaway_database(ready) as environ:
        for command in commands:
            say(" ".join(command))
            results.append(call(*command, env=environ))
    return max(results)


def bench(*arguments: str) -> int:
    """Run the benchmark, whose databases are made and dropped beside the one that `run` uses."""
    if {"-h", "--help"} & set(arguments):
        return call("benchmarks", *arguments)
    install(BENCH_LOCK)
    with database(environment()) as environ:
        return call("benchmarks", *arguments, env=environ)


def flask(*arguments: str) -> int:
    """Run a flask command on the database that `run` uses."""
    with database(environment()) as environ:
        return call("flask", *arguments, env=environ)


def audit() -> int:
    """Ask for known weaknesses of what the service is made of, by a tool that shares no environment with it."""
    DATA.mkdir(exist_ok=True)
    install(AUDIT_LOCK, DATA / "audit")
    tool = [str(DATA / "audit" / "bin" / "python"), "-m", "pip_audit", "--progress-spinner=off", "--format=json"]
    command = [*tool, "--disable-pip", "--require-hashes", "--requirement", str(ROOT / SERVICE_LOCK)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=AUDIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        return judge("", "no answer in time")
    return judge(ended.stdout, ended.stderr)


def judge(report: str, complaint: str) -> int:
    """Say what the report says and return the exit code; what could not be asked fails nobody."""
    try:
        packages = json.loads(report)["dependencies"]
    except ValueError:
        reason = (complaint.strip().splitlines() or ["silence"])[-1]
        say(f"audit: nothing found out, the index cannot be asked: {reason}")
        return 0
    weak = [(package, fault) for package in packages for fault in package.get("vulns", [])]
    for package, fault in weak:
        mended = ", ".join(fault["fix_versions"]) or "no version"
        say(f"audit: {package['name']} {package['version']} has {fault['id']}, mended in {mended}")
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    unknown = f"; {len(skipped)} could not be asked about: {skipped[0]}" if skipped else ""
    say(f"audit: {len(weak)} weaknesses known of {len(packages) - len(skipped)} packages{unknown}")
    return 1 if weak else 0


COMMANDS: dict[str, Callable[..., int]] = {
    "run": run,
    "test": test,
    "check": check,
    "audit": audit,
    "bench": bench,
    "flask": flask,
}


def call(*command: str, **options: Any) -> int:
    """Run a command and return its exit code. Ctrl-C reaches the command itself, which ends in its own order."""
    process = subprocess.Popen([PYTHON, "-m", *command], **options)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


def environment() -> Environ:
    """Return the settings: the environment, .env, and what development gets where they are silent."""
    environ = {**{name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}, **os.environ}
    DATA.mkdir(exist_ok=True)
    if (environ.get("ENVIRONMENT") or "development") != "development":
        return environ
    if not environ.get("BETTER_AUTH_SECRET"):
        path = DATA / "development-secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        environ["BETTER_AUTH_SECRET"] = path.read_text()
        say(f"BETTER_AUTH_SECRET is not set; the development secret in {path.relative_to(ROOT)} stands in")
    if not environ.get("LOG_FORMAT"):
        environ["LOG_FORMAT"] = "text"
    if not environ.get("MAIL_URL"):
        environ["MAIL_URL"] = (DATA / "mails").as_uri()
        say(f"MAIL_URL is not set; mails are written to {DATA.name}/mails")
    return environ


@contextmanager
def database(environ: Environ) -> Iterator[Environ]:
    """Yield the environment with DATABASE_URL: as it is set, or of a PostgreSQL that runs meanwhile."""
    if environ.get("DATABASE_URL"):
        yield environ
        return
    install(POSTGRES_LOCK)
    try:
        with running(DATA / "postgres") as url:
            yield {**environ, "DATABASE_URL": url}
    except PostgresError as error:
        sys.exit(f"dev.py: {error}")


@contextmanager
def throwaway_database(environ: Environ, purpose: str = "check") -> Iterator[Environ]:
    """Yield the environment with a DATABASE_URL of a new, empty database, so that a check changes nothing."""
    url, name = environ["DATABASE_URL"], f"todo_{purpose}_{os.getpid()}"
    with contextlib.closing(psycopg2.connect(url)) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            try:
                yield {**environ, "DATABASE_URL": urlsplit(url)._replace(path=f"/{name}").geturl()}
            finally:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def refuse_taken_port(host: str, port: int) -> None:
    """End with one clear line where nothing can listen."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno in {errno.EADDRINUSE, errno.EACCES}
            advice = (
                "Choose another: PORT=8001 python3 dev.py run" if taken else "HOST must be an address of this machine"
            )
            sys.exit(f"dev.py cannot serve on {host} port {port}: {error.strerror}. {advice}")


def refuse_unreachable_database(config: Config) -> None:
    """End with one clear line where no database answers."""
    try:
        psycopg2.connect(config.database_url.replace("+psycopg2", ""), connect_timeout=3).close()
    except psycopg2.OperationalError as error:
        sys.exit(f"dev.py cannot reach the database of DATABASE_URL: {str(error).splitlines()[0]}")


def address(config: Config) -> str:
    """Return the address to try the service on."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    return f"http://[{host}]:{config.port}" if ":" in host else f"http://{host}:{config.port}"


def answers(server: subprocess.Popen[bytes], config: Config) -> bool:
    """Wait until the service answers; tell whether it does."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address(config), timeout=5).close()
            return True
        time.sleep(0.05)
    return False


def welcome(config: Config) -> None:
    """Say where it serves, and what to try first."""
    url = address(config)
    say(f"serving on {url} (Ctrl-C stops it)")
    say(f"API reference: {url}/docs")
    say(f"try first: curl {url}/api/auth/sign-up/email -d email=ada@example.com -d 'password=correct horse battery'")
