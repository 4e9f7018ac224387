"""An export: one statement, of whose rows few are in memory at a time."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import select

from todo_api.auth.guard import ACCOUNT, Owner, stream_owned
from todo_api.spooling import spooled
from todo_api.tasks.models import Task
from todo_api.tasks.statements import THEIRS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from todo_api.tasks.export_formats import Write

EXPORTED = [column for column in Task.__table__.c if column.name not in {"user_id", "version"}]
EXPORT = select(ACCOUNT, *EXPORTED).select_from(ACCOUNT.outerjoin(Task.__table__, THEIRS)).order_by(Task.id)


def export(owner: Owner, write: Write) -> IO[bytes]:
    """Return a file with the owner's tasks, at its end.

    It is whole before the first byte is sent: what fails is answered as a failure, and the connection does not wait
    for slow clients.
    """
    with ExitStack() as undo:
        file = undo.enter_context(spooled())
        for piece in write_rows(owner, write):  # writelines would fill the memory first
            file.write(piece)
        undo.pop_all()
        return file


def write_rows(owner: Owner, write: Write) -> Iterator[bytes]:
    """Yield the export piece by piece."""
    rows = stream_owned(owner, EXPORT)
    first = next(rows)
    return write(first, (row for row in chain([first], rows) if row["id"] is not None))
