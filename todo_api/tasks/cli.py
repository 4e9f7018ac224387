"""The commands about tasks: `flask tasks …`."""

import sys

import click
import psycopg2
from psycopg2 import errorcodes

from todo_api.operations.cli import CommandGroup, pluralize
from todo_api.tasks import purge as purging
from todo_api.tasks.sync import idempotency

TIMED_OUT = {errorcodes.LOCK_NOT_AVAILABLE, errorcodes.QUERY_CANCELED}
"""PostgreSQL's codes for a lock timeout and a statement timeout."""

TASKS = CommandGroup("tasks", help="Maintain tasks.")


@TASKS.command("purge")
@click.option("--days", type=click.IntRange(0), default=30, show_default=True, help="Days that the trash keeps a task.")
def purge(days: int) -> None:
    """Delete permanently the tasks that have been in the trash for so many days.

    The records of permanently deleted tasks are deleted after the same time; clients that synchronise less often must
    start again. Responses saved for an Idempotency-Key are deleted after 24 hours. Wrong task counts, as after a manual
    change of the database, are corrected.
    """
    purged, timed_out = purge_users(days)
    recounted = sum(purging.recount_user(user_id) for user_id in purging.users_to_recount())
    responses = idempotency.purge_keys()
    click.echo(
        f"Deleted {pluralize(purged, 'task')} and {pluralize(responses, 'saved response')};"
        f" recounted the tasks of {pluralize(recounted, 'user')}."
    )
    if timed_out:
        raise click.ClickException(f"Timed out on the tasks of {pluralize(timed_out, 'user')}; run the command again.")


def purge_users(days: int) -> tuple[int, int]:
    """Purge user by user; return the number of deleted tasks and of users whose purge timed out."""
    purged = timed_out = 0
    users = purging.users_to_purge(days)
    with click.progressbar(users, label="Purging", file=sys.stderr, hidden=not sys.stderr.isatty()) as progress:
        for user_id in progress:
            try:
                purged += purging.purge_user(user_id, days)
            except psycopg2.Error as error:
                if error.pgcode not in TIMED_OUT:
                    raise
                timed_out += 1
    return purged, timed_out
