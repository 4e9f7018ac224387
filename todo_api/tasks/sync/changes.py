"""What has changed since a client last asked, so that a copy of the tasks can be kept (delta synchronisation).

Versions become visible in their order, so whoever has seen all up to one has missed nothing before it. A sync token
holds a place, which is a version and an id, since many tasks may share a version; and the version that the list had
when the copy was begun empty: what was purged before is nothing such a copy could hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, false, func, select, true, tuple_, union_all

from todo_api.auth.guard import LIVE_SESSION, Owner, fetch_owned
from todo_api.database.statements import Statement
from todo_api.http.converters import ID_MAX
from todo_api.http.cursors import sign, verify
from todo_api.tasks.errors import InvalidSyncToken, SyncTokenExpired
from todo_api.tasks.models import TRASHED, Task, TaskList, Tombstone
from todo_api.tasks.queries.statements import OWN_LIST, OWN_TASKS, OWNER_ID, TASK_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

START = [0, 0, 0]


def after_position(table: type[Task | Tombstone]) -> ColumnElement[bool]:
    """Return the condition that a row's place comes after the one that is asked from."""
    place = tuple_(bindparam("after_version", type_=BigInteger), bindparam("after_id", type_=BigInteger))
    return and_(table.user_id == OWNER_ID, tuple_(table.version, table.id) > place)


def changed_rows(table: type[Task | Tombstone], gone: ColumnElement[bool]) -> Select[Any]:
    """Return the next places of one table. Without a LIMIT of its own, each page would sort all that is left."""
    places = select(table.version, table.id, gone.label("gone")).where(after_position(table))
    return places.order_by(table.version, table.id).limit(ROW_LIMIT).subquery().select()


ROW_LIMIT = bindparam("at_most", type_=Integer)
CHANGED = (
    union_all(changed_rows(Task, TRASHED), changed_rows(Tombstone, true()))
    .order_by("version", "id")
    .limit(ROW_LIMIT)
    .subquery("moved")
)
CHANGED_TASK = and_(OWN_TASKS, Task.id == CHANGED.c.id, CHANGED.c.gone == false())
CHANGES = Statement(
    select(
        *(column for column in TASK_COLUMNS if column.name not in {"id", "version"}),
        *(CHANGED.c.id, CHANGED.c.version, CHANGED.c.gone),
        func.coalesce(TaskList.version, 0).label("list_version"),
        func.coalesce(TaskList.purged, 0).label("purged"),
    )
    .select_from(LIVE_SESSION.outerjoin(TaskList, OWN_LIST).outerjoin(CHANGED, true()).outerjoin(Task, CHANGED_TASK))
    .order_by(CHANGED.c.version, CHANGED.c.id)
)


def changes_since(owner: Owner, sync_token: str | None, limit: int) -> dict[str, Any]:
    """Return tasks that were made or changed, ids of those deleted, and the token to go on with.

    Raises:
        InvalidSyncToken: 400.
        SyncTokenExpired: 410, where a deletion since then was purged.

    """
    context = ["changes", owner.user_id]
    version, task_id, begun = position_of(sync_token, context)
    place = {"after_version": version, "after_id": task_id}
    rows = fetch_owned(owner, CHANGES, {**place, "at_most": limit + 1})
    list_version, purged = rows[0]["list_version"], rows[0]["purged"]
    if version > list_version:
        raise InvalidSyncToken
    seen_whole = version if task_id == ID_MAX else version - 1
    if sync_token and purged > max(seen_whole, begun):
        raise SyncTokenExpired
    moved = [row for row in rows if row["id"] is not None]
    has_more, moved = len(moved) > limit, moved[:limit]
    reached = [moved[-1]["version"], moved[-1]["id"]] if has_more else [list_version, ID_MAX]
    return {
        "tasks": [row for row in moved if not row["gone"]],
        "deleted": [row["id"] for row in moved if row["gone"]],
        "sync_token": sign([*reached, begun if sync_token else list_version], context),
        "has_more": has_more,
    }


def position_of(sync_token: str | None, context: Sequence[str]) -> list[int]:
    """Return the place that a token stands for; without one, the beginning."""
    place = START if sync_token is None else verify(sync_token, context)
    if place is None:
        raise InvalidSyncToken
    return place
