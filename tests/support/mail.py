"""Messages, SMTP servers that receive them, and mbox files."""

from __future__ import annotations

import mailbox
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller

from devtools.processes import free_port
from server.setting_parsers.mail import mail_url
from todo_api.mail.message import compose
from todo_api.mail.transport import MailError, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiosmtpd.smtp import SMTP, Envelope, Session

SENDER = "Todo API <no-reply@todo.example>"
ADA = "ada@example.com"
TOKEN = "tok-3f9c"
MESSAGE = (SENDER, ADA, "Reset your password", f"Go to https://todo.example/reset?token={TOKEN}\n")


def deliver(url: str, sender: str, recipient: str, subject: str, text: str) -> None:
    """Send a message by the transport of the URL."""
    send(url, compose(sender, recipient, subject, text))


def delivery_error(url: str, *message: str) -> MailError:
    """Return the error of a delivery: one line, without the mail's text and without a cause."""
    with pytest.raises(MailError) as error:
        deliver(mail_url(url), *(message or MESSAGE))
    assert len(str(error.value).splitlines()) == 1
    assert TOKEN not in str(error.value)
    assert error.value.__cause__ is None
    return error.value


@dataclass
class Inbox:
    """The mails that an SMTP server has received, and its replies."""

    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    greylisted: int = 0
    rcpt: str = "250 OK"
    data: str = "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.greylisted:
            self.greylisted -= 1
            return "451 4.7.1 later"
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return self.data

    @property
    def messages(self) -> list[EmailMessage]:
        return [parse(content(envelope)) for envelope in self.envelopes]


def content(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


def parse(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def read_mbox(path: Path) -> list[EmailMessage]:
    with closing(mailbox.mbox(path, create=False)) as mails:
        return [parse(mail.as_bytes()) for mail in mails]


@contextmanager
def smtp_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Run an SMTP server and yield its port."""
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def scripted_server(*replies: bytes, delay: float = 0) -> Iterator[int]:
    """Run a server that sends one reply after each line that it receives, and yield its port."""

    def serve() -> None:
        connection, _ = listener.accept()
        with suppress(OSError), closing(connection), connection.makefile("rb") as received:
            for reply in replies:
                time.sleep(delay)
                connection.sendall(reply)
                while (line := received.readline()) and reply.startswith(b"354") and line != b".\r\n":
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()
