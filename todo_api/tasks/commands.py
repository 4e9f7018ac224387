"""The commands about tasks: `flask tasks …`."""

import sys

import click

from todo_api.commands import Commands, several
from todo_api.tasks import idempotency, purging

TASKS = Commands("tasks", help="Look after the tasks.")


@TASKS.command("purge")
@click.option("--days", type=click.IntRange(0), default=30, show_default=True, help="How long the trash keeps a task.")
def purge(days: int) -> None:
    """Delete for good what has been in the trash for so many days.

    And what else has had its time: the traces of tasks that were deleted for good, which clients that synchronise have
    so many days to see, and answers kept for an Idempotency-Key, after 24 hours. It also counts anew where somebody has
    other tasks than are counted, as after a change by hand.
    """
    users = purging.users_with_old(days)
    with click.progressbar(users, label="Purging", file=sys.stderr) as shown:
        purged = sum(purging.purge(user_id, days) for user_id in shown)
    recounted = sum(purging.recount(user_id) for user_id in purging.users_miscounted())
    forgotten = idempotency.purge()
    click.echo(
        f"Deleted {several(purged, 'task')} and {several(forgotten, 'kept answer')};"
        f" counted the tasks of {several(recounted, 'user')} anew."
    )
