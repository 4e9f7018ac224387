"""An export: one statement, whose rows go into a file first, and from there into the answer."""

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


def export(owner: Owner, form: Format) -> IO[bytes]:
    """Return a file with the owner's tasks, at its end.

    It is whole before the first byte is sent: what fails is answered as a failure, and the connection waits neither
    for slow clients nor for the writing.
    """
    with spooled_file() as lines, ExitStack() as undo:
        account = read_tasks(owner, form.schema, lines)
        file = undo.enter_context(spooled_file())
        for piece in form.write(account, lines):  # writelines would fill the memory first
            file.write(piece)
        undo.pop_all()
        return file


def read_tasks(owner: Owner, schema: Schema, lines: IO[bytes]) -> Row:
    """Copy the tasks into the file, a line of JSON each, go to its beginning, and return whose they are."""
    rows = stream_owned(owner, EXPORT)
    first = next(rows)
    for row in chain([first], rows):
        if row["id"] is not None:
            lines.write(orjson.dumps(schema.dump(row), option=orjson.OPT_APPEND_NEWLINE))
    lines.seek(0)
    return first
