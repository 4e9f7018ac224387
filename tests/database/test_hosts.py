"""The order in which a process tries the hosts of its database URL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
import pytest
from sqlalchemy import text

from devtools.processes import free_port
from server.setting_parsers.urls import replica_url
from tests.support.databases import application
from todo_api.database.connections import AUTOCOMMIT, REPLICA_AUTOCOMMIT, driver_connection, pool_connection
from todo_api.database.execution import fetch_one
from todo_api.database.hosts import Hosts

if TYPE_CHECKING:
    from flask import Flask


def application_on(database: str, *hosts: str) -> Flask:
    """Return the application on several hosts of the database. A host without a port has that of the server."""
    parts = urlsplit(database)
    user = parts.netloc.rpartition("@")[0]
    netloc = ",".join(host if ":" in host else f"{host}:{parts.port}" for host in hosts)
    return application(parts._replace(netloc=f"{user}@{netloc}").geturl())


def host_in_use(bind: str | None) -> str:
    """Return the host that a connection of the pool leads to."""
    with pool_connection(bind) as connection:
        return str(driver_connection(connection).info.host)


def test_the_first_host_that_accepts_writes_is_used(database: str) -> None:
    app = application_on(database, f"127.0.0.1:{free_port()}", "127.0.0.1")
    assert app.test_client().get("/readyz").status_code == 200
    with app.app_context():
        assert fetch_one(text("SELECT 1 AS one")) == {"one": 1}


def test_after_a_lost_connection_all_connections_lead_to_another_host(database: str) -> None:
    with application_on(database, "127.0.0.1", "localhost").app_context():
        assert [host_in_use(bind) for bind in (AUTOCOMMIT, None)] == ["127.0.0.1", "127.0.0.1"]
        with pytest.raises(psycopg2.Error):
            fetch_one(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert [host_in_use(bind) for bind in (AUTOCOMMIT, None)] == ["localhost", "localhost"]


def test_a_replica_on_the_same_hosts_has_an_order_of_its_own(database: str) -> None:
    parts = urlsplit(database)
    user = parts.netloc.rpartition("@")[0]
    url = parts._replace(netloc=f"{user}@127.0.0.1:{parts.port},localhost:{parts.port}").geturl()
    with application(url, database_replica_url=replica_url(url)).app_context():
        primary, replica = (host_in_use(bind) for bind in (AUTOCOMMIT, REPLICA_AUTOCOMMIT))
        with pytest.raises(psycopg2.Error):
            fetch_one(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert host_in_use(AUTOCOMMIT) != primary
        assert host_in_use(REPLICA_AUTOCOMMIT) == replica


def test_a_missing_port_is_postgresqls() -> None:
    hosts = Hosts("a,b", "")
    hosts.prefer(("b", 5432))
    assert hosts.parameters() == {"host": "b,a", "port": "5432,5432"}
    hosts.avoid(("b", 5432))
    assert hosts.parameters() == {"host": "a,b", "port": "5432,5432"}
