"""The statements that Citus would split, or send to several nodes, with the reason.

A key is the place that builds them, without `todo_api.`: a function, a variable, or a module.
"""

from __future__ import annotations

from itertools import chain


def inserts(*tables: str) -> set[str]:
    return {f"INSERT INTO {table} with a query" for table in tables}


def unbound(*tables: str) -> set[str]:
    return {f"{table} without a constant user" for table in tables}


BY_EMAIL = unbound("users") | inserts("emails") | {"emails is elsewhere"}
"""An e-mail leads to its user by the directory, which is distributed by the e-mail: two places."""

COUNTING = inserts("rate_limits") | {"now in RETURNING", "now in DO UPDATE"}
"""The counters stay on one node, or in Redis."""

INSERTING = {
    "tasks.queries.statements.create": inserts("tasks"),
    "tasks.recurrence.statements.complete_repeating": inserts("tasks"),
    "tasks.transfer.importer.INSERT_ROWS": inserts("tasks"),
    "tasks.queries.statements.DELETE_PERMANENTLY": inserts("task_tombstones"),
    "tasks.queries.listing.delete_many": inserts("task_tombstones") | {"array_to_string of a column"},
    "tasks.feeds.queries.CREATE": inserts("calendar_feeds"),
    "auth.api_keys.store.fetch_locked": inserts("api_keys"),
    "auth.accounts.change_password": inserts("sessions"),
}
"""They insert what they have locked, checked or deleted: one statement on one node, several on Citus.

A deletion by tag also calls `array_to_string`, which PostgreSQL calls stable: Citus refuses it."""

OF_ALL_USERS = {
    "tasks.purge": unbound("tasks", "task_tombstones", "task_lists"),
    "operations.cli.count_up": unbound("idempotency_keys", "sessions", "password_resets"),
    "operations.cli.print_rows": unbound("users", "sessions", "task_lists", "api_keys"),
    "auth.cli": unbound("users", "sessions", "task_lists"),
    "auth.api_keys.cli": unbound("users", "api_keys"),
}
"""Commands that an operator runs on all nodes."""

ACCOUNTS = {
    "auth.accounts.sign_up": BY_EMAIL | inserts("users", "sessions"),
    "auth.accounts.create_account": BY_EMAIL | inserts("users") | {"WITH before a write"},
    "auth.verification.verify_email.insert_or_find": BY_EMAIL | inserts("users"),
    "auth.verification.change_email": BY_EMAIL,
    "auth.accounts.sign_in": BY_EMAIL | inserts("sessions"),
    "auth.verification.verify_email.request_verification": BY_EMAIL,
    "auth.verification.verify_email.verify_email_of": BY_EMAIL,
    "auth.passwords.reset.request_reset": BY_EMAIL | inserts("password_resets"),
    "auth.passwords.reset.set_password": BY_EMAIL | unbound("sessions", "password_resets", "api_keys"),
    "auth.cli.delete_user": BY_EMAIL,
    "auth.api_keys.cli.find_account": BY_EMAIL,
}

COUNTERS = {
    "rate_limiting.postgres_store": COUNTING,
    "tasks.feeds.reading.READ": COUNTING | {"rate_limits is elsewhere"},
}

FIRST_WRITES = {
    "tasks.queries.locking.CREATE_LIST": inserts("task_lists") | {"WITH before a write"},
}
"""One statement in the life of a user, whose conflict is ignored. Its parts need no common snapshot."""

ALLOWED = dict(
    chain.from_iterable(group.items() for group in (INSERTING, OF_ALL_USERS, ACCOUNTS, COUNTERS, FIRST_WRITES))
)
