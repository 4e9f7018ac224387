"""An import: the document is checked as a whole first, and then written in one transaction, a chunk a statement.

What was checked lies in a file, a row a line, so that other writers of the user wait for the writing only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import orjson
from marshmallow import ValidationError
from sqlalchemy import Integer, Text, and_, bindparam, case, cast, column, exists, func, literal, select, true, update
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_api.auth.guard import LIVE_SESSION, LOCKED_OWNER, Owner, fetch_owned, write_owned
from todo_api.database.execution import transaction
from todo_api.database.statements import Statement
from todo_api.http.errors import InvalidInput
from todo_api.http.request_body import ERRORS_MAX, flatten_errors
from todo_api.tasks.errors import TaskLimitReached
from todo_api.tasks.models import LIVE, Task, TaskList
from todo_api.tasks.queries.statements import ORDER_STEP, OWN_LIST, OWN_TASKS, OWNER_ID
from todo_api.tasks.transfer.document_reader import read_tasks
from todo_api.tasks.transfer.schemas import TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from sqlalchemy import Column, ColumnElement

CHUNK_MAX = 256 * 1024
"""Bytes of the rows of one statement, some hundred of them; the row that reaches it is the last one."""

TASK_SCHEMA = TransferTaskSchema()
IMPORTED_COLUMNS: list[Any] = [each for each in Task.__table__.c if each.name not in {"user_id", "id", "version"}]
ROWS = func.json_to_recordset(cast(bindparam("sent_rows", type_=Text), JSON))
ROWS_TABLE = ROWS.table_valued(
    column("place", Integer), *(column(each.name, each.type) for each in IMPORTED_COLUMNS)
).render_derived(name="sent", with_types=True)
"""The rows of a chunk as a table."""

LOCK_LIST = Statement(
    upsert(TaskList)
    .from_select(["user_id"], select(OWNER_ID).select_from(LOCKED_OWNER))
    .on_conflict_do_update(index_elements=["user_id"], set_={"version": TaskList.version})
    .returning(TaskList.version, (TaskList.live + TaskList.trashed).label("number"))
)
"""Locks the user's counter, or makes it: nobody else changes tasks of the user up to the end of the transaction."""

COUNT_TASKS = Statement(
    select(func.coalesce(TaskList.live + TaskList.trashed, 0).label("number")).select_from(
        LIVE_SESSION.outerjoin(TaskList.__table__, OWN_LIST)
    )
)
COUNT_KNOWN = Statement(
    select(func.count(Task.id).label("known"))
    .select_from(
        LIVE_SESSION.join(ROWS_TABLE, true()).outerjoin(Task.__table__, and_(OWN_TASKS, Task.uid == ROWS_TABLE.c.uid))
    )
    .group_by(LIVE_SESSION.c.one)
)


def value_or_default(each: Column[Any]) -> ColumnElement[Any]:
    """Return what was sent for a column, or what the column has by itself where it must have something."""
    sent = ROWS_TABLE.c[each.name]
    default = getattr(each.server_default, "arg", None)
    if each.nullable or default is None:
        return sent
    return func.coalesce(sent, cast(literal(default), each.type) if isinstance(default, str) else default)


def insert_statement() -> Statement:
    """Return the statement that adds the tasks of a chunk in their order, but those whose uid is there already."""
    sent = ROWS_TABLE.c
    highest = select(func.max(Task.order)).where(OWN_TASKS, LIVE).scalar_subquery()
    last = func.coalesce(func.greatest(highest, func.max(sent.order).over()), 0)
    values = {
        **{each.name: value_or_default(each) for each in IMPORTED_COLUMNS},
        "user_id": OWNER_ID,
        "version": bindparam("new_version"),
        "completed_at": case((sent.completed, func.coalesce(sent.completed_at, func.now()))),
        "order": func.coalesce(sent.order, last + ORDER_STEP * func.row_number().over(order_by=sent.place)),
    }
    rows = select(*values.values()).where(exists(select(LIVE_SESSION.c.one))).order_by(sent.place)
    added = upsert(Task).from_select(list(values), rows).on_conflict_do_nothing(index_elements=["user_id", "uid"])
    new = added.returning(Task.id, Task.deleted_at).cte("added")
    counts = select(func.count(new.c.id).label("created"), func.count(new.c.deleted_at).label("trashed"))
    return Statement(counts.select_from(LIVE_SESSION.outerjoin(new, true())).group_by(LIVE_SESSION.c.one))


