"""E-mail messages in plain text."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid

from email_validator import validate_email

from todo_api.mail.transport import MailError

LINE_MAX = 998
"""The longest line of a message, in characters (RFC 5322 section 2.1.1)."""

FORBIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line separators and lone surrogates."""


def compose(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    """Return the message. No argument can add a header.

    Raises:
        MailError: if the arguments make no valid message.

    """
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # some servers lack 8BITMIME
    try:
        # The domain in its ASCII form, so that only a local part outside ASCII requires SMTPUTF8.
        address = validate_email(recipient, check_deliverability=False, globally_deliverable=False)
        message["From"] = checked_header(sender)
        message["To"] = Address(username=address.local_part, domain=address.ascii_domain)
        message["Subject"] = checked_header(subject)
        # Unencoded if possible, so that a long link can be copied from an mbox file.
        is_plain = text.isascii() and all(len(line) <= LINE_MAX for line in text.splitlines())
        message.set_content(text, cte="7bit" if is_plain else None)
    except ValueError as error:
        raise MailError(f"the message is not valid: {type(error).__name__}", permanent=True) from None
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic replies
    return message


def checked_header(text: str) -> str:
    """Return a header's text. Python's own check accepts a final line break, which would end the headers.

    Raises:
        ValueError: if the text is not one line.

    """
    if FORBIDDEN.search(text):
        raise ValueError("a header is one line")
    return text
