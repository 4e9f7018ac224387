"""Import: the staged rows are inserted in one transaction, one statement per chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_api.auth.guard import LIVE_SESSION, Owner, fetch_owned, lock_owner
from todo_api.database.execution import transaction
from todo_api.database.statements import Statement, default_of
from todo_api.http.errors import InvalidInput
from todo_api.tasks.errors import TaskLimitReached
from todo_api.tasks.models import LIVE, Task, TaskList
from todo_api.tasks.queries.locking import LOCK_LIST, OWN_LIST, OWNER_ID, write_owned
from todo_api.tasks.queries.statements import ORDER_STEP, OWN_TASKS

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement

    from todo_api.tasks.transfer.staging import StagedImport

IMPORTED_COLUMNS: list[Any] = [col for col in Task.__table__.c if col.name not in {"user_id", "id", "version"}]
STAGED = (
    func.json_to_recordset(cast(bindparam("staged_rows", type_=Text), JSON))
    .table_valued(column("staged_position", Integer), *(column(col.name, col.type) for col in IMPORTED_COLUMNS))
    .render_derived(name="staged", with_types=True)
)
"""The rows of a chunk as a table."""

COUNT_TASKS = Statement(
    select(func.coalesce(TaskList.live + TaskList.trashed, 0).label("number")).select_from(
        LIVE_SESSION.outerjoin(TaskList.__table__, OWN_LIST)
    )
)
COUNT_EXISTING = Statement(
    select(func.count(Task.id).label("existing"))
    .select_from(LIVE_SESSION.join(STAGED, true()).outerjoin(Task.__table__, and_(OWN_TASKS, Task.uid == STAGED.c.uid)))
    .group_by(LIVE_SESSION.c.one)
)


def value_or_default(target: Column[Any]) -> ColumnElement[Any]:
    """Return the staged value of a column; for NULL in a column that is NOT NULL, the column's default."""
    staged = STAGED.c[target.name]
    if target.nullable or target.server_default is None:
        return staged
    return func.coalesce(staged, default_of(target))


def insert_statement() -> Statement:
    """Return the statement that inserts a chunk in document order, without the tasks whose uid exists."""
    staged = STAGED.c
    highest = select(func.max(Task.order)).where(OWN_TASKS, LIVE).scalar_subquery()
    last_order = func.coalesce(func.greatest(highest, func.max(staged.order).over()), 0)
    values = {
        **{col.name: value_or_default(col) for col in IMPORTED_COLUMNS},
        "user_id": OWNER_ID,
        "version": bindparam("new_version"),
        "completed_at": case((staged.completed, func.coalesce(staged.completed_at, func.now()))),
        "order": func.coalesce(
            staged.order, last_order + ORDER_STEP * func.row_number().over(order_by=staged.staged_position)
        ),
    }
    rows = select(*values.values()).where(exists(select(LIVE_SESSION.c.one))).order_by(staged.staged_position)
    insertion = upsert(Task).from_select(list(values), rows).on_conflict_do_nothing(index_elements=["user_id", "uid"])
    inserted = insertion.returning(Task.id, Task.deleted_at).cte("inserted")
    counts = select(func.count(inserted.c.id).label("created"), func.count(inserted.c.deleted_at).label("trashed"))
    return Statement(counts.select_from(LIVE_SESSION.outerjoin(inserted, true())).group_by(LIVE_SESSION.c.one))


INSERT_ROWS = insert_statement()
UPDATED_LIST = (
    update(TaskList)
    .where(OWN_LIST, exists(select(LIVE_SESSION.c.one)))
    .values(
        version=TaskList.version + bindparam("live_delta") + bindparam("trashed_delta"),
        live=TaskList.live + bindparam("live_delta"),
        trashed=TaskList.trashed + bindparam("trashed_delta"),
    )
    .returning(TaskList.version)
    .cte("updated_list")
)
UPDATE_LIST = Statement(select(UPDATED_LIST.c.version))
"""Updates the counts and raises the version by the number of new tasks, though all of them have the first new version.

A concurrent creation leaves one order step for each version that it waited for (`default_order`)."""


def run_import(owner: Owner, staged: StagedImport, *, dry_run: bool) -> dict[str, Any]:
    """Create the staged tasks, all or none, or return what that would do.

    Raises:
        InvalidInput: 422, with all errors; a dry run returns them instead.
        TaskLimitReached: 403, in a dry run too.

    """
    if staged.errors and not dry_run:
        raise InvalidInput(staged.errors)
    created = count_new(owner, staged) if dry_run else transaction(lambda: insert_rows(owner, staged))
    messages = {"errors": staged.errors, "warnings": staged.warnings}
    return {
        "created": created,
        "skipped": staged.row_count + staged.duplicate_count - created,
        **{
            kind: [{"pointer": pointer, "detail": detail} for pointer, detail in pairs]
            for kind, pairs in messages.items()
        },
    }


def count_new(owner: Owner, staged: StagedImport) -> int:
    """Return how many tasks an import would create."""
    (counts,) = fetch_owned(owner, COUNT_TASKS, {})
    existing = sum(
        int(fetch_owned(owner, COUNT_EXISTING, {"staged_rows": chunk})[0]["existing"]) for chunk in staged.chunks()
    )
    created = staged.row_count - existing
    check_limit(staged, counts["number"], created)
    return created


def insert_rows(owner: Owner, staged: StagedImport) -> int:
    """Insert the tasks and return their number."""
    created = trashed = 0
    lock_owner(owner)
    (task_list,) = write_owned(owner, LOCK_LIST, {})
    version = task_list["list_version"]
    for chunk in staged.chunks():
        (inserted,) = fetch_owned(owner, INSERT_ROWS, {"staged_rows": chunk, "new_version": version})
        created += inserted["created"]
        trashed += inserted["trashed"]
        check_limit(staged, task_list["number"], created)
    if created:
        fetch_owned(owner, UPDATE_LIST, {"live_delta": created - trashed, "trashed_delta": trashed})
    return created


def check_limit(staged: StagedImport, number: int, created: int) -> None:
    """Raise TaskLimitReached (403) if the new tasks exceed the limit."""
    if created and number + created > staged.task_limit:
        raise TaskLimitReached