INSERT_ROWS = insert_statement()
UPDATE_LIST = Statement(
    update(TaskList)
    .where(OWN_LIST, exists(select(LIVE_SESSION.c.one)))
    .values(
        version=TaskList.version + bindparam("more_live") + bindparam("more_trashed"),
        live=TaskList.live + bindparam("more_live"),
        trashed=TaskList.trashed + bindparam("more_trashed"),
    )
    .returning(TaskList.version)
)
"""Raises the counter by as many versions as there are new tasks, though all of them have the first: for each version
that it has waited for, a task that is added meanwhile leaves a place in the order."""


@dataclass
class Draft:
    """What was read of a document: the rows of its sound tasks, how often one came again, and what is wrong."""

    rows: IO[bytes]
    limit: int
    digest: bytes = b""
    sound: int = 0
    repeated: int = 0
    uids: set[UUID] = field(default_factory=set)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def add(self, place: int, task: Any) -> None:
        """Take the next task.

        Raises:
            TaskLimitReached: 403, where no user may have so many.

        """
        try:
            members = TASK_SCHEMA.load(task)
        except ValidationError as error:
            self.faults += list(flatten_errors(error.messages, f"#/tasks/{place}"))
            del self.faults[ERRORS_MAX:]
            return
        uid = members.get("uid")
        if uid in self.uids:
            self.repeated += 1
            return
        if uid:
            self.uids.add(uid)
        self.sound += 1
        if self.sound > self.limit:
            raise TaskLimitReached
        self.rows.write(orjson.dumps({"place": place, **members}, option=orjson.OPT_APPEND_NEWLINE))

    def chunks(self) -> Iterator[str]:
        """Yield the rows as JSON arrays."""
        self.rows.seek(0)
        while lines := self.rows.readlines(CHUNK_MAX):
            yield f"[{b','.join(lines).decode()}]"


def read_document(file: IO[bytes], draft: Draft) -> None:
    """Read an export, and check every task of it."""
    for place, task in enumerate(read_tasks(file)):
        draft.add(place, task)


def run_import(owner: Owner, draft: Draft, *, dry_run: bool) -> dict[str, Any]:
    """Add the tasks of an export, all or none, or tell what that would do.

    Raises:
        InvalidInput: 422, naming what is wrong; a dry run answers it.
        TaskLimitReached: 403, in a dry run too.

    """
    if draft.faults and not dry_run:
        raise InvalidInput(draft.faults)
    created = count_new(owner, draft) if dry_run else transaction(lambda: write_rows(owner, draft))
    errors = [{"pointer": pointer, "detail": detail} for pointer, detail in draft.faults]
    return {"created": created, "skipped": draft.sound + draft.repeated - created, "errors": errors}


def count_new(owner: Owner, draft: Draft) -> int:
    """Return how many tasks would be created."""
    (listed,) = fetch_owned(owner, COUNT_TASKS, {})
    known = sum(fetch_owned(owner, COUNT_KNOWN, {"sent_rows": chunk})[0]["known"] for chunk in draft.chunks())
    created = draft.sound - int(known)
    require_room(draft, listed["number"], created)
    return created


def write_rows(owner: Owner, draft: Draft) -> int:
    """Create the tasks and return how many."""
    created = trashed = 0
    (listed,) = write_owned(owner, LOCK_LIST, {})
    version = listed["version"] + 1
    for chunk in draft.chunks():
        (added,) = fetch_owned(owner, INSERT_ROWS, {"sent_rows": chunk, "new_version": version})
        created += added["created"]
        trashed += added["trashed"]
        require_room(draft, listed["number"], created)
    if created:
        fetch_owned(owner, UPDATE_LIST, {"more_live": created - trashed, "more_trashed": trashed})
    return created


def require_room(draft: Draft, number: int, created: int) -> None:
    """Refuse what is more than a user may have (403)."""
    if created and number + created > draft.limit:
        raise TaskLimitReached
