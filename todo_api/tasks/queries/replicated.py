"""Reads of the whole list that a replica may answer (docs/decisions/0040).

The primary always checks the credential, and returns the list's version. Rows of the replica are used if its list has
that version, so every client reads its own writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from todo_api.auth.guard import LIVE_SESSION, Owner, fetch_owned, for_credential
from todo_api.database import replica
from todo_api.database.statements import Statement
from todo_api.tasks.models import TaskList
from todo_api.tasks.queries.locking import OWN_LIST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from todo_api.database.statements import Row

CURRENT_VERSION = func.coalesce(TaskList.version, 0).label("list_version")
"""The version of the owner's list: 0 before its first write. Every statement below returns it."""

LIST_VERSION = Statement(select(CURRENT_VERSION).select_from(LIVE_SESSION.outerjoin(TaskList, OWN_LIST)))


def fetch_list(owner: Owner, statement: Statement, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """Return the rows that `fetch_owned` returns, from the replica if its list is current.

    Raises:
        InvalidToken: 401, if the owner's credential is not live.
        InsufficientScope: 403, if the owner's API key lacks the scope.

    """
    if replica.is_available():
        version = list_version(owner)
        binds = {**parameters, **owner.parameters}
        rows = replica.attempt(lambda: replica.fetch_all(for_credential(owner, statement), binds))
        if rows and is_current(rows[0], version):
            return rows
    return fetch_owned(owner, statement, parameters)


def list_version(owner: Owner) -> int:
    """Return the version of the owner's list on the primary."""
    version: int = fetch_owned(owner, LIST_VERSION, {})[0]["list_version"]
    return version


def is_current(row: Row, version: int) -> bool:
    """Return whether a row of the replica has the version. A later one may be of a primary that was lost."""
    return bool(row["list_version"] == version)
