"""Change of a user's e-mail address: a verified old address confirms it first, then the new one verifies itself.

A link is valid for one generation of the e-mail, and while the session that asked for it lives: to end the session of a
thief also voids its links.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg2.errors import UniqueViolation
from sqlalchemy import and_, delete, exists, func, insert, select, update

from server.logging import bind_context
from todo_api.auth.directory import is_local
from todo_api.auth.mails import send_mail
from todo_api.auth.models import EmailAddress, PasswordReset, Session, User
from todo_api.auth.rate_limits import consume_mail
from todo_api.auth.sessions.store import is_session
from todo_api.auth.verification.errors import InvalidLink, UserAlreadyExists, UserNotFound
from todo_api.auth.verification.link_tokens import LinkClaims
from todo_api.auth.verification.links import verification_link
from todo_api.auth.verification.mail_texts import CONFIRM_CHANGE, EMAIL_CHANGED, VERIFY_NEW_EMAIL
from todo_api.database.execution import fetch_one, transaction

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from todo_api.database.statements import Row


class Change(NamedTuple):
    """The user after a change, and the address before it, or None if an earlier request made the change."""

    user: Row
    old_email: str | None


def request_change(session: Row, new_email: str, callback_url: str | None) -> None:
    """Mail the first link: to the old address if it is verified, else to the new one unless it has an account.

    The mail to the own old address does not depend on who else has an account.

    Raises:
        TooManyRequests: 429.

    """
    claims = LinkClaims(session["id"], session["email_generation"], new_email, session["session_id"])
    if not session["email_verified"]:
        mail_new_address(claims, callback_url)
        return
    consume_mail(session["email"])
    link = verification_link(claims, "confirm-email-change", callback_url)
    send_mail(session["email"], CONFIRM_CHANGE, link=link, new_email=new_email)


def mail_new_address(claims: LinkClaims, callback_url: str | None) -> None:
    """Mail the link that changes the e-mail to the new address, unless it has an account.

    Raises:
        TooManyRequests: 429.

    """
    new_email = claims.new_email or ""
    consume_mail(new_email)
    link = verification_link(claims, "change-email", callback_url)
    if fetch_one(select(User.id).where(is_local(new_email))) is None:
        send_mail(new_email, VERIFY_NEW_EMAIL, link=link)


def confirm_change(claims: LinkClaims, callback_url: str | None) -> None:
    """Mail the second link, once the old address has confirmed the change.

    Raises:
        UserNotFound: 401, if the account is deleted, or its address has changed since.
        InvalidLink: 401, if the session that asked for the change has ended.
        TooManyRequests: 429.

    """
    bind_context(user=claims.user_id)
    user = find_user(claims)
    if is_done(user, claims):
        return
    if not user["is_asked"]:
        raise InvalidLink
    mail_new_address(claims, callback_url)


def change_email(claims: LinkClaims) -> Row:
    """Change the e-mail to the new address, which the link has proved, and return the user.

    A repetition changes nothing. All other sessions end, all reset links are void, and the old address gets a notice.

    Raises:
        UserNotFound: 401, if the account is deleted, or its address has changed since.
        InvalidLink: 401, if the session that asked for the change has ended.
        UserAlreadyExists: 401, if another account has the new address.

    """
    bind_context(user=claims.user_id)
    try:
        user, old_email = transaction(partial(apply_change, claims))
    except UniqueViolation:
        raise UserAlreadyExists from None
    if old_email:
        send_mail(old_email, EMAIL_CHANGED, new_email=user["email"])
    return user


def apply_change(claims: LinkClaims) -> Change:
    """Change the e-mail in the current transaction.

    The user's row is locked first, so that the later statements see every session and reset that was created before.
    """
    user = find_user(claims, locked=True)
    if is_done(user, claims):
        return Change(user, None)
    move_address(claims.user_id, user["email"], claims.new_email or "")
    changed = fetch_one(change_statement(claims))
    if changed is None:
        raise InvalidLink
    return Change(changed, user["email"])


def change_statement(claims: LinkClaims) -> Select[Any]:
    """Return the statement that changes the e-mail and returns the user, if the asking session lives."""
    changes = {"email": claims.new_email, "email_verified": True, "updated_at": func.now()}
    next_generation = User.email_generation + 1
    change = update(User).where(is_user(claims), is_asked(claims)).values(**changes, email_generation=next_generation)
    changed_user = change.returning(User).cte("changed_user")
    is_changed = exists(select(changed_user.c.id))
    others = delete(Session).where(Session.user_id == claims.user_id, Session.id != claims.session_id, is_changed)
    resets = delete(PasswordReset).where(PasswordReset.user_id == claims.user_id, is_changed)
    return select(changed_user).add_cte(others.cte("ended_sessions"), resets.cte("void_resets"))


def move_address(user_id: str, old_email: str, new_email: str) -> None:
    """Replace the address in the directory. The new one may be on another node of Citus.

    Raises:
        UniqueViolation: another account has the new address.

    """
    old_address = EmailAddress.email == func.lower(old_email), EmailAddress.user_id == user_id
    fetch_one(delete(EmailAddress).where(*old_address).returning(EmailAddress.user_id))
    new_address = insert(EmailAddress).values(email=func.lower(new_email), user_id=user_id)
    fetch_one(new_address.returning(EmailAddress.user_id))


def is_user(claims: LinkClaims) -> ColumnElement[bool]:
    """Return the condition that a row is the user of the link."""
    return and_(User.id == claims.user_id, User.issuer.is_(None))


def is_asked(claims: LinkClaims) -> ColumnElement[bool]:
    """Return the condition that the session that asked for the change lives."""
    return exists(select(Session.id).where(is_session(claims.user_id, claims.session_id or "")))


def find_user(claims: LinkClaims, *, locked: bool = False) -> Row:
    """Return the user of the link, and whether the session that asked for the change lives.

    Raises:
        UserNotFound: 401, if the account is deleted.

    """
    query = select(User, is_asked(claims).label("is_asked")).where(is_user(claims))
    user = fetch_one(query.with_for_update(key_share=True, of=User) if locked else query)
    if user is None:
        raise UserNotFound
    return user


def is_done(user: Row, claims: LinkClaims) -> bool:
    """Return whether an earlier request has made the change of the link.

    Raises:
        UserNotFound: 401, if the address has changed since in another way.

    """
    if user["email_generation"] == claims.generation:
        return False
    if (user["email_generation"], user["email"]) == (claims.generation + 1, claims.new_email):
        return True
    raise UserNotFound
