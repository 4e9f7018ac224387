"""Many tasks: list a page, delete by filter. Each is one statement.

A page begins after the sort values of the last row of the previous page, not at an offset (keyset pagination). Page
1,000 costs what page 1 costs, and no task is repeated when others are created or deleted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Integer, any_, bindparam, func, literal, not_, select, true, update

from todo_api.auth.guard import LIVE_SESSION, Owner
from todo_api.database.statements import Statement
from todo_api.http.cursors import sign, verify
from todo_api.http.errors import InvalidParameter
from todo_api.tasks.errors import FilterRequired, PreconditionFailed
from todo_api.tasks.models import Task, TaskList
from todo_api.tasks.parameters import SortKey, active_filters
from todo_api.tasks.queries.filters import IN_TRASH, active_filter_types, filter_conditions, filter_parameters
from todo_api.tasks.queries.locking import LOCKED_LIST, OWN_LIST, locked_result, update_list, write_owned
from todo_api.tasks.queries.projection import LIVE_SCHEMA, TRASHED_SCHEMA, task_fragment, task_json
from todo_api.tasks.queries.replicated import CURRENT_VERSION, fetch_list
from todo_api.tasks.queries.sorting import (
    after,
    cursor_parameters,
    cursor_values,
    order_by,
    sort_columns,
    with_tie_break,
)
from todo_api.tasks.queries.statements import (
    IN_LOCKED_LIST,
    MOMENT,
    OWN_TASKS,
    VERSIONS,
    matches_if_match,
    permanent_deletion,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orjson import Fragment
    from sqlalchemy import ColumnElement, Select

    from todo_api.tasks.queries.filters import Filters

STATEMENTS_MAX = 256
"""The number of cached list statements. Clients use few shapes; a rare one is compiled again."""

DEFAULT_KEYS = (SortKey("id"),)


class Page(NamedTuple):
    """A page of tasks, the version of the list, the number of tasks on all pages, and the cursor of the next page."""

    tasks: Sequence[Fragment]
    version: int
    total: int
    next_cursor: str | None


class Shape(NamedTuple):
    """Everything that the text of a list statement depends on."""

    filters: Filters
    keys: tuple[SortKey, ...]
    has_limit: bool
    cursor_nulls: tuple[bool, ...] | None
    """Which of the cursor's values are null; None without a cursor."""


def list_page(owner: Owner, parameters: Mapping[str, Any], known_versions: Sequence[int] = ()) -> Page:
    """Return the owner's tasks that match the parameters; none if the client knows the list's version.

    Raises:
        InvalidParameter: 422, for a cursor of another list.

    """
    keys = with_tie_break(parameters["sort"])
    values = read_cursor(owner, parameters) if "cursor" in parameters else None
    nulls = None if values is None else tuple(value is None for value in values)
    limit = parameters.get("limit")
    statement = list_statement(Shape(active_filter_types(parameters), keys, limit is not None, nulls))
    binds = {
        **filter_parameters(parameters),
        **(cursor_parameters(keys, values) if values else {}),
        "known_versions": list(known_versions),
        "row_limit": limit + 1 if limit else None,
    }
    rows = fetch_list(owner, statement, binds)
    page = [row for row in rows[:limit] if row["task"] is not None]
    has_next = limit is not None and len(rows) > limit
    cursor = sign(cursor_values(keys, page[-1]), cursor_context(owner, parameters)) if has_next else None
    return Page([task_fragment(row) for row in page], rows[0]["list_version"], rows[0]["total"], cursor)


def cursor_context(owner: Owner, parameters: Mapping[str, Any]) -> list[Any]:
    """Return what a cursor is bound to: the user, the sort keys, the filters and the time zone, but not the limit."""
    bound = {**active_filters(parameters), "sort": parameters["sort"], "timezone": parameters["timezone"]}
    return ["cursor", owner.user_id, sorted(bound.items())]


