"""The commands about tasks: `flask tasks …`."""

import sys

import click
import psycopg2

from todo_api.operations.cli import CommandGroup, pluralize
from todo_api.tasks import purge as purging
from todo_api.tasks.sync import idempotency

TIMED_OUT = {"55P03", "57014"}
"""PostgreSQL's codes for a lock that was not to be had in time, and a statement that was not done in time."""

TASKS = CommandGroup("tasks", help="Look after the tasks.")


@TASKS.command("purge")
@click.option("--days", type=click.IntRange(0), default=30, show_default=True, help="How long the trash keeps a task.")
def purge(days: int) -> None:
    """Delete for good what has been in the trash for so many days.

    And what else has had its time: the traces of tasks that were deleted for good, which clients that synchronise have
    so many days to see, and answers kept for an Idempotency-Key, after 24 hours. It also counts anew where somebody has
    other tasks than are counted, as after a change by hand.
    """
    purged, busy = purge_users(days)
    recounted = sum(purging.recount_user(user_id) for user_id in purging.users_miscounted())
    forgotten = idempotency.purge_keys()
    click.echo(
        f"Deleted {pluralize(purged, 'task')} and {pluralize(forgotten, 'kept answer')};"
        f" counted the tasks of {pluralize(recounted, 'user')} anew."
    )
    if busy:
        raise click.ClickException(f"The tasks of {pluralize(busy, 'user')} were changed all the time; run it again.")


def purge_users(days: int) -> tuple[int, int]:
    """Purge user by user; return the numbers of tasks, and of users for whom there was no time."""
    purged = busy = 0
    users = purging.users_with_old(days)
    with click.progressbar(users, label="Purging", file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:
        for user_id in shown:
            try:
                purged += purging.purge_user(user_id, days)
            except psycopg2.Error as error:
                if error.pgcode not in TIMED_OUT:
                    raise
                busy += 1
    return purged, busy
