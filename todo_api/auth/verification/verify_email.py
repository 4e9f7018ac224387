"""Verification of an e-mail address, by a mailed link or by an operator, and sign-up where it is required."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, cast, func, not_, select, union_all, update

from server.logging import bind_context
from todo_api.auth.accounts import insert_user, new_user_values
from todo_api.auth.directory import is_local
from todo_api.auth.mails import send_mail
from todo_api.auth.models import User
from todo_api.auth.rate_limits import consume_mail
from todo_api.auth.verification.errors import UserNotFound
from todo_api.auth.verification.link_tokens import LinkClaims
from todo_api.auth.verification.links import verification_link
from todo_api.auth.verification.mail_texts import ACCOUNT_EXISTS, VERIFY_EMAIL
from todo_api.database.execution import fetch_one
from todo_api.http.errors import TooManyRequests

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from todo_api.database.statements import Row

CLOCK = select(func.now().label("moment")).subquery("clock")
"""The time as a column: `now()` inside CASE would be evaluated elsewhere in a distributed database."""


def request_verification(email: str, callback_url: str | None) -> None:
    """Mail a link to the account of this address, unless it is verified.

    With or without an account, this is one statement and one link.
    """
    unverified = select(User.id, User.email_generation).where(is_local(email), not_(User.email_verified))
    user = fetch_one(unverified)
    claims = LinkClaims(user["id"], user["email_generation"]) if user else LinkClaims(str(uuid.uuid4()), 0)
    link = verification_link(claims, "verify-email", callback_url)
    if user:
        bind_context(user=claims.user_id)
        send_mail(email, VERIFY_EMAIL, link=link)


def verify_email(claims: LinkClaims) -> None:
    """Set the user's e-mail address to verified. A repetition changes nothing.

    Raises:
        UserNotFound: 401, if the account is deleted, or its address has changed since the link was mailed.

    """
    bind_context(user=claims.user_id)
    has_this_email = (User.id == claims.user_id) & (User.email_generation == claims.generation)
    if not set_verified(has_this_email & User.issuer.is_(None)):
        raise UserNotFound


def verify_email_of(email: str) -> bool:
    """Set an e-mail address to verified without a link. Return whether an account has it."""
    return set_verified(is_local(email))


def set_verified(is_owner: ColumnElement[bool]) -> bool:
    """Set the e-mail address of a user to verified. Return whether there is the user."""
    updated_at = case((User.email_verified, User.updated_at), else_=CLOCK.c.moment)
    verified = update(User).where(is_owner).values(email_verified=True, updated_at=updated_at).returning(User.id)
    return fetch_one(select(verified.cte("verified"))) is not None


def sign_up(account: dict[str, Any], callback_url: str | None) -> dict[str, Any]:
    """Create an account without a session and mail a link to its address, or tell the owner that there is an account.

    Neither the result nor its time tells which it was: the password is hashed, and one statement writes a row.

    Raises:
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: 400 to JSON, 422 to a form.

    """
    values = new_user_values(account)
    user = insert_or_find(values)
    bind_context(user=user["id"])
    with suppress(TooManyRequests):  # the next sign-in mails a link
        consume_mail(values["email"])
        if user["email_verified"]:
            send_mail(values["email"], ACCOUNT_EXISTS)
        else:
            claims = LinkClaims(user["id"], user["email_generation"])
            send_mail(values["email"], VERIFY_EMAIL, link=verification_link(claims, "verify-email", callback_url))
    return {**values, "email_verified": False, "created_at": user["signed_up_at"], "updated_at": user["signed_up_at"]}


def insert_or_find(values: dict[str, Any]) -> Row:
    """Insert a user, or find the one that has the e-mail."""
    user = None
    while user is None:  # again if the account was created while the statement waited for it
        user = fetch_one(insert_or_find_statement(values))
    return user


def insert_or_find_statement(values: dict[str, Any]) -> Select[Any]:
    """Return the statement that inserts or finds a user. The update of nothing takes the time of an insertion."""
    unchanged = update(User).where(is_local(values["email"])).values(updated_at=User.updated_at).returning(User)
    users = (insert_user(values).cte("created_user"), unchanged.cte("found_user"))
    signed_up_at = cast(func.now(), User.created_at.type).label("signed_up_at")
    either = union_all(
        *(select(user.c.id, user.c.email_verified, user.c.email_generation, signed_up_at) for user in users)
    )
    return select(either.subquery())
