"""The contract of routes whose statements insert rows or find an account by its e-mail: in two steps, and on Citus."""

from __future__ import annotations

import re
from importlib import import_module

from tests.auth.test_common_passwords import strict
from tests.tasks.conftest import task
from tests.tasks.recurrence.test_completion import monthly
from tests.tasks.test_delete_by_filter import four_tasks

__all__ = ["four_tasks", "monthly", "strict", "task"]

MODULES = [
    "tasks.test_routes",
    "tasks.test_trash",
    "tasks.test_delete_by_filter",
    "tasks.feeds.test_feeds",
    "tasks.recurrence.test_completion",
    "tasks.sync.test_batch",
    "tasks.sync.test_idempotency",
    "tasks.transfer.test_importer",
    "auth.test_account_deletion",
    "auth.test_common_passwords",
    "auth.test_password_change",
    "auth.test_profile",
    "auth.api_keys.test_access",
    "auth.api_keys.test_creation",
    "auth.api_keys.test_values",
    "auth.routes.test_fields",
    "auth.routes.test_sign_in",
    "auth.routes.test_sign_up",
]

OF_STATEMENTS = {
    "test_a_change_between_the_statements_is_seen",
    "test_a_repeating_completion_is_one_statement_more",
    "test_each_route_sends_one_statement",
    "test_every_statement_is_limited_to_the_user",
    "test_the_number_of_statements_of_each_route",
}
"""They count statements."""

OF_ONE_SERVER = {
    "test_a_key_of_a_running_request_is_409",
    "test_a_session_that_ends_meanwhile_creates_no_key",
    "test_a_sign_in_during_a_change_gets_no_session_for_the_old_password",
    "test_a_task_created_during_an_import_comes_after_it",
    "test_a_unique_index_rejects_a_second_account",
    "test_after_a_day_deletion_requires_the_password",
    "test_an_account_of_the_seed_can_sign_in",
    "test_an_old_session_neither_creates_a_key_nor_gives_it_more",
    "test_another_check_of_the_table_is_no_missing_due_date",
    "test_of_two_concurrent_changes_one_is_rejected",
    "test_the_limit_is_exact_under_concurrent_requests",
}
"""They wait for a lock of the server that they are connected to, or send it statements that Citus refuses."""

OF_INPUT = re.compile("invalid|noncanonical|mistyped|unknown")
"""Names of tests whose requests do not come as far as the database."""

for module in MODULES:
    globals().update(
        {
            f"{name}__{module}": test
            for name, test in vars(import_module(f"tests.{module}")).items()
            if name.startswith("test_") and name not in OF_STATEMENTS | OF_ONE_SERVER and not OF_INPUT.search(name)
        }
    )
