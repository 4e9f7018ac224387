"""The lock that serializes the writes of a user: the user's row in `task_lists`.

A statement that writes locks this row before any other, so the writes of a user cannot deadlock. It updates the row
once: it counts the write for the write limit, and raises the version if a task was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g
from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    Interval,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from todo_api.auth.guard import LIVE_SESSION, Owner, fetch_owned, owner_parameters
from todo_api.database.execution import fetch_all
from todo_api.database.statements import Statement
from todo_api.rate_limiting.enforcement import enforce
from todo_api.rate_limiting.limits import Usage, write_limit
from todo_api.tasks.models import TaskList

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, FromClause, Select

    from todo_api.database.execution import Runnable
    from todo_api.database.statements import Row
    from todo_api.rate_limiting.limits import Limit

OWNER_ID: ColumnElement[str] = bindparam("owner_id")
OWN_LIST = TaskList.user_id == OWNER_ID

IS_COUNTED = bindparam("write_is_counted", type_=Boolean)  # by an earlier statement of the request
PERIOD_HAS_ENDED = TaskList.write_count_ends_at <= func.now()
LOCKED_LIST = (
    select(
        TaskList.user_id,
        (TaskList.version + 1).label("version"),
        (TaskList.live + TaskList.trashed).label("number"),
        func.now().label("moment"),
        case((IS_COUNTED, TaskList.write_count), (PERIOD_HAS_ENDED, 1), else_=TaskList.write_count + 1).label("writes"),
        and_(PERIOD_HAS_ENDED, not_(IS_COUNTED)).label("begins_period"),
        (func.now() + bindparam("write_period", type_=Interval)).label("period_end"),
    )
    .where(
        OWN_LIST,
        exists(select(LIVE_SESSION.c.one)),
        or_(IS_COUNTED, PERIOD_HAS_ENDED, TaskList.write_count < bindparam("write_maximum", type_=BigInteger)),
    )
    .with_for_update()
    .cte("locked_list")
)
"""The user's list, locked: its next version, the number of its tasks, the time, and the count of writes with this one.

No row if the session has ended, the user has no list yet, or the write limit is exceeded. No other transaction changes
tasks of the user until this one ends."""

CREATE_LIST = Statement(
    insert(TaskList)
    .from_select(["user_id"], select(OWNER_ID).select_from(LIVE_SESSION))
    .on_conflict_do_nothing()
    .returning(TaskList.user_id)
)
WRITE_COUNTER = Statement(
    select(
        TaskList.write_count,
        func.extract("epoch", TaskList.write_count_ends_at - func.now()).label("seconds_left"),
    ).select_from(LIVE_SESSION.outerjoin(TaskList.__table__, OWN_LIST))
)


def update_list(written: CTE | None, **deltas: Any) -> CTE:
    """Return the CTE that counts the write, and if it has written tasks, raises the version and adds to the counts."""
    is_written = cast(false() if written is None else exists(select(written.c.id)), Integer)
    values = {name: getattr(TaskList, name) + delta * is_written for name, delta in deltas.items()}
    statement = update(TaskList).where(OWN_LIST, TaskList.user_id == LOCKED_LIST.c.user_id)
    return statement.values(
        version=TaskList.version + is_written,
        write_count=LOCKED_LIST.c.writes,
        write_count_ends_at=case(
            (LOCKED_LIST.c.begins_period, LOCKED_LIST.c.period_end), else_=TaskList.write_count_ends_at
        ),
        **values,
    ).cte("updated_list")


def locked_result(*columns: Any, written: FromClause | None = None) -> Select[Any]:
    """Return the SELECT of a statement that writes: one row with the columns and `list_version`.

    It returns no row if the session has ended. `list_version` is null if the list was not locked.
    """
    rows = LIVE_SESSION.outerjoin(LOCKED_LIST, true())
    joined = rows if written is None else rows.outerjoin(written, true())
    return select(*columns, LOCKED_LIST.c.version.label("list_version")).select_from(joined)


def write_owned(owner: Owner, statement: Runnable, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """Run a statement with a `locked_result`, and return its rows. All statements of a request count as one write.

    Raises:
        InvalidToken: 401, if the owner's session has ended.
        TooManyRequests: 429, if the user's write limit is exceeded.

    """
    limit = write_limit(owner.user_id)
    counting = {
        "write_is_counted": "write_is_counted" in g,
        "write_maximum": limit.maximum,
        "write_period": limit.period,
    }
    g.write_is_counted = True
    while (rows := fetch_owned(owner, statement, {**parameters, **counting}))[0]["list_version"] is None:
        prepare_list(owner, limit)
    return rows


def prepare_list(owner: Owner, limit: Limit) -> None:
    """Create the owner's list if it is missing. Another request may have created it meanwhile.

    Raises:
        TooManyRequests: 429, if the write limit is exceeded.

    """
    (counter,) = fetch_owned(owner, WRITE_COUNTER, {})
    if counter["write_count"] is None:
        fetch_all(CREATE_LIST, owner_parameters(owner))
    elif counter["write_count"] >= limit.maximum and counter["seconds_left"] > 0:
        enforce([Usage(limit, limit.maximum + 1, float(counter["seconds_left"]))])
