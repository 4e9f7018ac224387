"""The mail that tells a user of a new API key. It has neither the key nor its name, which its creator chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from todo_api.mail.outbox import deliver_later
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.database.statements import Row

MAIL_SUBJECT = "A new API key"
MAIL_TEXT = """\
An API key of your account at {app} was created. Its id is {id}, and it has the scopes {scopes}.

If it was not you, reset your password, which disables all keys, and delete this one.
"""


def mail_notice(email: str, key: Row) -> None:
    """Mail the user of a new key, if the service sends mail."""
    config = settings()
    if config.mail_url is None:
        return
    text = MAIL_TEXT.format(app=config.app_name, id=key["id"], scopes=" ".join(key["scopes"]))
    deliver_later(config.mail_url, config.mail_from, email, MAIL_SUBJECT, text)
