"""The mails of the application in an mbox file, and the links in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.support.mail import read_mbox
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse


def mails(mbox: Path) -> list[EmailMessage]:
    """Return the mails, once all are delivered."""
    outbox.queue.join()
    return read_mbox(mbox) if mbox.exists() else []


def links_of(mail: EmailMessage) -> list[str]:
    return re.findall(r"^http\S+$", mail.get_content(), re.MULTILINE)


def mailed_links(mbox: Path) -> list[str]:
    return [link for mail in mails(mbox) for link in links_of(mail)]


def subjects_by_recipient(mbox: Path) -> list[tuple[str, str]]:
    """Return the recipient and the subject of each mail."""
    return [(mail["To"], mail["Subject"]) for mail in mails(mbox)]


def query_of(link: str) -> dict[str, str]:
    """Return the query parameters of a link."""
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def follow(client: FlaskClient, link: str, headers: dict[str, str] | None = None) -> TestResponse:
    """Follow a link."""
    parts = urlsplit(link)
    return client.get(f"{parts.path}?{parts.query}", headers=headers)


def location_of(response: TestResponse) -> str:
    """Return the target of a redirect."""
    assert response.status_code == 302, response.text
    return response.headers["Location"]
