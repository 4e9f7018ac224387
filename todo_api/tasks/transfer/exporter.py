"""Export: one statement, whose rows are spooled to a file, formatted into a second file, and sent from there."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from itertools import chain
from typing import IO, TYPE_CHECKING

from sqlalchemy import case, func, select

from todo_api.auth.guard import OWNER_ACCOUNT, Owner, fetch_owned, for_credential, stream_owned
from todo_api.database import replica
from todo_api.database.statements import Statement
from todo_api.http.spooled_upload import spooled_file
from todo_api.tasks.models import LIVE, Task, TaskList
from todo_api.tasks.queries.locking import OWN_LIST
from todo_api.tasks.queries.projection import task_json
from todo_api.tasks.queries.replicated import CURRENT_VERSION, is_current
from todo_api.tasks.queries.statements import OWN_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from marshmallow import Schema

    from todo_api.database.statements import Row
    from todo_api.tasks.transfer.formats import Format

ACCOUNT_COLUMNS = (OWNER_ACCOUNT, func.now().label("exported_at"), CURRENT_VERSION)
ACCOUNT_AND_LIST = OWNER_ACCOUNT.outerjoin(TaskList, OWN_LIST)
ACCOUNT = Statement(select(*ACCOUNT_COLUMNS).select_from(ACCOUNT_AND_LIST))


@cache
def export_statement(schema: Schema) -> Statement:
    """Return the statement that reads the account and the tasks. Only a task in the trash has `deleted_at`."""
    columns = Task.__table__.c
    live_schema = type(schema)(exclude=[*schema.exclude, "deleted_at"])
    task = case((LIVE, task_json(columns, live_schema)), else_=task_json(columns, schema)).label("task")
    return Statement(
        select(*ACCOUNT_COLUMNS, Task.id, task)
        .select_from(ACCOUNT_AND_LIST.outerjoin(Task.__table__, OWN_TASKS))
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
    """Write the tasks to the file, and return the account. The tasks are a replica's if its list is current."""
    statement = export_statement(schema)
    if replica.is_available():
        account = fetch_owned(owner, ACCOUNT, {})[0]
        rows = replica.stream_rows(for_credential(owner, statement), owner.parameters)
        if replica.attempt(lambda: write_if_current(rows, account["list_version"], lines)):
            return account
    rows = stream_owned(owner, statement)
    first = next(rows)
    write_lines(chain([first], rows), lines)
    return first


def write_if_current(rows: Iterator[Row], version: int, lines: IO[bytes]) -> bool:
    """Write the tasks of a replica to the file if its list has the version, and return whether it has."""
    first = next(rows, None)
    if first is None or not is_current(first, version):
        return False
    write_lines(chain([first], rows), lines)
    return True


def write_lines(rows: Iterable[Row], lines: IO[bytes]) -> None:
    """Write the tasks to the beginning of the file as lines of JSON, and rewind it."""
    lines.seek(0)
    lines.truncate()
    for row in rows:
        if row["id"] is not None:
            lines.write(f"{row['task']}\n".encode())
    lines.seek(0)
