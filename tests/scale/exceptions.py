"""The statements that Citus would split, or send to several nodes, with the reason.

A key is the place that builds them, without `todo_api.`: a function, a variable, or a module.
"""

from __future__ import annotations

from itertools import chain


def inserts(*tables: str) -> set[str]:
    return {f"INSERT INTO {table} with a query" for table in tables}


def unbound(*tables: str) -> set[str]:
    return {f"{table} without a constant user" for table in tables}


COUNTING = inserts("rate_limits") | {"now in RETURNING", "now in DO UPDATE"}
"""The counters stay on one node, or in Redis."""

OF_ALL_USERS = {
    "tasks.purge": unbound("tasks", "task_tombstones", "task_lists"),
    "operations.cli.count_up": unbound("idempotency_keys", "sessions", "password_resets"),
    "operations.cli.print_rows": unbound("users", "sessions", "task_lists", "api_keys"),
    "auth.cli.delete_user": unbound("sessions"),
}
"""Commands that an operator runs on all nodes."""

OF_OTHER_KEYS = {
    "auth.verification.verify_email.insert_or_find": {"emails is elsewhere"},
    "rate_limiting.postgres_store": inserts("rate_limits") | {"now in RETURNING", "now in DO UPDATE"},
}
"""A sign-up that requires verification looks for the address and for its user, who may be on two nodes. Each part is
for one row, and the insertion decides between two of them. The counters of rate limits are a table on each node."""

ALLOWED = dict(chain.from_iterable(group.items() for group in (OF_ALL_USERS, OF_OTHER_KEYS)))
