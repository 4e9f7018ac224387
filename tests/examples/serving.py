"""How the front end of examples/web is served."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.processes import ROOT, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ROOT / "examples" / "web"


@dataclass
class Site:
    """The running front end and its service, which also trusts the origin of the development server."""

    url: str
    development_url: str
    service: str
    mbox: Path


def npm(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run an npm command of the front end."""
    command = ["npm", *arguments]
    return subprocess.run(command, cwd=FOLDER, env={**os.environ, **environ}, text=True, check=False, timeout=300)


@contextmanager
def serving(url: str, command: str, service: str) -> Iterator[None]:
    """Run a command that serves the front end on the port of the URL, until the block ends."""
    environ = {**os.environ, "VITE_API_URL": service}
    arguments = [*command.split(), "--port", url.rpartition(":")[2]]
    process = subprocess.Popen(arguments, cwd=FOLDER, env=environ, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until_ready(url)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)
