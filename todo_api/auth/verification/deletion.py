"""Deletion of an account, confirmed by a link to its verified e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from todo_api.auth import accounts
from todo_api.auth.mails import send_mail
from todo_api.auth.models import User
from todo_api.auth.rate_limits import consume_mail
from todo_api.auth.verification.errors import InvalidDeletionToken, InvalidLink
from todo_api.auth.verification.link_tokens import LinkClaims
from todo_api.auth.verification.links import deletion_link, read_token
from todo_api.auth.verification.mail_texts import CONFIRM_DELETION

if TYPE_CHECKING:
    from todo_api.database.statements import Row


def request_deletion(session: Row, callback_url: str | None) -> None:
    """Mail a link that deletes the account of the session.

    Raises:
        TooManyRequests: 429.

    """
    consume_mail(session["email"])
    claims = LinkClaims(session["id"], session["email_generation"])
    send_mail(session["email"], CONFIRM_DELETION, link=deletion_link(claims, callback_url))


def delete_user(session: Row, token: str) -> None:
    """Delete the account of the session, to which the token must belong.

    Raises:
        InvalidDeletionToken: 404, for a malformed, foreign or expired token, and for one mailed to another address.

    """
    try:
        _, claims = read_token(token, "delete-user")
    except InvalidLink:
        raise InvalidDeletionToken from None
    has_this_email = User.email_generation == claims.generation
    if claims.user_id != session["id"] or not accounts.delete_user(claims.user_id, has_this_email):
        raise InvalidDeletionToken
