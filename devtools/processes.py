"""Locks, leftover processes and free ports."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_TIMEOUT = 60.0
"""Seconds for a leftover process to exit."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[bool]:
    """Lock the file. Yield whether this process has the lock, which the kernel releases when the process exits."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def stop_leftover(pid_file: Path, argument: str) -> None:
    """Stop the server that outlived a killed dev.py, and remove its PID file.

    The operating system reuses process ids. A process whose command line lacks the argument is another program, and
    is not stopped.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    if argument in command_line(pid):
        os.kill(pid, signal.SIGINT)
        wait_until_exited(pid, argument)
    pid_file.unlink(missing_ok=True)


def command_line(pid: int) -> str:
    """Return the command line of a process, or an empty text if there is no such process."""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    ps = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, check=False, text=True).stdout


def wait_until_exited(pid: int, argument: str) -> None:
    """Return when the process has exited. It is no child of this one, so that it cannot be waited for."""
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline and argument in command_line(pid):
        time.sleep(0.02)


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
