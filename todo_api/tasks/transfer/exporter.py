"""Export: one statement, whose rows are spooled to a file, formatted into a second file, and sent from there."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from itertools import chain
from typing import IO, TYPE_CHECKING

from sqlalchemy import case, func, select

from todo_api.auth.guard import OWNER_ACCOUNT, Owner, stream_owned
from todo_api.database.statements import Statement
from todo_api.http.spooled_upload import spooled_file
from todo_api.tasks.models import LIVE, Task
from todo_api.tasks.queries.projection import task_json
from todo_api.tasks.queries.statements import OWN_TASKS

if TYPE_CHECKING:
    from marshmallow import Schema

    from todo_api.database.statements import Row
    from todo_api.tasks.transfer.formats import Format


@cache
def export_statement(schema: Schema) -> Statement:
    """Return the statement that reads the account and the tasks. Only a task in the trash has `deleted_at`."""
    columns = Task.__table__.c
    live_schema = type(schema)(exclude=[*schema.exclude, "deleted_at"])
    task = case((LIVE, task_json(columns, live_schema)), else_=task_json(columns, schema)).label("task")
    return Statement(
        select(OWNER_ACCOUNT, func.now().label("exported_at"), Task.id, task)
        .select_from(OWNER_ACCOUNT.outerjoin(Task.__table__, OWN_TASKS))
        .order_by(Task.id),
        prepared=False,
    )


def export(owner: Owner, export_format: Format) -> IO[bytes]:
    """Return a file with the owner's tasks, positioned at its end.

    The file is complete before the first byte is sent: a failure becomes an error response. The database connection is
    released before the tasks are formatted and sent.
    """
    with spooled_file() as lines, ExitStack() as on_error:
        account = read_tasks(owner, export_format.schema, lines)
        file = on_error.enter_context(spooled_file())
        for part in export_format.write(account, lines):  # writelines would collect all parts in memory first
            file.write(part)
        on_error.pop_all()
        return file


def read_tasks(owner: Owner, schema: Schema, lines: IO[bytes]) -> Row:
    """Write the tasks to the file as lines of JSON, rewind it, and return the row of the account."""
    rows = stream_owned(owner, export_statement(schema))
    first = next(rows)
    for row in chain([first], rows):
        if row["id"] is not None:
            lines.write(f"{row['task']}\n".encode())
    lines.seek(0)
    return first
