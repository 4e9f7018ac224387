"""Accounts: made at sign-up, opened by e-mail and password."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from todo_api.auth.errors import EmailTaken, InvalidCredentials
from todo_api.auth.models import User
from todo_api.auth.passwords import hash_password, unknown_hash, verify_password
from todo_api.database import fetch_one
from todo_api.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import RowMapping


def sign_up(email: str, password: str, name: str | None = None) -> RowMapping:
    """Make an account and return its row. The unique index decides who is first.

    Raises:
        EmailTaken: 400 to a form, 422 to JSON.

    """
    user = fetch_one(
        insert(User)
        .values(
            id=str(uuid.uuid4()),
            email=email,
            password_hash=hash_password(password, settings().bcrypt_cost),
            name=name or email.partition("@")[0],
        )
        .on_conflict_do_nothing()
        .returning(User),
    )
    if user is None:
        raise EmailTaken
    return user


def authenticate(email: str, password: str) -> RowMapping:
    """Return the row of the account that the e-mail and password open, in the same time whether there is one or not.

    Raises:
        InvalidCredentials: 401.

    """
    user = fetch_one(select(User).where(func.lower(User.email) == func.lower(email)))
    stored = user["password_hash"] if user else unknown_hash(settings().bcrypt_cost)
    if not verify_password(password, stored) or user is None:
        raise InvalidCredentials
    return user
