"""The commands about tasks: `flask tasks …`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import psycopg2
from psycopg2 import errorcodes

from todo_api.operations.cli import CommandGroup, count_up, pluralize
from todo_api.tasks import purge as purging
from todo_api.tasks.models import Task
from todo_api.tasks.sync import idempotency

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMED_OUT = {errorcodes.LOCK_NOT_AVAILABLE, errorcodes.QUERY_CANCELED}
"""PostgreSQL's codes for a lock timeout and a statement timeout."""
DAYS_MAX = 36_500

TASKS = CommandGroup("tasks", help="Maintain tasks.")


@TASKS.command("purge")
@click.option(
    "--days",
    type=click.IntRange(0, DAYS_MAX),
    default=30,
    show_default=True,
    help="Days that the trash keeps a task.",
)
def purge(days: int) -> None:
    """Delete permanently the tasks that have been in the trash for so many days.

    The records of permanently deleted tasks are deleted after the same time; clients that synchronise less often must
    start again. Responses saved for an Idempotency-Key are deleted after 24 hours.

    The oldest are deleted first, in slices, which a terminal counts. If the command is interrupted, run it again.
    """
    timed_out = set[str]()
    tasks = count_up("Deleted tasks", purge_trash(days, timed_out))
    responses = count_up("Deleted saved responses", idempotency.purge_keys())
    click.echo(f"Deleted {pluralize(tasks, 'task')} and {pluralize(responses, 'saved response')}.")
    if timed_out:
        raise click.ClickException(
            f"Timed out on the tasks of {pluralize(len(timed_out), 'user')}; run the command again."
        )


def purge_trash(days: int, timed_out: set[str]) -> Iterator[int]:
    """Purge; yield the number of tasks that each step deletes, and add the users whose purge times out to the set."""
    for expired in purging.expired_rows(days):
        if expired.user_id in timed_out:
            continue
        try:
            number = purging.purge(expired)
        except psycopg2.Error as error:
            if error.pgcode not in TIMED_OUT:
                raise
            timed_out.add(expired.user_id)
        else:
            yield number if expired.table is Task else 0


@TASKS.command("recount")
def recount() -> None:
    """Correct the task counts of users after a change of the database by hand.

    Reads all tasks, those of ten users at a time. If the command is interrupted, run it again.
    """
    users = (purging.recount_user(user_id) for user_ids in purging.users_to_recount() for user_id in user_ids)
    recounted = count_up("Recounted users", users)
    click.echo(f"Recounted the tasks of {pluralize(recounted, 'user')}.")
