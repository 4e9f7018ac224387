"""The outbox: mails that a background thread delivers."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading

from todo_api.mail.message import compose
from todo_api.mail.transport import TIMEOUT, MailError, send

BACKOFF = (1.0, 5.0)
"""Seconds before the second attempt and before the third, which is the last."""

QUEUE_MAX = 100
"""Mails of one process that wait; further ones are dropped, so that a dead server costs no memory."""

DELIVERY_DELAY = 0.05
"""Seconds that a mail is left alone, so that its making cannot slow the answer down that it must not show in."""

CLOSE_TIMEOUT = 10.0
"""Seconds that the end of the process waits for mails; gunicorn kills a worker after 30."""

logger = logging.getLogger(__name__)

Mail = tuple[str, str, str, str, str]
"""URL, sender, recipient, subject, text."""


def deliver_later(url: str, sender: str, recipient: str, subject: str, text: str) -> None:
    """Return at once; the mail is delivered in the background, at the latest when the process ends.

    A failure is tried again twice and then logged.
    """
    outbox.put((url, sender, recipient, subject, text))


class Outbox:
    """The mails that wait, and the one thread that delivers them. Each process has its own, also after a fork."""

    def __init__(
        self, *, pauses: tuple[float, ...] = BACKOFF, timeout: float = TIMEOUT, close_timeout: float = CLOSE_TIMEOUT
    ) -> None:
        """Take the figures; the thread comes with the first mail."""
        self.backoff = pauses
        self.timeout = timeout
        self.close_timeout = close_timeout
        self.reset()
        os.register_at_fork(after_in_child=self.reset)
        atexit.register(self.close)

    def reset(self) -> None:
        """Begin with nothing: what a parent process has waiting, the parent delivers."""
        self.queue: queue.Queue[Mail] = queue.Queue(QUEUE_MAX)
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
            self.queue.put_nowait(mail)
        except queue.Full:
            logger.error("mail: not delivered: %d others wait already", QUEUE_MAX)  # noqa: TRY400 - one line

    def work(self) -> None:
        """Deliver one mail after the other."""
        while True:
            mail = self.queue.get()
            self.closing.wait(DELIVERY_DELAY)
            try:
                self.attempt(*mail)
            except MailError as error:
                logger.error("mail: not delivered: %s", error)  # noqa: TRY400 - one line
            except Exception as error:  # noqa: BLE001 - whatever it is, the next mail must go out
                logger.error("mail: not delivered: %s", type(error).__name__)  # noqa: TRY400 - a trace may quote the mail
            finally:
                self.queue.task_done()

    def attempt(self, url: str, sender: str, recipient: str, subject: str, text: str) -> None:
        """Deliver one mail, and try again where that may help.

        Raises:
            MailError: saying why the last attempt failed.

        """
        # Made once, so that all attempts have one Message-ID, by which a mail that came twice is known.
        message = compose(sender, recipient, subject, text)
        for pause in self.backoff:
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
        with self.queue.all_tasks_done:
            self.queue.all_tasks_done.wait_for(lambda: not self.queue.unfinished_tasks, self.close_timeout)
            if self.queue.unfinished_tasks:
                logger.error("mail: %d not delivered before the process ended", self.queue.unfinished_tasks)


outbox = Outbox()
