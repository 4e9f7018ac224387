"""Accounts: made at sign-up, opened by e-mail and password, changed and deleted by their owner.

What must happen together is one statement.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from server.logging import bind_context
from todo_api.auth.errors import EmailTaken, InvalidCredentials, InvalidPassword, TooManyHashes
from todo_api.auth.models import PasswordReset, Session, User, is_local
from todo_api.auth.passwords.hashing import is_current
from todo_api.auth.passwords.hashing_queue import hash_password, verify_password
from todo_api.auth.passwords.policy import check_new_password
from todo_api.auth.sessions import store
from todo_api.database.execution import fetch_all, fetch_one
from todo_api.settings import settings

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import ReturningInsert

    from todo_api.database.statements import Row


class SignedIn(NamedTuple):
    """A user and the session that was opened."""

    user: Row
    session: store.NewSession


def sign_up(account: dict[str, Any], *, remembered: bool) -> SignedIn:
    """Make an account and open its first session. The unique index decides who is first.

    Raises:
        EmailTaken: 400 to a form, 422 to JSON.

    """
    opened = store.new_session(str(uuid.uuid4()), remembered=remembered)
    user = insert_user(opened.user_id, account).cte("signed_up")
    session = store.insert_session(opened, select(user.c.id)).cte("opened")
    row = fetch_one(select(user).add_cte(session))
    if row is None:
        raise EmailTaken
    bind_context(user=opened.user_id)
    return SignedIn(row, opened)


def create_account(account: dict[str, Any]) -> str:
    """Make an account that nobody is signed in to yet, and return its id.

    Raises:
        EmailTaken: where an account has the e-mail already; and what `check_new_password` raises.

    """
    user = fetch_one(insert_user(str(uuid.uuid4()), account))
    if user is None:
        raise EmailTaken
    user_id: str = user["id"]
    return user_id


def insert_user(user_id: str, account: dict[str, Any]) -> ReturningInsert[Any]:
    """Return the statement that makes the account, and gives no row where its e-mail is taken.

    Raises:
        PasswordTooShort: 400 to JSON, 422 to a form; and its kin.

    """
    check_new_password(account["password"])
    email: str = account["email"]
    new = insert(User).values(
        id=user_id,
        email=email,
        password_hash=hash_password(account["password"]),
        name=account.get("name") or email.partition("@")[0],
        image=account.get("image"),
    )
    return new.on_conflict_do_nothing().returning(User)


def sign_in(email: str, password: str, *, remembered: bool) -> SignedIn:
    """Open a session by e-mail and password, in the same time whether the account exists or not.

    Raises:
        InvalidCredentials: 401.

    """
    user = fetch_one(select(User).where(is_local(email)))
    bind_context(user=user["id"] if user else None)
    if not verify_password(password, user["password_hash"] if user else None) or user is None:
        raise InvalidCredentials
    opened = store.new_session(user["id"], remembered=remembered)
    # The hash once more, so that a password changed meanwhile opens nothing; locked, so that a change which goes on
    # meanwhile ends this session too.
    still = select(User.id).where(User.id == user["id"], User.password_hash == user["password_hash"])
    if not fetch_all(store.insert_session(opened, still.with_for_update(read=True)).returning(Session.id)):
        raise InvalidCredentials
    if not is_current(user["password_hash"], settings().bcrypt_cost):
        with suppress(TooManyHashes):  # the next sign-in will do
            renew_hash(user, password)
    return SignedIn(user, opened)


def renew_hash(user: Row, password: str) -> None:
    """Replace a hash of another making, such as the seed's bare bcrypt, now that the password is known."""
    own = update(User).where(User.id == user["id"], User.password_hash == user["password_hash"])
    fetch_all(own.values(password_hash=hash_password(password)).returning(User.id))


def check_password(user: Row, password: str) -> None:
    """Let the user's own password pass.

    Raises:
        InvalidPassword: 400.

    """
    if not verify_password(password, user["password_hash"]):
        raise InvalidPassword


def change_password(user: Row, password: str, *, survivor: str | None, reopen: store.NewSession | None = None) -> Row:
    """Set a new password; with `survivor`, end all sessions of the user but that one, which `reopen` may open just now.

    Raises:
        InvalidPassword: 400, where the password that was checked has been changed meanwhile.

    """
    own = update(User).where(User.id == user["id"], User.password_hash == user["password_hash"])
    changed = own.values(password_hash=hash_password(password), updated_at=func.now()).returning(User).cte("changed")
    statement = select(changed)
    if survivor:
        others = delete(Session).where(Session.user_id.in_(select(changed.c.id)), Session.id != survivor)
        statement = statement.add_cte(others.cte("ended"))
    if reopen:
        statement = statement.add_cte(store.insert_session(reopen, select(changed.c.id)).cte("opened"))
    row = fetch_one(statement)
    if row is None:
        raise InvalidPassword
    if survivor:
        store.end_all_sessions(user["id"], but=survivor)  # what was opened while the statement waited
    return row


def set_password(email: str, password: str) -> int | None:
    """Set the password of an account whose owner need not know the present one; whoever has that is out at once.

    All sessions end and all mailed links are void. Return how many sessions ended, or None where no account has the
    e-mail.

    Raises:
        PasswordTooShort: 400 to JSON, 422 to a form; and its kin.

    """
    check_new_password(password)
    own = update(User).where(is_local(email))
    changed = own.values(password_hash=hash_password(password), updated_at=func.now()).returning(User.id).cte("changed")
    whose = select(changed.c.id)
    ended = delete(Session).where(Session.user_id.in_(whose)).returning(Session.id).cte("ended")
    void = delete(PasswordReset).where(PasswordReset.user_id.in_(whose)).cte("void")
    count = select(func.count()).select_from(ended).scalar_subquery()
    row = fetch_one(select(changed.c.id, count.label("ended")).add_cte(void))
    if row is None:
        return None
    store.end_all_sessions(row["id"])  # what was opened while the statement waited
    number: int = row["ended"]
    return number


def update_user(user_id: str, members: dict[str, Any]) -> None:
    """Set the members."""
    fetch_one(update(User).where(User.id == user_id).values(updated_at=func.now(), **members).returning(User.id))


def delete_user(user_id: str) -> None:
    """Delete the account and all that is its own."""
    fetch_one(delete(User).where(User.id == user_id).returning(User.id))
