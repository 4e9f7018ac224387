"""Transports of mail: an SMTP server or an mbox file, by the URL of the setting MAIL_URL.

No error quotes a mail, which may contain a token.
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
"""Seconds for one attempt to deliver a mail by SMTP."""

SUBMISSION_PORT = 587
"""The port of message submission (RFC 6409)."""


class MailError(Exception):
    """The reason in one line why a mail was not delivered. After a permanent failure a retry is useless."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        """Replace line breaks and other control characters of the reason with spaces."""
        super().__init__(" ".join("".join(char if char.isprintable() else " " for char in reason).split()))
        self.permanent = permanent


def send(url: str, message: EmailMessage, timeout: float = TIMEOUT) -> None:
    """Send a message by the transport of the URL.

    Raises:
        MailError: if the transport does not accept it.

    """
    parts = urlsplit(url)
    try:
        if parts.scheme == "file":
            append_mbox(unquote(parts.path), message)
        else:
            send_smtp(parts, message, timeout)
    except OSError as error:  # the base class of smtplib's errors
        raise mail_error(error) from None


def mail_error(error: OSError) -> MailError:
    """Return the error without its cause. A server's reply to the mail itself is left out, because it may quote it."""
    code: int
    reply: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, reply),) = error.recipients.values()
    elif isinstance(error, smtplib.SMTPDataError):
        code, reply = error.smtp_code, "the mail was rejected"
    elif isinstance(error, smtplib.SMTPResponseException):
        code, reply = error.smtp_code, error.smtp_error
    else:
        return MailError(str(error), permanent=isinstance(error, smtplib.SMTPNotSupportedError))
    text = reply if isinstance(reply, str) else reply.decode("ascii", "replace")
    return MailError(f"the server replied {code} {text}", permanent=500 <= code < 600)  # noqa: PLR2004 - RFC 5321's 5yz


class SMTPConnection(smtplib.SMTP):
    """An SMTP connection with one timeout in all, where smtplib has one for each reply."""

    deadline: float

    def connect(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        """Connect, and set the deadline."""
        self.deadline = time.monotonic() + self.timeout
        return super().connect(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Wait for the reply until the deadline."""
        cast("socket.socket", self.sock).settimeout(max(self.deadline - time.monotonic(), 0.001))
        return super().getreply()


class SMTPSConnection(SMTPConnection, smtplib.SMTP_SSL):
    """An SMTP connection with implicit TLS (RFC 8314)."""


def check_transport(url: str, timeout: float = TIMEOUT) -> None:
    """Check the transport without sending a mail.

    Raises:
        MailError: if it would not accept a mail.

    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        # Not created here: the file would belong to the user who runs the check.
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise MailError(f"{path} is not writable")
        return
    try:
        with smtp_connection(parts, timeout):
            pass
    except OSError as error:
        raise mail_error(error) from None


def send_smtp(parts: SplitResult, message: EmailMessage, timeout: float) -> None:
    """Send a message to an SMTP server.

    Raises:
        OSError: if the server does not accept it.

    """
    with smtp_connection(parts, timeout) as connection:
        (sender,), (recipient,) = message["From"].addresses, message["To"].addresses
        connection.send_message(message, sender.addr_spec, recipient.addr_spec)


@contextmanager
def smtp_connection(parts: SplitResult, timeout: float) -> Iterator[SMTPConnection]:
    """Yield a connection to an SMTP server, after login. TLS requires a certificate that the system trusts."""
    context = ssl.create_default_context()
    host = str(parts.hostname)
    connection: SMTPConnection
    if parts.scheme == "smtps":
        connection = SMTPSConnection(host, parts.port or smtplib.SMTP_SSL_PORT, timeout=timeout, context=context)
    else:
        connection = SMTPConnection(host, parts.port or SUBMISSION_PORT, timeout=timeout)
    try:
        # The parser of MAIL_URL permits starttls=off only where it is safe.
        if parts.scheme == "smtp" and parts.query != "starttls=off":
            connection.starttls(context=context)
        if parts.username and parts.password:
            connection.login(unquote(parts.username), unquote(parts.password))
        yield connection
        # The server has accepted the mail. A failing QUIT must not cause a retry.
        with suppress(smtplib.SMTPException):
            connection.quit()
    finally:
        connection.close()


def append_mbox(path: str, message: EmailMessage) -> None:
    """Append a complete message to an mbox file, or nothing.

    Raises:
        OSError: if the file cannot be written.

    """
    unwritten = mbox_entry(message)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)  # against other processes, and other threads of this one
        size = os.fstat(file).st_size
        try:
            while unwritten:
                unwritten = unwritten[os.write(file, unwritten) :]
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def mbox_entry(message: EmailMessage) -> bytes:
    """Return the message between the From line and the empty line of an mbox entry (RFC 4155)."""
    (sender,), (recipient,) = message["From"].addresses, message["To"].addresses
    entry = io.BytesIO()
    entry.write(f"From {sender.addr_spec} {time.asctime(time.gmtime())}\n".encode())
    policy = email_policy.SMTP if recipient.addr_spec.isascii() else email_policy.SMTPUTF8
    BytesGenerator(entry, mangle_from_=True, policy=policy.clone(linesep="\n", cte_type="7bit")).flatten(message)
    return entry.getvalue() + b"\n"
