"""PgBouncer in transaction mode, in front of a database."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
import pytest

from devtools.processes import free_port
from tests.support.databases import execute
from tests.support.processes import ROOT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
default_pool_size = {pool_size}
{lines}
"""

DEPLOY = (ROOT / "docs" / "deploy.md").read_text()


@contextmanager
def pgbouncer(database: str, pool_size: int = 2) -> Iterator[str]:
    """Set up the database as docs/deploy.md says, run PgBouncer, and yield the URL of the database through it."""
    if not PGBOUNCER:
        pytest.skip("pgbouncer is not installed (apt install pgbouncer)")
    target, port = urlsplit(database), free_port()
    for statement in documented("sql"):
        execute(database, statement.replace("todo", target.path[1:]))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{target.username}" "{target.password}"\n')
        values = {
            "host": target.hostname,
            "port": target.port,
            "listen_port": port,
            "folder": folder,
            "pool_size": pool_size,
        }
        (folder / "ini").write_text(CONFIGURATION.format(**values, lines="\n".join(documented("ini"))))
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755)  # readable without privileges
        unprivileged = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        process = subprocess.Popen([PGBOUNCER, "-q", str(folder / "ini")], **unprivileged)  # type: ignore[call-overload]
        try:
            url = target._replace(netloc=f"{target.username}:{target.password}@127.0.0.1:{port}").geturl()
            wait_until(lambda: is_reachable(url))
            yield url
        finally:
            process.terminate()
            process.wait()


def documented(language: str) -> list[str]:
    """Return the lines of the block in this language in the section about poolers of docs/deploy.md."""
    section = DEPLOY.partition("## Pooler")[2].partition("\n## ")[0]
    return section.partition(f"```{language}\n")[2].partition("\n```")[0].splitlines()


def is_reachable(url: str) -> bool:
    try:
        return bool(execute(url, "SELECT 1"))
    except psycopg2.OperationalError:
        return False
