"""The commands about tasks: `flask tasks …`."""

import sys

import click
import psycopg2

from todo_api.operations.cli import Commands, several
from todo_api.tasks import purge as purging
from todo_api.tasks.sync import idempotency

NO_TIME = {"55P03", "57014"}
"""PostgreSQL's codes for a lock that was not to be had in time, and a statement that was not done in time."""

TASKS = Commands("tasks", help="Look after the tasks.")


@TASKS.command("purge")
@click.option("--days", type=click.IntRange(0), default=30, show_default=True, help="How long the trash keeps a task.")
def purge(days: int) -> None:
    """Delete for good what has been in the trash for so many days.

    And what else has had its time: the traces of tasks that were deleted for good, which clients that synchronise have
    so many days to see, and answers kept for an Idempotency-Key, after 24 hours. It also counts anew where somebody has
    other tasks than are counted, as after a change by hand.
    """
    purged, busy = purge_users(days)
    recounted = sum(purging.recount(user_id) for user_id in purging.users_miscounted())
    forgotten = idempotency.purge()
    click.echo(
        f"Deleted {several(purged, 'task')} and {several(forgotten, 'kept answer')};"
        f" counted the tasks of {several(recounted, 'user')} anew."
    )
    if busy:
        raise click.ClickException(f"The tasks of {several(busy, 'user')} were changed all the time; run it again.")


def purge_users(days: int) -> tuple[int, int]:
    """Purge user by user; return the numbers of tasks, and of users for whom there was no time."""
    purged = busy = 0
    users = purging.users_with_old(days)
    with click.progressbar(users, label="Purging", file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:
        for user_id in shown:
            try:
                purged += purging.purge(user_id, days)
            except psycopg2.Error as error:
                if error.pgcode not in NO_TIME:
                    raise
                busy += 1
    return purged, busy