def read_cursor(owner: Owner, parameters: Mapping[str, Any]) -> list[Any]:
    """Return the sort values after which the page of a cursor begins."""
    values = verify(parameters["cursor"], cursor_context(owner, parameters))
    if values is None:
        raise InvalidParameter([("cursor", "Not one of this list, as it is sorted and filtered.")])
    return values


@lru_cache(STATEMENTS_MAX)
def list_statement(shape: Shape) -> Statement:
    """Return the statement that reads a page."""
    task = task_json(Task.__table__.c, TRASHED_SCHEMA if IN_TRASH in shape.filters else LIVE_SCHEMA)
    columns = sort_columns(shape.keys)
    conditions = [OWN_TASKS, *filter_conditions(shape.filters)]
    is_modified = not_(func.coalesce(TaskList.version, 0) == any_(bindparam("known_versions", type_=VERSIONS)))
    rows = select(task, *columns).where(*conditions, is_modified).correlate(TaskList)
    if shape.cursor_nulls:
        rows = rows.where(after(shape.keys, shape.cursor_nulls))
    # Needed without a limit too: LIMIT NULL returns all rows, but keeps PostgreSQL from merging the subquery into the
    # join, which would read an unmodified list. The order keeps it from a scan of all users' tasks.
    page = rows.order_by(*order_by(shape.keys, columns)).limit(bindparam("row_limit", type_=Integer)).lateral("page")
    total = total_count(shape.filters, conditions) if shape.has_limit else literal(0)
    statement = (
        select(*page.c, CURRENT_VERSION, total.label("total"))
        .select_from(LIVE_SESSION.outerjoin(TaskList, OWN_LIST).outerjoin(page, true()))
        .order_by(*order_by(shape.keys, [page.c[f"by_{key.name}"] for key in shape.keys]))
    )
    return Statement(statement, prepared=not shape.filters and shape.keys == DEFAULT_KEYS)


def total_count(filters: Filters, conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[int]:
    """Return the number of tasks on all pages: without a filter, the count that the list keeps."""
    if set(filters) <= {IN_TRASH}:
        return func.coalesce(TaskList.trashed if filters else TaskList.live, 0)
    return select(func.count()).select_from(Task).where(*conditions).scalar_subquery()


def delete_many(owner: Owner, parameters: Mapping[str, Any], if_match: Sequence[int] | None) -> int:
    """Move the tasks that match the filters to the trash, or delete them permanently; return their number.

    Raises:
        FilterRequired: 400, without a filter and without `all`.
        PreconditionFailed: 412, if If-Match does not accept the list's version.

    """
    if not active_filters(parameters) and not parameters["all"]:
        raise FilterRequired
    conditions = [
        *filter_conditions(active_filter_types(parameters)),
        matches_if_match(LOCKED_LIST.c.version - 1),
    ]
    statement = delete_many_permanently(conditions) if parameters["permanent"] else trash_many(conditions)
    row = write_owned(owner, statement, {**filter_parameters(parameters), "if_match": if_match})[0]
    if if_match is not None and row["list_version"] - 1 not in if_match:
        raise PreconditionFailed
    number: int = row["number"]
    return number


def trash_many(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement that moves tasks to the trash. They share a version."""
    values = {"version": LOCKED_LIST.c.version, "deleted_at": MOMENT}
    matching = update(Task).where(OWN_TASKS, IN_LOCKED_LIST, *conditions)
    trashed = matching.values(values).returning(Task.id).cte("trashed")
    number = select(func.count()).select_from(trashed).scalar_subquery()
    return locked_result(number.label("number")).add_cte(update_list(trashed, live=-number, trashed=number))


def delete_many_permanently(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement that deletes tasks permanently."""
    deleted, *ctes = permanent_deletion(*conditions)
    number = select(func.count()).select_from(deleted).scalar_subquery()
    return locked_result(number.label("number")).add_cte(*ctes)
