"""The outbox: a queue of mails, and the background thread that delivers them."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
from typing import NamedTuple

from todo_api.mail.message import compose
from todo_api.mail.transport import TIMEOUT, MailError, send

BACKOFF = (1.0, 5.0)
"""Seconds before the second and the third attempt, which is the last."""

QUEUE_MAX = 100
"""Mails that one process queues. Further ones are dropped, so that an unreachable server costs no memory."""

DELIVERY_DELAY = 0.05
"""Seconds before a mail is composed. Without them this work would slow the response down, and its time would reveal
whether an account exists."""

CLOSE_TIMEOUT = 10.0
"""Seconds that the process waits at its end for queued mails. gunicorn kills a worker after 30."""

logger = logging.getLogger(__name__)


class Mail(NamedTuple):
    """A mail and the URL of its transport."""

    url: str
    sender: str
    recipient: str
    subject: str
    text: str


def deliver_later(url: str, sender: str, recipient: str, subject: str, text: str) -> None:
    """Queue a mail, and return at once. A failed delivery is retried twice and then logged."""
    outbox.put(Mail(url, sender, recipient, subject, text))


class Outbox:
    """A queue of mails and the thread that delivers them. Each process has its own, also after a fork."""

    def __init__(
        self, *, backoff: tuple[float, ...] = BACKOFF, timeout: float = TIMEOUT, close_timeout: float = CLOSE_TIMEOUT
    ) -> None:
        """Start empty. The thread starts with the first mail; the end of the process closes the outbox."""
        self.backoff = backoff
        self.timeout = timeout
        self.close_timeout = close_timeout
        self.reset()
        os.register_at_fork(after_in_child=self.reset)
        atexit.register(self.close)

    def reset(self) -> None:
        """Drop all mails: after a fork the parent process delivers them."""
        self.queue: queue.Queue[Mail] = queue.Queue(QUEUE_MAX)
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def put(self, mail: Mail) -> None:
        """Queue a mail, or log that the queue is full."""
        with self.lock:
            if self.thread is None:
                # A daemon thread, because Python waits for other threads without a timeout.
                self.thread = threading.Thread(target=self.run, name="mail", daemon=True)
                self.thread.start()
        try:
            self.queue.put_nowait(mail)
        except queue.Full:
            logger.error("mail: not delivered: the queue is full (%d mails)", QUEUE_MAX)  # noqa: TRY400 - one line

    def run(self) -> None:
        """Deliver the mails of the queue one by one, until the process ends."""
        while True:
            mail = self.queue.get()
            self.closing.wait(DELIVERY_DELAY)
            try:
                self.deliver(mail)
            except MailError as error:
                logger.error("mail: not delivered: %s", error)  # noqa: TRY400 - one line
            except Exception as error:  # noqa: BLE001 - the thread must survive for the next mail
                logger.error("mail: not delivered: %s", type(error).__name__)  # noqa: TRY400 - a trace may quote the mail
            finally:
                self.queue.task_done()

    def deliver(self, mail: Mail) -> None:
        """Deliver a mail, with retries after temporary failures.

        Raises:
            MailError: with the reason of the last failure.

        """
        # Composed once, so that all attempts have one Message-ID, by which recipients detect duplicates.
        message = compose(mail.sender, mail.recipient, mail.subject, mail.text)
        for delay in self.backoff:
            try:
                return send(mail.url, message, self.timeout)
            except MailError as error:
                if error.permanent:
                    raise
            self.closing.wait(delay)
        return send(mail.url, message, self.timeout)

    def close(self) -> None:
        """Wait until the queue is empty, with a timeout and without further delays."""
        self.closing.set()
        with self.queue.all_tasks_done:
            self.queue.all_tasks_done.wait_for(lambda: not self.queue.unfinished_tasks, self.close_timeout)
            if self.queue.unfinished_tasks:
                logger.error("mail: %d not delivered before the process ended", self.queue.unfinished_tasks)


outbox = Outbox()
