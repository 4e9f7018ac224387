"""Many tasks at once: listed by page, deleted by filter. One statement each.

A page begins after the last row of the one before, by the values of that row, and not after a number of rows
(keyset pagination): page 1,000 costs what page 1 costs, and nothing is shown twice when tasks come and go.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Integer, any_, bindparam, func, literal, not_, select, true, update

from todo_api.auth.guard import LIVE_SESSION, LOCKED_OWNER, Owner, fetch_owned, write_owned
from todo_api.database.statements import Statement
from todo_api.http.cursors import sign, verify
from todo_api.http.errors import InvalidParameter
from todo_api.tasks.errors import FilterRequired, PreconditionFailed
from todo_api.tasks.models import Task, TaskList
from todo_api.tasks.parameters import SortKey, active_filters
from todo_api.tasks.queries.filters import IN_TRASH, active_filter_types, conditions, filter_parameters
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
    LOCKED_LIST,
    OWN_LIST,
    OWN_TASKS,
    TASK_COLUMNS,
    VERSIONS,
    count_change,
    matches_if_match,
    permanent_deletion,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Select

    from todo_api.database.statements import Row
    from todo_api.tasks.queries.filters import Filters

STATEMENTS_MAX = 256
"""Statements of lists that are kept; the usual ones are few, and others are built again."""


DEFAULT_KEYS = (SortKey("id"),)


class Page(NamedTuple):
    """Tasks, the version of the whole list, how many there are on all pages, and where the next page begins."""

    tasks: Sequence[Row]
    version: int
    total: int
    cursor: str | None


class Shape(NamedTuple):
    """What the statement of a list depends on, beside its parameters."""

    filters: Filters
    keys: tuple[SortKey, ...]
    paged: bool
    place: tuple[bool, ...] | None
    """Which of the values of the place are null from which the page begins."""


def list_page(owner: Owner, parameters: Mapping[str, Any], known: Sequence[int] = ()) -> Page:
    """Return the owner's tasks that the parameters ask for; none where the list is of a version that is known.

    Raises:
        InvalidParameter: 422, for a cursor that was not given for this list.

    """
    keys = with_tie_break(parameters["sort"])
    place = cursor_position(owner, parameters) if "cursor" in parameters else None
    limit = parameters.get("limit")
    nulls = None if place is None else tuple(value is None for value in place)
    statement = list_statement(Shape(active_filter_types(parameters), keys, limit is not None, nulls))
    values = {
        **filter_parameters(parameters),
        **(cursor_parameters(keys, place) if place else {}),
        "known": list(known),
    }
    rows = fetch_owned(owner, statement, {**values, "at_most": limit + 1 if limit else None})
    tasks = [row for row in rows if row["id"] is not None]
    full = limit is not None and len(tasks) > limit
    shown = tasks[:limit]
    cursor = sign(cursor_values(keys, shown[-1]), cursor_context(owner, parameters)) if full else None
    return Page(shown, rows[0]["list_version"], rows[0]["total"], cursor)


def cursor_context(owner: Owner, parameters: Mapping[str, Any]) -> list[Any]:
    """Return what a cursor is bound to: the user, the sorting, the filters and the time zone, but not the limit."""
    bound_to = {**active_filters(parameters), "sort": parameters["sort"], "timezone": parameters["timezone"]}
    return ["cursor", owner.user_id, sorted(bound_to.items())]


def cursor_position(owner: Owner, parameters: Mapping[str, Any]) -> list[Any]:
    """Return where the page of a cursor begins."""
    place = verify(parameters["cursor"], cursor_context(owner, parameters))
    if place is None:
        raise InvalidParameter([("cursor", "Not one of this list, as it is sorted and filtered.")])
    return place


@lru_cache(STATEMENTS_MAX)
def list_statement(shape: Shape) -> Statement:
    """Return the statement that reads a page."""
    shown = [*TASK_COLUMNS, Task.deleted_at] if IN_TRASH in shape.filters else TASK_COLUMNS
    columns = sort_columns(shape.keys)
    which = [OWN_TASKS, *conditions(shape.filters)]
    unknown = not_(func.coalesce(TaskList.version, 0) == any_(bindparam("known", type_=VERSIONS)))
    page = select(*shown, *columns).where(*which, unknown).correlate(TaskList)
    if shape.place:
        page = page.where(after(shape.keys, shape.place))
    if shape.paged:
        page = page.order_by(*order_by(shape.keys, columns))
    # LIMIT NULL limits nothing, and keeps the part from being merged into the join, which would read a known list.
    found = page.limit(bindparam("at_most", type_=Integer)).lateral("page")
    total = total_count(shape.filters, which) if shape.paged else literal(0)
    page_of_list = (
        select(*found.c, func.coalesce(TaskList.version, 0).label("list_version"), total.label("total"))
        .select_from(LIVE_SESSION.outerjoin(TaskList, OWN_LIST).outerjoin(found, true()))
        .order_by(*order_by(shape.keys, [found.c[f"by_{key.name}"] for key in shape.keys]))
    )
    return Statement(page_of_list, prepared=not shape.filters and shape.keys == DEFAULT_KEYS)


def total_count(filters: Filters, which: Sequence[ColumnElement[bool]]) -> ColumnElement[int]:
    """Return how many tasks there are on all pages: kept count of without a filter, else counted."""
    if set(filters) <= {IN_TRASH}:
        return func.coalesce(TaskList.trashed if filters else TaskList.live, 0)
    return select(func.count()).select_from(Task).where(*which).scalar_subquery()


def delete_many(owner: Owner, parameters: Mapping[str, Any], if_match: Sequence[int] | None) -> int:
    """Move the tasks that the parameters choose into the trash, or delete them for good; return how many.

    Raises:
        FilterRequired: 400, where they choose none and do not say that all are meant.
        PreconditionFailed: 412, where the list is of another version than was asked for.

    """
    if not active_filters(parameters) and not parameters["all"]:
        raise FilterRequired
    which = [*conditions(active_filter_types(parameters)), matches_if_match(LOCKED_LIST.c.version - 1)]
    statement = delete_many_permanently(which) if parameters["permanent"] else trash_many(which)
    row = write_owned(owner, statement, {**filter_parameters(parameters), "if_match": if_match})[0]
    if if_match is not None and row["version"] not in if_match:
        raise PreconditionFailed
    deleted: int = row["number"]
    return deleted


def trash_many(which: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement that moves tasks into the trash; they share a version."""
    values = {"version": LOCKED_LIST.c.version, "deleted_at": func.now()}
    trashed = update(Task).where(OWN_TASKS, IN_LOCKED_LIST, *which).values(values).returning(Task.id).cte("trashed")
    number = select(func.count()).select_from(trashed).scalar_subquery()
    return deletion_result(number).add_cte(count_change(trashed, live=-number, trashed=number))


def delete_many_permanently(which: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement that deletes tasks for good."""
    erased, buried, also = permanent_deletion(*which)
    return deletion_result(select(func.count()).select_from(erased).scalar_subquery()).add_cte(buried, also)


def deletion_result(number: ColumnElement[int]) -> Select[Any]:
    """Return the statement that tells the number, and the version that the list had."""
    version = select(LOCKED_LIST.c.version - 1).scalar_subquery()
    columns: tuple[Any, ...] = (number.label("number"), func.coalesce(version, 0).label("version"))
    return select(*columns).select_from(LOCKED_OWNER)
