"""How a mail leaves: to an SMTP server, or to a file, as a URL that `config.mail_url` has read says.

What goes wrong is told without the mail's words, which may hold a token.
"""

from __future__ import annotations

import fcntl
import io
import os
import smtplib
import ssl
import time
from contextlib import contextmanager, suppress
from email import policy as email_policy
from email.generator import BytesGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from email.message import EmailMessage
    from urllib.parse import SplitResult

TIMEOUT = 10.0
"""Seconds that one attempt to reach an SMTP server may take."""


class MailError(Exception):
    """A mail was not delivered; it says why in one line. `permanent` tells that trying again would not help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        """Take the reason, whose line breaks and other controls become spaces."""
        super().__init__(" ".join("".join(char if char.isprintable() else " " for char in reason).split()))
        self.permanent = permanent


def send(url: str, message: EmailMessage, timeout: float = TIMEOUT) -> None:
    """Hand the mail over to what the URL names.

    Raises:
        MailError: saying why it was not taken.

    """
    parts = urlsplit(url)
    try:
        if parts.scheme == "file":
            append_mbox(unquote(parts.path), message)
        else:
            send_smtp(parts, message, timeout)
    except OSError as error:  # smtplib's errors are some, too
        # Without its cause, which may quote the mail.
        raise mail_error(error) from None


def mail_error(error: OSError) -> MailError:
    """Return the error in our words, with those of the server that it spoke before it had seen the mail."""
    code: int
    reply: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, reply),) = error.recipients.values()
    elif isinstance(error, smtplib.SMTPDataError):
        code, reply = error.smtp_code, "the mail is refused"
    elif isinstance(error, smtplib.SMTPResponseException):
        code, reply = error.smtp_code, error.smtp_error
    else:
        return MailError(str(error), permanent=isinstance(error, smtplib.SMTPNotSupportedError))
    words = reply if isinstance(reply, str) else reply.decode("ascii", "replace")
    return MailError(f"the server says {code} {words}", permanent=500 <= code < 600)  # noqa: PLR2004 - RFC 5321's 5yz


class SMTPConnection(smtplib.SMTP):
    """An SMTP connection that has its timeout as a whole; smtplib's own begins anew with every reply."""

    deadline: float

    def connect(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        """Connect, and begin to count."""
        self.deadline = time.monotonic() + self.timeout
        return super().connect(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Wait for the reply as long as is left."""
        cast("socket.socket", self.sock).settimeout(max(self.deadline - time.monotonic(), 0.001))
        return super().getreply()


class SMTPSConnection(SMTPConnection, smtplib.SMTP_SSL):
    """The same with TLS from the first byte on."""


def check_transport(url: str, timeout: float = TIMEOUT) -> None:
    """Find out whether a mail could be handed over, and change nothing.

    Raises:
        MailError: saying why it could not.

    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        # Not made here: it would be the file of whoever looks.
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise MailError(f"{path} cannot be written")
        return
    try:
        with smtp_connection(parts, timeout):
            pass
    except OSError as error:
        raise mail_error(error) from None


def send_smtp(parts: SplitResult, message: EmailMessage, timeout: float) -> None:
    """Hand the mail over to an SMTP server.

    Raises:
        OSError: if the server does not take it.

    """
    with smtp_connection(parts, timeout) as session:
        (sender,), (recipient,) = message["From"].addresses, message["To"].addresses
        session.send_message(message, sender.addr_spec, recipient.addr_spec)


@contextmanager
def smtp_connection(parts: SplitResult, timeout: float) -> Iterator[SMTPConnection]:
    """Yield a connection to an SMTP server, whose certificate must be one that this machine trusts."""
    context = ssl.create_default_context()
    host = str(parts.hostname)
    session: SMTPConnection
    if parts.scheme == "smtps":
        session = SMTPSConnection(host, parts.port or smtplib.SMTP_SSL_PORT, timeout=timeout, context=context)
    else:
        session = SMTPConnection(host, parts.port or 587, timeout=timeout)
    try:
        # Encrypted unless the URL says otherwise; config.mail_url knows when it may.
        if parts.scheme == "smtp" and parts.query != "starttls=off":
            session.starttls(context=context)
        if parts.username and parts.password:
            session.login(unquote(parts.username), unquote(parts.password))
        yield session
        # The server has the mail: a farewell that fails must not have it sent again.
        with suppress(smtplib.SMTPException):
            session.quit()
    finally:
        session.close()


def append_mbox(path: str, message: EmailMessage) -> None:
    """Append the whole mail, or nothing, to a file that `mailbox.mbox` reads.

    Raises:
        OSError: if the file does not take it.

    """
    rest = mbox_entry(message)
    mails = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(mails, fcntl.LOCK_EX)  # other processes, and the threads of this one
        size = os.fstat(mails).st_size
        try:
            while rest:
                rest = rest[os.write(mails, rest) :]
        except OSError:
            os.ftruncate(mails, size)
            raise
    finally:
        os.close(mails)


def mbox_entry(message: EmailMessage) -> bytes:
    """Return the mail with the line that begins it in an mbox, and the empty one that ends it (RFC 4155)."""
    (sender,), (recipient,) = message["From"].addresses, message["To"].addresses
    entry = io.BytesIO()
    entry.write(f"From {sender.addr_spec} {time.asctime(time.gmtime())}\n".encode())
    policy = email_policy.SMTP if recipient.addr_spec.isascii() else email_policy.SMTPUTF8
    BytesGenerator(entry, mangle_from_=True, policy=policy.clone(linesep="\n", cte_type="7bit")).flatten(message)
    return entry.getvalue() + b"\n"
