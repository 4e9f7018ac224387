"""The purge and the lists of commands with a million tasks of 100,000 users: what they read, and their memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.databases import CONFIG, execute, new_database
from tests.support.plans import explain
from tests.support.processes import ROOT, clean_environ, wait_until
from todo_api.clock import now
from todo_api.database.slices import SLICE
from todo_api.tasks.models import Task, Tombstone
from todo_api.tasks.purge import expired_slice

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS = 100_000
EXPIRED = 4_000
TOMBSTONES = 2_000
MEMORY_MAX = 16 * 1024
"""KiB that a command may take for many rows, beyond what it takes for none. The ids of all users would take more."""

# The foreign key is checked once at the end instead of a million times, and the indexes that a purge does not read are
# left out.
FILL = f"""
INSERT INTO users (id, issuer, name)
SELECT 'user-' || to_char(n, 'FM000000'), 'https://id.example', 'Ada' FROM generate_series(1, {USERS}) AS n;
INSERT INTO task_lists (user_id, version, live) SELECT id, 10, 10 FROM users ORDER BY id;
ALTER TABLE tasks DROP CONSTRAINT fk_tasks_user_id_task_lists, DROP CONSTRAINT uq_tasks_user_id_uid;
DROP INDEX ix_tasks_user_id_version_id, ix_tasks_user_id_order_id;
INSERT INTO tasks (user_id, title, version)
SELECT id, 'File taxes', n FROM (SELECT id FROM users ORDER BY id) AS u CROSS JOIN LATERAL generate_series(1, 10) AS n;
ALTER TABLE tasks ADD CONSTRAINT fk_tasks_user_id_task_lists FOREIGN KEY (user_id) REFERENCES task_lists
ON DELETE CASCADE;
"""
# One user of fifty has two expired tasks and one that is in the trash since yesterday, and an expired tombstone.
TRASH = """
CREATE TEMPORARY TABLE chosen AS
SELECT user_id, substr(user_id, 6)::int AS number FROM task_lists WHERE mod(substr(user_id, 6)::int, 50) = 0;
UPDATE tasks SET deleted_at = now() - CASE version WHEN 10 THEN interval '1 day' ELSE interval '31 days' END
                              - mod(number, 1009) * interval '1 min'
  FROM chosen WHERE tasks.user_id = chosen.user_id AND version >= 8;
INSERT INTO task_tombstones (user_id, id, version, deleted_at)
SELECT user_id, 1, 11, now() - interval '31 days' - mod(number, 1013) * interval '1 min' FROM chosen;
UPDATE task_lists SET live = 7, trashed = 3, version = 11 WHERE user_id IN (SELECT user_id FROM chosen);
"""
COUNT_EXPIRED = "SELECT count(*) FROM {} WHERE deleted_at < now() - interval '30 days'"
COUNTS = """
SELECT count(*), sum(live), sum(trashed), count(*) FILTER (WHERE live + trashed <> actual), max(purged)
  FROM task_lists JOIN (SELECT user_id, count(*) AS actual FROM tasks GROUP BY user_id) AS t USING (user_id)
"""


@pytest.fixture(scope="module")
def database(server: str, template: str) -> Iterator[str]:
    with new_database(server, template) as url:
        execute(url, FILL)
        execute(url, TRASH)
        execute(url, "VACUUM ANALYZE")
        yield url


def start(url: str, *arguments: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    environ = clean_environ(BETTER_AUTH_SECRET=CONFIG.better_auth_secret, DATABASE_URL=url)
    return subprocess.Popen([sys.executable, "-m", "flask", *arguments], cwd=ROOT, env=environ, stdout=stdout)


def memory(url: str, *arguments: str) -> tuple[int, bytes]:
    """Run a command. Return the most memory that it had, in KiB, and its output."""
    with tempfile.TemporaryFile() as output:
        process = start(url, *arguments, stdout=output.fileno())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        output.seek(0)
        return usage.ru_maxrss, output.read()


@pytest.mark.parametrize("table", [Task, Tombstone])
def test_a_slice_of_the_purge_reads_expired_rows_only(database: str, table: type[Task | Tombstone]) -> None:
    expired = {"after": datetime.min.replace(tzinfo=UTC), "cutoff": now()}
    plan = explain(database, expired_slice(table), expired)
    assert not plan.has_seq_scan(table.__tablename__)
    assert SLICE <= plan.rows_read(table.__tablename__) <= 1.1 * SLICE
    assert plan.buffers <= 2 * SLICE


def test_a_list_of_users_reads_no_tasks_and_holds_one_slice(database: str, template: str) -> None:
    few, _ = memory(template, "users", "list", "--json")
    many, output = memory(database, "users", "list", "--json")
    users = json.loads(output)
    assert len(users) == USERS
    assert sum(user["tasks"] for user in users) == 10 * USERS
    assert many < few + MEMORY_MAX


def test_a_purge_that_is_killed_is_completed_by_the_next_one(database: str, template: str) -> None:
    before, _ = memory(template, "tasks", "purge")
    assert [expired(database, table) for table in ("tasks", "task_tombstones")] == [EXPIRED, TOMBSTONES]
    killed = start(database, "tasks", "purge")
    wait_until(lambda: expired(database, "tasks") < EXPIRED)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    remaining = expired(database, "tasks")
    assert 0 < remaining < EXPIRED
    most, output = memory(database, "tasks", "purge")
    assert output == f"Deleted {remaining} tasks and 0 saved responses.\n".encode()
    assert most < before + MEMORY_MAX
    assert [expired(database, table) for table in ("tasks", "task_tombstones")] == [0, 0]
    users = TOMBSTONES
    assert execute(database, COUNTS) == [(USERS, 10 * USERS - 3 * users, users, 0, 11)]


def expired(url: str, table: str) -> int:
    ((number,),) = execute(url, COUNT_EXPIRED.format(table))
    assert isinstance(number, int)
    return number
