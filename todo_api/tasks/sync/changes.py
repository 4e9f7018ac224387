"""Changes since a sync token, for clients that keep a copy of the tasks (delta synchronisation).

Versions become visible in their order: a client that has read the changes up to a version has missed none of them. A
sync token holds a position and the version at which the client started its copy. A position is a version and an id,
since many tasks may share a version. A deletion that was purged before the start does not concern the copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, false, func, select, true, tuple_, union_all

from todo_api.auth.guard import LIVE_SESSION, Owner
from todo_api.database.statements import Statement
from todo_api.http.converters import ID_MAX
from todo_api.http.cursors import sign, verify
from todo_api.tasks.errors import InvalidSyncToken, SyncTokenExpired
from todo_api.tasks.models import TRASHED, Task, TaskList, Tombstone
from todo_api.tasks.queries.locking import OWN_LIST, OWNER_ID
from todo_api.tasks.queries.projection import task_fragment, task_json
from todo_api.tasks.queries.replicated import CURRENT_VERSION, fetch_list
from todo_api.tasks.queries.statements import OWN_TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

INITIAL_STATE = [0, 0, 0]
"""The version, the id and the start version of a client without a token."""
ROW_LIMIT = bindparam("row_limit", type_=Integer)


def after_position(table: type[Task | Tombstone]) -> ColumnElement[bool]:
    """Return the condition that a row of the owner comes after the token's position."""
    position = tuple_(bindparam("after_version", type_=BigInteger), bindparam("after_id", type_=BigInteger))
    return and_(table.user_id == OWNER_ID, tuple_(table.version, table.id) > position)


def changed_rows(table: type[Task | Tombstone], is_deleted: ColumnElement[bool]) -> Select[Any]:
    """Return the next changes in one table. Its own LIMIT keeps each page from sorting all later changes."""
    rows = select(table.version, table.id, is_deleted.label("is_deleted")).where(after_position(table))
    return rows.order_by(table.version, table.id).limit(ROW_LIMIT).subquery().select()


CHANGED = (
    union_all(changed_rows(Task, TRASHED), changed_rows(Tombstone, true()))
    .order_by("version", "id")
    .limit(ROW_LIMIT)
    .subquery("changed")
)
CHANGED_TASK = and_(OWN_TASKS, Task.id == CHANGED.c.id, CHANGED.c.is_deleted == false())
CHANGES = Statement(
    select(
        *(CHANGED.c.id, CHANGED.c.version, CHANGED.c.is_deleted),
        task_json(Task.__table__.c),
        CURRENT_VERSION,
        func.coalesce(TaskList.purged, 0).label("purged"),
    )
    .select_from(LIVE_SESSION.outerjoin(TaskList, OWN_LIST).outerjoin(CHANGED, true()).outerjoin(Task, CHANGED_TASK))
    .order_by(CHANGED.c.version, CHANGED.c.id)
)


def changes_since(owner: Owner, sync_token: str | None, limit: int) -> dict[str, Any]:
    """Return the changed tasks, the ids of the deleted ones, and the next sync token.

    Raises:
        InvalidSyncToken: 400.
        SyncTokenExpired: 410, if a later deletion was purged.

    """
    context = ["changes", owner.user_id]
    version, task_id, start_version = read_token(sync_token, context)
    rows = fetch_list(owner, CHANGES, {"after_version": version, "after_id": task_id, "row_limit": limit + 1})
    list_version, purged = rows[0]["list_version"], rows[0]["purged"]
    if version > list_version:
        raise InvalidSyncToken
    complete_version = version if task_id == ID_MAX else version - 1
    if sync_token and purged > max(complete_version, start_version):
        raise SyncTokenExpired
    changes = [row for row in rows if row["id"] is not None]
    has_more, changes = len(changes) > limit, changes[:limit]
    position = [changes[-1]["version"], changes[-1]["id"]] if has_more else [list_version, ID_MAX]
    return {
        "tasks": [task_fragment(row) for row in changes if not row["is_deleted"]],
        "deleted": [row["id"] for row in changes if row["is_deleted"]],
        "sync_token": sign([*position, start_version if sync_token else list_version], context),
        "has_more": has_more,
    }


def read_token(sync_token: str | None, context: Sequence[str]) -> list[int]:
    """Return the version and the id of the token's position, and its start version."""
    state = INITIAL_STATE if sync_token is None else verify(sync_token, context)
    if state is None:
        raise InvalidSyncToken
    return state
