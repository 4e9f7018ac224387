"""A coordinator and two workers of Citus, if PostgreSQL is installed with it, and databases distributed over them."""

from __future__ import annotations

import shutil
import signal
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest
from psycopg2 import sql

from devtools.embedded_postgres import PostgresServer
from tests.support.databases import DATA, execute, migrate, unused_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

PARAMETERS = {
    "shared_preload_libraries": "citus",
    "wal_level": "logical",
    "max_connections": "300",
    "max_prepared_transactions": "300",
    "fsync": "off",
    "citus.enable_statistics_collection": "off",
    "citus.node_conninfo": "sslmode=prefer",
}
SHARDS = 8


class Cluster(NamedTuple):
    """The URLs of the databases of one name on the coordinator and the two workers."""

    coordinator: str
    workers: tuple[str, str]


def find_citus() -> Path | None:
    """Return the folder of the programs of a PostgreSQL with Citus, if there is one."""
    programs = [Path(found) for found in [shutil.which("postgres")] if found]
    programs += sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    for program in programs:
        if list(program.resolve().parents[1].glob("lib*/**/citus.so")):
            return program.resolve().parent
    return None


@contextmanager
def citus_cluster() -> Iterator[Cluster]:
    """Start three servers, and yield their URLs. They share a password, with which they connect to each other."""
    binaries = find_citus()
    if binaries is None:
        pytest.skip("no PostgreSQL with the extension citus is installed")
    with ExitStack() as stack:
        urls = [stack.enter_context(running_node(binaries)) for _ in range(3)]
        password = urlsplit(urls[0]).password
        for number, url in enumerate(urls):
            execute(url, "ALTER ROLE postgres PASSWORD %s", password)
            urls[number] = with_password(url, password or "")
        yield Cluster(urls[0], (urls[1], urls[2]))


@contextmanager
def running_node(binaries: Path) -> Iterator[str]:
    """Start a server with Citus, and yield its URL. It loses its data at the end."""
    with unused_folder(DATA / "citus-postgres") as folder:
        server = PostgresServer(folder, 18)
        server.binaries = binaries
        server.initialize()
        process = server.start(PARAMETERS)
        try:
            yield server.wait_until_ready(process)
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown
            process.wait()


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{password}@{parts.hostname}:{parts.port}").geturl()


def distributed_database(servers: Cluster) -> Cluster:
    """Create a database that is distributed over the servers, and return its URLs."""
    cluster = migrated_database(servers)
    migrate(cluster.coordinator, "distribute", "--shards", str(SHARDS))
    return cluster


def migrated_database(servers: Cluster) -> Cluster:
    """Create a database on each server, make them one cluster, migrate the coordinator's, and return their URLs."""
    name = f"todo_test_{uuid.uuid4().hex[:12]}"
    urls = [urlsplit(url)._replace(path=f"/{name}").geturl() for url in (servers.coordinator, *servers.workers)]
    for server, url in zip((servers.coordinator, *servers.workers), urls, strict=True):
        execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        execute(url, "CREATE EXTENSION citus")
        execute(url, "INSERT INTO pg_dist_authinfo VALUES (0, 'postgres', %s)", f"password={urlsplit(url).password}")
    coordinator, *workers = urls
    execute(coordinator, "SELECT citus_set_coordinator_host('127.0.0.1', %s)", urlsplit(coordinator).port)
    for worker in workers:
        execute(coordinator, "SELECT citus_add_node('127.0.0.1', %s)", urlsplit(worker).port)
    migrate(coordinator)
    return Cluster(coordinator, (workers[0], workers[1]))
