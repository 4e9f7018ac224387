"""Export: one statement, whose rows are spooled to a file, formatted into a second file, and sent from there."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain
from typing import IO, TYPE_CHECKING

import orjson
from sqlalchemy import func, select

from todo_api.auth.guard import OWNER_ACCOUNT, Owner, stream_owned
from todo_api.database.statements import Statement
from todo_api.http.spooled_upload import spooled_file
from todo_api.tasks.models import Task
from todo_api.tasks.queries.statements import OWN_TASKS

if TYPE_CHECKING:
    from marshmallow import Schema

    from todo_api.database.statements import Row
    from todo_api.tasks.transfer.formats import Format

EXPORT_COLUMNS = [column for column in Task.__table__.c if column.name not in {"user_id", "version"}]
EXPORT = Statement(
    select(OWNER_ACCOUNT, func.now().label("exported_at"), *EXPORT_COLUMNS)
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
    rows = stream_owned(owner, EXPORT)
    first = next(rows)
    for row in chain([first], rows):
        if row["id"] is not None:
            lines.write(orjson.dumps(schema.dump(row), option=orjson.OPT_APPEND_NEWLINE))
    lines.seek(0)
    return first
