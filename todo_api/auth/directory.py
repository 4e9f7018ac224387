"""The directory of e-mail addresses: which user has an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal, select

from todo_api.auth.models import EmailAddress, User
from todo_api.database.execution import fetch_one, is_distributed

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

NOBODY = ""
"""The id of no user. Citus finds no node for null."""


def user_id_of(email: str) -> ColumnElement[str]:
    """Return the id of the user who has the e-mail, in any case, as a subquery.

    On Citus it is a constant, found by a statement of its own: an address is on another node than its user.
    """
    query = select(EmailAddress.user_id).where(EmailAddress.email == func.lower(email))
    if not is_distributed():
        return query.scalar_subquery()
    address = fetch_one(query)
    return literal(address["user_id"] if address else NOBODY)


def is_local(email: str) -> ColumnElement[bool]:
    """Return the condition that a row is the local account of this e-mail, in any case.

    The directory finds the row. A statement that has waited for the row's lock compares the address again.
    """
    return and_(User.id == user_id_of(email), has_email(email))


def has_email(email: str) -> ColumnElement[bool]:
    """Return the condition that a user's row has the e-mail, in any case."""
    return func.lower(User.email) == func.lower(email)
