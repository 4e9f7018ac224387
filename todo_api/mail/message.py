"""Mail messages in plain text."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid

from email_validator import validate_email

from todo_api.mail.transport import MailError

LINE_MAX = 998
"""Characters of a line (RFC 5322 section 2.1.1)."""

FORBIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls, separators of lines, and lone surrogates."""


def compose(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    """Return the mail. Its headers are these and no others: what would break a line is refused.

    Raises:
        MailError: if there is no way to write it.

    """
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # not every server takes eight
    try:
        # With the domain as DNS knows it, so that only a name outside ASCII asks the server for SMTPUTF8.
        address = validate_email(recipient, check_deliverability=False, globally_deliverable=False)
        message["From"] = checked_header(sender)
        message["To"] = Address(username=address.local_part, domain=address.ascii_domain)
        message["Subject"] = checked_header(subject)
        # Kept as it is where it may be, so that a long link can be copied from the file.
        plain = text.isascii() and all(len(line) <= LINE_MAX for line in text.splitlines())
        message.set_content(text, cte="7bit" if plain else None)
    except ValueError as error:
        raise MailError(f"the mail cannot be written: {type(error).__name__}", permanent=True) from None
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    return message


def checked_header(text: str) -> str:
    """Return the text if it is one line; Python's own check lets a line break at the end pass, which ends the headers.

    Raises:
        ValueError: if it is not.

    """
    if FORBIDDEN.search(text):
        raise ValueError("a header is one line")
    return text
