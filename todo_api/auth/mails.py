"""The mails to users: each has a link to a route of this service, or tells what happened."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urlencode

from flask import current_app

from todo_api.mail.outbox import deliver_later
from todo_api.settings import settings


class Template(NamedTuple):
    """The subject and the text of a mail. The text may name `{app}`, `{link}` and other values."""

    subject: str
    text: str


def send_mail(recipient: str, template: Template, **values: str) -> None:
    """Queue a mail, if the service is configured to send mails."""
    config = settings()
    if config.mail_url is None:
        return
    if "link" in values and config.mail_url.startswith("file:") and config.environment == "development":
        # The log shows the link only where mails are files, which a reader of the log can read too.
        current_app.logger.warning("%s by this link: %s", template.subject, values["link"])
    text = template.text.format(app=config.app_name, **values)
    deliver_later(config.mail_url, config.mail_from, recipient, template.subject, text)


def link_to(path: str, callback_url: str | None, **query: str) -> str:
    """Return the public URL of an auth route that redirects to `callback_url`, by default the root of the service."""
    config = settings()
    parameters = {**query, "callbackURL": callback_url or f"{config.public_path}/"}
    return f"{config.public_url}/api/auth/{path}?{urlencode(parameters, quote_via=quote, safe='')}"
