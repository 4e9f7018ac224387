"""Writes whose CHECK constraints can fail, as some rules span the fields of a request and those of the stored task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2.errors import CheckViolation

from todo_api.tasks.errors import RecurrenceNeedsDue
from todo_api.tasks.queries.locking import write_owned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from todo_api.auth.guard import Owner
    from todo_api.database.statements import Row, Statement

RECURRENCE_NEEDS_DUE = "ck_tasks_recurrence_needs_due"


def write_checked(owner: Owner, statement: Statement, parameters: Mapping[str, Any]) -> Row:
    """Run a statement that writes a task, and return its first row.

    Raises:
        RecurrenceNeedsDue: 422.

    """
    try:
        return write_owned(owner, statement, parameters)[0]
    except CheckViolation as error:
        # Citus names the constraint, with the number of the shard, in the message only.
        if RECURRENCE_NEEDS_DUE in (error.diag.message_primary or ""):
            raise RecurrenceNeedsDue from None
        raise
