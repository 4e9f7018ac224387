"""`python3 dev.py bench --sizes`: the bytes of a user's rows, measured with a million tasks of 100,000 users."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks.capacity import Size, measured_cpu, report
from benchmarks.databases import execute, version
from benchmarks.servers import MIGRATE
from devtools.environment import temporary_database
from devtools.installation import ROOT, print_status

USERS = 100_000
HOME = Path(__file__).parent

# Values as long as real ones. The users alternate: the tasks of one user are spread over the table, as in production.
# A tenth of the users has made a request with an Idempotency-Key in the last 24 hours.
ROWS = {
    "users": """
INSERT INTO users (id, email, password_hash, name)
SELECT md5(n::text)::uuid::text, 'user-' || n || '@example.com', rpad('$2b$12$', 60, md5(n::text)), 'User ' || n
  FROM generate_series(1, 100000) AS n""",
    "sessions": """
INSERT INTO sessions (user_id, id, token_hash, remembered, expires_at, ends_at, ip_address, user_agent)
SELECT id, md5(id), sha256(id::bytea), true, now() + interval '7 days', now() + interval '90 days', '192.0.2.1',
       rpad('Mozilla/5.0 ', 110, 'x')
  FROM users""",
    "task_lists": "INSERT INTO task_lists (user_id, version, live) SELECT id, 10, 10 FROM users",
    "tasks": """
INSERT INTO tasks (user_id, title, description, due_on, priority, tags, "order", version)
SELECT id, 'File taxes of the year', CASE mod(n, 2) WHEN 0 THEN 'Form 1040, with the receipts' END,
       CASE mod(n, 2) WHEN 0 THEN date '2026-01-01' + n END, 'high', '{home}', 1024 * n, n
  FROM generate_series(1, 10) AS n CROSS JOIN users""",
    "task_tombstones": "INSERT INTO task_tombstones (user_id, id, version) SELECT id, 1, 1 FROM users",
    "idempotency_keys": r"""
INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body)
SELECT id, md5(id), sha256(id::bytea), 201, '[["Content-Type", "application/json"], ["ETag", "\"12\""]]',
       rpad('{"id": 12, "title": "File taxes of the year", ', 450, md5(id))
  FROM users LIMIT 10000""",
}
TABLES = ("users", "emails", *list(ROWS)[1:])
"""`emails` is filled by a trigger on `users`."""

BYTES = "SELECT pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE oid = %s::regclass"


def main(database: str) -> None:
    """Measure the sizes in a database of their own, and write SIZES.md."""
    with temporary_database(database, "bench_sizes") as url:
        print_status("inserting a million tasks of 100,000 users")
        subprocess.run(MIGRATE, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, check=True)
        for statement in ROWS.values():
            execute(url, statement)
        execute(url, "VACUUM ANALYZE")
        text = report({table: size_of(url, table) for table in TABLES}, measured_cpu(), version(url))
    print(text)
    (HOME / "SIZES.md").write_text(text)


def size_of(url: str, table: str) -> Size:
    """Return the size of a table."""
    ((heap, indexes),) = execute(url, BYTES, table)
    return Size(round(int(str(heap)) / USERS), round(int(str(indexes)) / USERS))
