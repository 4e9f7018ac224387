"""The statements that Citus would split, or send to several nodes, with the reason.

A key is the place that builds them, without `todo_api.`: a function, a variable, or a module.
"""

from __future__ import annotations


def unbound(*tables: str) -> set[str]:
    return {f"{table} without a constant user" for table in tables}


OF_ALL_USERS = {
    "tasks.purge": unbound("tasks", "task_tombstones", "task_lists"),
    "operations.cli.count_up": unbound("idempotency_keys", "sessions", "password_resets"),
    "operations.cli.print_rows": unbound("users", "sessions", "task_lists", "api_keys"),
    "auth.cli.delete_user": unbound("sessions"),
}
"""Commands that an operator runs on all nodes."""

OF_OTHER_KEYS = {
    "auth.verification.verify_email.insert_or_find": {"emails is elsewhere"},
    "rate_limiting.postgres_store": {"INSERT INTO rate_limits with a query", "now in RETURNING", "now in DO UPDATE"},
}
"""A sign-up that requires verification looks for the address and for its user, who may be on two nodes. Each part is
for one row, and the insertion decides between two of them. The counters of rate limits are a table on each node."""

ALLOWED = {**OF_ALL_USERS, **OF_OTHER_KEYS}
