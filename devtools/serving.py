"""`dev.py run`: gunicorn on a migrated database, and the checks before it."""

from __future__ import annotations

import contextlib
import errno
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import psycopg2

from config import Config
from devtools.installation import PYTHON, ROOT, print_status, run_module

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.environment import Environ

GUNICORN_CONF = ROOT / "gunicorn.conf.py"

START_TIMEOUT = 30.0
"""Seconds for the service to answer its first request."""


def serve(environ: Environ, pid_file: Path) -> int:
    """Migrate the database and run gunicorn. Return the exit code."""
    config = Config.from_env(environ)
    check_port(config.host, config.port)
    check_database(config)
    print_status("migrating the database")
    if run_module("flask", "db", "upgrade", env=environ):
        return 1
    arguments = ["--config", str(GUNICORN_CONF), "--pid", str(pid_file)]
    # In a session of its own: Ctrl-C reaches only this process, which stops the server.
    server = subprocess.Popen([PYTHON, "-m", "gunicorn", *arguments], env=environ, start_new_session=True)
    try:
        if wait_until_ready(server, config):
            print_welcome(config)
        return server.wait()
    finally:
        server.terminate()
        server.wait()


def check_port(host: str, port: int) -> None:
    """Exit with one line if the address cannot be bound."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            advice = "HOST must be an address of this machine"
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                advice = "Choose another: PORT=8001 python3 dev.py run"
            sys.exit(f"dev.py cannot serve on {host} port {port}: {error.strerror}. {advice}")


def check_database(config: Config) -> None:
    """Exit with one line if the database does not accept a connection."""
    try:
        psycopg2.connect(config.database_url.replace("+psycopg2", ""), connect_timeout=3).close()
    except psycopg2.OperationalError as error:
        sys.exit(f"dev.py cannot reach the database of DATABASE_URL: {str(error).splitlines()[0]}")


def wait_until_ready(server: subprocess.Popen[bytes], config: Config) -> bool:
    """Wait until the service answers. Return whether it does."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(service_url(config), timeout=5).close()
            return True
        time.sleep(0.05)
    return False


def service_url(config: Config) -> str:
    """Return a URL of the service that this machine can open."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    return f"http://[{host}]:{config.port}" if ":" in host else f"http://{host}:{config.port}"


def print_welcome(config: Config) -> None:
    """Print the URL, and a first request to try."""
    url = service_url(config)
    print_status(f"serving on {url} (Ctrl-C stops it)")
    print_status(f"API reference: {url}/docs")
    print_status(
        f"try first: curl {url}/api/auth/sign-up/email -d email=ada@example.com -d 'password=correct horse battery'"
    )
