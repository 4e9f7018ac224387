"""Password reset: by a mailed link that works once, or by an administrator."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, func, insert, literal, select, update

from server.logging import bind_context
from todo_api.auth.api_keys.store import disable_all_keys, disable_keys
from todo_api.auth.directory import has_email, is_local, user_id_of
from todo_api.auth.errors import InvalidResetToken
from todo_api.auth.mails import Template, link_to, send_mail
from todo_api.auth.models import APIKey, PasswordReset, Session, User
from todo_api.auth.passwords.hashing_queue import hash_password
from todo_api.auth.passwords.policy import check_new_password
from todo_api.auth.sessions import store
from todo_api.auth.sessions.store import token_hash
from todo_api.database.execution import fetch_one
from todo_api.database.slices import delete_older

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement

TTL = timedelta(hours=1)
TOKEN_PATTERN = re.compile("([0-9a-f]{64})_([0-9A-Za-z-]+)")

RESET = Template(
    "Reset your password",
    """\
Someone, probably you, asked to reset the password of your account at {app}.

To set a new password, open this link within an hour. It works once:

{link}

If it was not you, ignore this mail: your password is unchanged.
""",
)


def request_reset(email: str, redirect_to: str | None) -> None:
    """Mail a reset link to the account of this address. With or without an account, this is one statement.

    It waits for a concurrent change of the e-mail, after which the old address gets no link.
    """
    secret = secrets.token_hex(32)
    account = select(User.id, literal(token_hash(secret)), func.now() + TTL).where(is_local(email))
    columns = ("user_id", "token_hash", "expires_at")
    insertion = insert(PasswordReset).from_select(columns, account.with_for_update(read=True, of=User))
    reset = fetch_one(insertion.returning(PasswordReset.user_id))
    if reset is None:
        return
    bind_context(user=reset["user_id"])
    send_mail(email, RESET, link=link_to(f"reset-password/{secret}_{reset['user_id']}", redirect_to))


def is_valid_token(token: str) -> bool:
    """Return whether a reset token is known, unused and unexpired."""
    return fetch_one(select(PasswordReset.user_id).where(is_reset_token(token))) is not None


def reset_password(token: str, password: str) -> str:
    """Set the password, end all sessions, disable all API keys and void all reset links; return the user's e-mail.

    The mailed link has proved the e-mail, which is verified from then on.

    Raises:
        InvalidResetToken: 400, for a token that is unknown, used or expired.

    """
    if not is_valid_token(token):  # before the cost of a hash
        raise InvalidResetToken
    secret, _, user_id = token.partition("_")
    bind_context(user=user_id)
    is_valid = exists(select(PasswordReset.user_id).where(is_reset_token(token)))
    all_columns = PasswordReset.__table__.c
    void = delete(PasswordReset).where(PasswordReset.user_id == user_id, is_valid).returning(*all_columns)
    void_resets = void.cte("void_resets")
    # This statement itself must delete the token: a concurrent request may use the same one.
    is_used = exists(select(void_resets.c.user_id).where(void_resets.c.token_hash == token_hash(secret)))
    changes = {"password_hash": hash_password(password), "email_verified": True, "updated_at": func.now()}
    change = update(User).where(User.id == user_id, is_used).values(changes)
    changed_user = change.returning(User.email).cte("changed_user")
    ended = delete(Session).where(Session.user_id == user_id, is_used).cte("ended_sessions")
    disabled = disable_keys(and_(APIKey.user_id == user_id, is_used)).cte("disabled_keys")
    row = fetch_one(select(changed_user.c.email).add_cte(ended, disabled))
    if row is None:
        raise InvalidResetToken
    # The statement does not see sessions and keys that were created while it waited for a lock.
    store.end_all_sessions(user_id)
    disable_all_keys(user_id)
    email: str = row["email"]
    return email


def purge_resets() -> Iterator[int]:
    """Delete the expired reset tokens; yield the number of each slice."""
    return delete_older(PasswordReset.expires_at)


def is_reset_token(token: str) -> ColumnElement[bool]:
    """Return the condition that a row is of this reset token, and not expired."""
    match = TOKEN_PATTERN.fullmatch(token)
    secret, user_id = match.groups() if match else ("", "")
    return (
        (PasswordReset.user_id == user_id)
        & (PasswordReset.token_hash == token_hash(secret))
        & (PasswordReset.expires_at > func.now())
    )


def set_password(email: str, password: str) -> int | None:
    """Set the password of an account without its current one, end its sessions, disable its keys, void its reset links.

    Return the number of ended sessions, or None if no account has the e-mail.

    Raises:
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: 400 to JSON, 422 to a form.

    """
    check_new_password(password)
    changes = {"password_hash": hash_password(password), "updated_at": func.now()}
    user_id = user_id_of(email)
    change = update(User).where(User.id == user_id, has_email(email)).values(changes)
    changed_user = change.returning(User.id).cte("changed_user")
    is_changed = exists(select(changed_user.c.id))
    ended = delete(Session).where(Session.user_id == user_id, is_changed).returning(Session.id).cte("ended_sessions")
    void = delete(PasswordReset).where(PasswordReset.user_id == user_id, is_changed).cte("void_resets")
    count = select(func.count()).select_from(ended).scalar_subquery()
    disabled = disable_keys(and_(APIKey.user_id == user_id, is_changed)).cte("disabled_keys")
    row = fetch_one(select(changed_user.c.id, count.label("ended")).add_cte(void, disabled))
    if row is None:
        return None
    # The statement does not see sessions and keys that were created while it waited for a lock.
    store.end_all_sessions(row["id"])
    disable_all_keys(row["id"])
    return int(row["ended"])
