"""The statements that complete a task or reopen it.

A task without a rule is completed by one statement. The same statement leaves a task with a rule as it is and returns
it, for the successor to be computed. A second statement then completes this version of it and inserts the successor.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, exists, func, literal, not_, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from todo_api.database.statements import Statement
from todo_api.tasks.models import LIVE, Task
from todo_api.tasks.queries.locking import LOCKED_LIST, OWNER_ID, locked_result, update_list
from todo_api.tasks.queries.projection import task_columns
from todo_api.tasks.queries.statements import (
    IN_LOCKED_LIST,
    MOMENT,
    OWN_TASKS,
    THIS_TASK,
    column_parameter,
    matches_if_match,
    update_task,
)

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement

SERIES_COLUMNS = ("version", "completed", "uid", "due_on", "due_at", "recurrence", "repeat_from", "timezone")
"""What the successor of a task is computed from."""
COPIED_COLUMNS = ("title", "description", "priority", "tags", "order", "repeat_from", "timezone")
"""What a successor takes over as it is."""
COMPUTED_COLUMNS = ("uid", "due_on", "due_at", "recurrence")


def completion_statement(completed: ColumnElement[bool], fields: frozenset[str]) -> Statement:
    """Return the statement that sets `completed` and other fields, unless this completes a task with a rule.

    Then, and if there is no such task, it returns nulls, and in `unwritten` what it has seen of the task.
    """
    values = {name: column_parameter(name) for name in sorted(fields)}
    rule = values.get("recurrence", Task.recurrence)
    updated = update_task(
        {
            "updated_at": MOMENT,
            **values,
            "completed": completed,
            "completed_at": case((completed, func.coalesce(Task.completed_at, MOMENT))),
        },
        LIVE,
        matches_if_match(Task.version),
        or_(Task.completed, rule.is_(None), not_(completed)),
    )
    seen = [element for name in SERIES_COLUMNS for element in (literal(name), getattr(Task, name))]
    task = select(func.jsonb_build_object(*seen, "now", func.now())).where(THIS_TASK, LIVE).scalar_subquery()
    unwritten = case((updated.c.id.is_(None), task)).label("unwritten")
    result = locked_result(*task_columns(updated.c), unwritten, written=updated)
    return Statement(result.add_cte(update_list(updated)))


@cache
def set_completed(fields: frozenset[str]) -> Statement:
    """Return the statement that sets `completed` and these other fields of a task."""
    return completion_statement(column_parameter("completed"), fields)


TOGGLE = completion_statement(not_(Task.completed), frozenset())


def successor_parameter(name: str) -> ColumnElement[Any]:
    """Return the bind parameter of a computed column of the successor."""
    return bindparam(f"successor_{name}", type_=Task.__table__.c[name].type)


def insert_successor(completing: CTE) -> CTE:
    """Return the CTE that inserts the successor, unless it exists or the user has reached the task limit."""
    values: dict[str, Any] = {
        "user_id": OWNER_ID,
        "version": LOCKED_LIST.c.version,
        **{name: completing.c[name] for name in COPIED_COLUMNS},
        **{name: successor_parameter(name) for name in COMPUTED_COLUMNS},
    }
    below_limit = LOCKED_LIST.c.number < bindparam("task_limit")
    rows = select(*values.values()).select_from(completing.join(LOCKED_LIST, true())).where(below_limit)
    insertion = insert(Task).from_select(list(values), rows).on_conflict_do_nothing(index_elements=["user_id", "uid"])
    return insertion.returning(Task.id).cte("successor")


@cache
def complete_repeating(fields: frozenset[str]) -> Statement:
    """Return the statement that completes a task of a series in a version, sets fields of it, and adds its successor.

    The rule moves to the successor. The statement returns nulls if the task has another version, or, with `is_full`, at
    the task limit.
    """
    values = {name: column_parameter(name) for name in sorted(fields)}
    copied = [values.get(name, getattr(Task, name)).label(name) for name in COPIED_COLUMNS]
    is_seen = Task.version == bindparam("seen_version")
    row = select(Task.id, *copied).where(THIS_TASK, LIVE, IN_LOCKED_LIST, is_seen)
    completing = row.with_for_update(of=Task).cte("completing")
    successor = insert_successor(completing)
    created_id = select(successor.c.id).scalar_subquery()
    existing_id = select(Task.id).where(OWN_TASKS, Task.uid == successor_parameter("uid")).scalar_subquery()
    next_id = func.coalesce(created_id, existing_id)
    completion = {"completed": True, "completed_at": MOMENT, "recurrence": None, "next_id": next_id}
    changes = {"updated_at": MOMENT, **values, **completion}
    updated = update_task(changes, Task.id == completing.c.id, next_id.is_not(None))
    created = select(func.count()).select_from(successor).scalar_subquery()
    is_full = exists(select(completing.c.id).where(LOCKED_LIST.c.number >= bindparam("task_limit"))).label("is_full")
    result = locked_result(*task_columns(updated.c), is_full, written=updated)
    return Statement(result.add_cte(update_list(updated, live=created)))
