"""Mails in plain text, delivered at once or in the background."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import re
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid

from email_validator import validate_email

from todo_api.mail.transport import TIMEOUT, MailError, send

PAUSES = (1.0, 5.0)
"""Seconds before the second attempt and before the third, which is the last."""

WAITING_MAX = 100
"""Mails of one process that wait; further ones are dropped, so that a dead server costs no memory."""

HEAD_START = 0.05
"""Seconds that a mail is left alone, so that its making cannot slow the answer down that it must not show in."""

CLOSE_TIMEOUT = 10.0
"""Seconds that the end of the process waits for mails; gunicorn kills a worker after 30."""

LINE_MAX = 998
"""Characters of a line (RFC 5322 section 2.1.1)."""

UNWRITABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls, separators of lines, and lone surrogates."""

logger = logging.getLogger(__name__)

Mail = tuple[str, str, str, str, str]
"""URL, sender, recipient, subject, text."""


def deliver(url: str, sender: str, recipient: str, subject: str, text: str) -> None:
    """Deliver one mail, and return when the server has taken it or the file holds it.

    Raises:
        MailError: saying why it was not.

    """
    send(url, compose(sender, recipient, subject, text))


def deliver_later(url: str, sender: str, recipient: str, subject: str, text: str) -> None:
    """Return at once; the mail is delivered in the background, at the latest when the process ends.

    A failure is tried again twice and then logged.
    """
    outbox.put((url, sender, recipient, subject, text))


def compose(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    """Return the mail. Its headers are these and no others: what would break a line is refused.

    Raises:
        MailError: if there is no way to write it.

    """
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # not every server takes eight
    try:
        # With the domain as DNS knows it, so that only a name outside ASCII asks the server for SMTPUTF8.
        address = validate_email(recipient, check_deliverability=False, globally_deliverable=False)
        message["From"] = header(sender)
        message["To"] = Address(username=address.local_part, domain=address.ascii_domain)
        message["Subject"] = header(subject)
        # Kept as it is where it may be, so that a long link can be copied from the file.
        plain = text.isascii() and all(len(line) <= LINE_MAX for line in text.splitlines())
        message.set_content(text, cte="7bit" if plain else None)
    except ValueError as error:
        raise MailError(f"the mail cannot be written: {type(error).__name__}", permanent=True) from None
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    return message


def header(text: str) -> str:
    """Return the text if it is one line; Python's own check lets a line break at the end pass, which ends the headers.

    Raises:
        ValueError: if it is not.

    """
    if UNWRITABLE.search(text):
        raise ValueError("a header is one line")
    return text


class Outbox:
    """The mails that wait, and the one thread that delivers them. Each process has its own, also after a fork."""

    def __init__(
        self, *, pauses: tuple[float, ...] = PAUSES, timeout: float = TIMEOUT, close_timeout: float = CLOSE_TIMEOUT
    ) -> None:
        """Take the figures; the thread comes with the first mail."""
        self.pauses = pauses
        self.timeout = timeout
        self.close_timeout = close_timeout
        self.renew()
        os.register_at_fork(after_in_child=self.renew)
        atexit.register(self.close)

    def renew(self) -> None:
        """Begin with nothing: what a parent process has waiting, the parent delivers."""
        self.waiting: queue.Queue[Mail] = queue.Queue(WAITING_MAX)
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def put(self, mail: Mail) -> None:
        """Take one more mail, or log that there is no room for it."""
        with self.lock:
            if self.thread is None:
                # A daemon, since Python waits for others without a bound.
                self.thread = threading.Thread(target=self.work, name="mail", daemon=True)
                self.thread.start()
        try:
            self.waiting.put_nowait(mail)
        except queue.Full:
            logger.error("mail: not delivered: %d others wait already", WAITING_MAX)  # noqa: TRY400 - one line

    def work(self) -> None:
        """Deliver one mail after the other."""
        while True:
            mail = self.waiting.get()
            self.closing.wait(HEAD_START)
            try:
                self.attempt(*mail)
            except MailError as error:
                logger.error("mail: not delivered: %s", error)  # noqa: TRY400 - one line
            except Exception as error:  # noqa: BLE001 - whatever it is, the next mail must go out
                logger.error("mail: not delivered: %s", type(error).__name__)  # noqa: TRY400 - a trace may quote the mail
            finally:
                self.waiting.task_done()

    def attempt(self, url: str, sender: str, recipient: str, subject: str, text: str) -> None:
        """Deliver one mail, and try again where that may help.

        Raises:
            MailError: saying why the last attempt failed.

        """
        # Made once, so that all attempts have one Message-ID, by which a mail that came twice is known.
        message = compose(sender, recipient, subject, text)
        for pause in self.pauses:
            try:
                return send(url, message, self.timeout)
            except MailError as error:
                if error.permanent:
                    raise
            self.closing.wait(pause)
        return send(url, message, self.timeout)

    def close(self) -> None:
        """Wait until everything is delivered, for a bounded time and with no more pauses."""
        self.closing.set()
        with self.waiting.all_tasks_done:
            self.waiting.all_tasks_done.wait_for(lambda: not self.waiting.unfinished_tasks, self.close_timeout)
            if self.waiting.unfinished_tasks:
                logger.error("mail: %d not delivered before the process ended", self.waiting.unfinished_tasks)


outbox = Outbox()
