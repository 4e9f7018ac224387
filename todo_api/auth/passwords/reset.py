"""Setting a forgotten password anew, by a mailed link that works once."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import current_app
from sqlalchemy import delete, exists, func, insert, literal, select, update

from server.logging import bind_context
from todo_api.auth.errors import InvalidResetToken
from todo_api.auth.models import PasswordReset, Session, User, is_local
from todo_api.auth.passwords.hashing_queue import hash_password
from todo_api.auth.sessions import store
from todo_api.auth.sessions.store import token_hash
from todo_api.database.execution import fetch_all, fetch_one
from todo_api.mail.outbox import deliver_later
from todo_api.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

TTL = timedelta(hours=1)
TOKEN_PATTERN = re.compile("([0-9a-f]{64})_([0-9A-Za-z-]+)")

MAIL_SUBJECT = "Reset your password"
MAIL_TEXT = """\
Somebody, probably you, asked to set a new password for your account at {app}.

To do so, open this address within an hour; it works once:

{link}

If it was not you, nothing has changed and there is nothing to do.
"""


def request_reset(email: str, redirect_to: str, mail_url: str) -> None:
    """Mail a link to the account of this address. Known or unknown, it is one statement and takes the same time."""
    secret = secrets.token_hex(32)
    account = select(User.id, literal(token_hash(secret)), func.now() + TTL).where(is_local(email))
    columns = ("user_id", "token_hash", "expires_at")
    reset = fetch_one(insert(PasswordReset).from_select(columns, account).returning(PasswordReset.user_id))
    if reset is None:
        return
    bind_context(user=reset["user_id"])
    config = settings()
    callback = quote(redirect_to, safe="")
    link = f"{config.public_url}/api/auth/reset-password/{secret}_{reset['user_id']}?callbackURL={callback}"
    if mail_url.startswith("file:") and config.environment == "development":  # who reads that log reads that mailbox
        current_app.logger.warning("A password may be reset by this link: %s", link)
    deliver_later(mail_url, config.mail_from, email, MAIL_SUBJECT, MAIL_TEXT.format(app=config.app_name, link=link))


def is_valid_token(token: str) -> bool:
    """Tell whether a mailed token would set a password now."""
    return fetch_one(select(PasswordReset.user_id).where(is_reset_token(token))) is not None


def reset_password(token: str, password: str) -> str:
    """Set the password, end all sessions and void all links of the token's user, together; return the user's e-mail.

    Raises:
        InvalidResetToken: 400, for a token that is unknown, used or too old.

    """
    if not is_valid_token(token):  # before the work of a hash
        raise InvalidResetToken
    named = exists(select(PasswordReset.user_id).where(is_reset_token(token)))
    secret, _, user_id = token.partition("_")
    bind_context(user=user_id)
    whole = PasswordReset.__table__.c
    void = delete(PasswordReset).where(PasswordReset.user_id == user_id, named).returning(*whole).cte("void")
    # The link itself must be among those that this statement deletes: another one may be using it just now.
    whose = select(void.c.user_id).where(void.c.token_hash == token_hash(secret))
    changed = (
        update(User).where(User.id.in_(whose)).values(password_hash=hash_password(password), updated_at=func.now())
    )
    ended = delete(Session).where(Session.user_id.in_(whose)).cte("ended")
    user = fetch_one(changed.returning(User.email).add_cte(ended))
    if user is None:
        raise InvalidResetToken
    store.end_all_sessions(user_id)  # also what was opened while the statement waited, which it did not see
    email: str = user["email"]
    return email


def purge_resets() -> int:
    """Delete the mailed links that are past their hour, and return how many they were."""
    past = delete(PasswordReset).where(PasswordReset.expires_at <= func.now())
    return len(fetch_all(past.returning(PasswordReset.user_id)))


def is_reset_token(token: str) -> ColumnElement[bool]:
    """Return the condition that a row is the one of a mailed token, still good."""
    parts = TOKEN_PATTERN.fullmatch(token)
    secret, user_id = parts.groups() if parts else ("", "")
    return (
        (PasswordReset.user_id == user_id)
        & (PasswordReset.token_hash == token_hash(secret))
        & (PasswordReset.expires_at > func.now())
    )
