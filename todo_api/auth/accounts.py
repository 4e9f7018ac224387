"""Accounts: creation, sign-in by e-mail and password, changes and deletion.

Changes that must happen together are one statement.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from server.logging import bind_context
from todo_api.auth.directory import is_local
from todo_api.auth.errors import EmailNotVerified, EmailTaken, HashingQueueFull, InvalidCredentials, InvalidPassword
from todo_api.auth.models import EmailAddress, Session, User
from todo_api.auth.passwords.hashing import needs_rehash
from todo_api.auth.passwords.hashing_queue import hash_password, verify_password
from todo_api.auth.passwords.policy import check_new_password
from todo_api.auth.sessions import store
from todo_api.database.execution import fetch_all, fetch_one, transaction
from todo_api.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.dml import ReturningInsert

    from todo_api.database.statements import Row


class SignedIn(NamedTuple):
    """A user and the user's new session."""

    user: Row
    session: store.NewSession


def sign_up(account: dict[str, Any], *, remembered: bool) -> SignedIn:
    """Create an account and its first session. The directory of e-mails decides between concurrent sign-ups.

    Raises:
        EmailTaken: 400 to a form, 422 to JSON.
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: see `new_user_values`.

    """
    values = new_user_values(account)
    session = store.new_session(values["id"], remembered=remembered)
    new_user = insert_user(values).cte("new_user")
    new_session = store.insert_session(session, select(new_user.c.id)).cte("new_session")
    user = fetch_one(select(new_user).add_cte(new_session))
    if user is None:
        raise EmailTaken
    bind_context(user=session.user_id)
    return SignedIn(user, session)


def create_account(account: dict[str, Any]) -> str:
    """Create an account without a session, and return its id.

    Raises:
        EmailTaken: another account has the e-mail.
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: see `new_user_values`.

    """
    values = new_user_values(account)
    if fetch_one(insert_user(values)) is None:
        raise EmailTaken
    return str(values["id"])


def new_user_values(account: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a new user's row.

    Raises:
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: 400 to JSON, 422 to a form.

    """
    check_new_password(account["password"])
    email: str = account["email"]
    return {
        "id": str(uuid.uuid4()),
        "email": email,
        "password_hash": hash_password(account["password"]),
        "name": account.get("name") or email.partition("@")[0],
        "image": account.get("image"),
    }


def insert_user(values: dict[str, Any]) -> ReturningInsert[Any]:
    """Return the statement that claims the e-mail and inserts the user. It returns no row if the e-mail is taken."""
    address = select(func.lower(values["email"]), literal(values["id"]))
    claim = insert(EmailAddress).from_select(["email", "user_id"], address).on_conflict_do_nothing()
    claimed = claim.returning(EmailAddress.user_id).cte("claimed_email")
    row = select(*(literal(value, User.__table__.c[name].type) for name, value in values.items()))
    return insert(User).from_select(list(values), row.select_from(claimed)).returning(User)


def sign_in(email: str, password: str, *, remembered: bool) -> SignedIn:
    """Create a session for the account of this e-mail and password. The time does not tell whether the account exists.

    Raises:
        InvalidCredentials: 401.
        EmailNotVerified: 403, if the settings require a verified e-mail address.

    """
    user = fetch_one(select(User).where(is_local(email)))
    bind_context(user=user["id"] if user else None)
    if not verify_password(password, user["password_hash"] if user else None) or user is None:
        raise InvalidCredentials
    if settings().require_email_verification and not user["email_verified"]:
        raise EmailNotVerified
    session = store.new_session(user["id"], remembered=remembered)
    # A password or e-mail that was changed since the first statement creates no session. The lock makes a concurrent
    # change wait, so that it ends this session too.
    has_password = User.password_hash == user["password_hash"]
    has_email = User.email_generation == user["email_generation"]
    unchanged = select(User.id).where(User.id == user["id"], has_password, has_email)
    if not fetch_all(store.insert_session(session, unchanged.with_for_update(read=True)).returning(Session.id)):
        raise InvalidCredentials
    if needs_rehash(user["password_hash"], settings().bcrypt_cost):
        with suppress(HashingQueueFull):  # the next sign-in tries again
            upgrade_hash(user, password)
    return SignedIn(user, session)


def upgrade_hash(user: Row, password: str) -> None:
    """Replace a hash of another format or cost, such as the seed's plain bcrypt, once the password is known."""
    unchanged = update(User).where(User.id == user["id"], User.password_hash == user["password_hash"])
    fetch_all(unchanged.values(password_hash=hash_password(password)).returning(User.id))


def check_password(user: Row, password: str) -> None:
    """Check the user's password.

    Raises:
        InvalidPassword: 400.

    """
    if not verify_password(password, user["password_hash"]):
        raise InvalidPassword


def change_password(
    user: Row, password: str, *, keep_session_id: str | None, new_session: store.NewSession | None = None
) -> Row:
    """Set a new password and return the user.

    Without `keep_session_id` no session ends; with it, all sessions of the user end but that one. `new_session` is
    created by the same statement.

    Raises:
        InvalidPassword: 400, if another request has changed the password since it was checked.

    """
    unchanged = update(User).where(User.id == user["id"], User.password_hash == user["password_hash"])
    changes = {"password_hash": hash_password(password), "updated_at": func.now()}
    changed_user = unchanged.values(changes).returning(User).cte("changed_user")
    statement = select(changed_user)
    if keep_session_id:
        is_changed = exists(select(changed_user.c.id))
        others = delete(Session).where(Session.user_id == user["id"], Session.id != keep_session_id, is_changed)
        statement = statement.add_cte(others.cte("ended_sessions"))
    if new_session:
        statement = statement.add_cte(store.insert_session(new_session, select(changed_user.c.id)).cte("new_session"))
    row = fetch_one(statement)
    if row is None:
        raise InvalidPassword
    if keep_session_id:
        # The statement does not see sessions that were created while it waited for a lock.
        store.end_all_sessions(user["id"], except_id=keep_session_id)
    return row


def update_user(user_id: str, fields: dict[str, Any]) -> None:
    """Set fields of the user."""
    fetch_one(update(User).where(User.id == user_id).values(updated_at=func.now(), **fields).returning(User.id))


def delete_user(user_id: str, *conditions: ColumnElement[bool]) -> bool:
    """Delete the account if the conditions hold, and return whether they did. Foreign keys delete all that is its own.

    On Citus no foreign key leads from the address to the user, which may be on another node.
    """

    def work() -> bool:
        user = fetch_one(delete(User).where(User.id == user_id, *conditions).returning(User.email))
        if user and user["email"]:
            own_address = EmailAddress.email == func.lower(user["email"]), EmailAddress.user_id == user_id
            fetch_all(delete(EmailAddress).where(*own_address).returning(EmailAddress.user_id))
        return user is not None

    return transaction(work)
