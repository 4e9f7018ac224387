"""Messages: their headers, their text, and what makes them invalid."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.setting_parsers.mail import mail_url
from tests.support.mail import (
    ADA,
    MESSAGE,
    SENDER,
    Inbox,
    content,
    deliver,
    delivery_error,
    parse,
    read_mbox,
    smtp_server,
)
from todo_api.mail.message import compose
from todo_api.mail.transport import MailError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_message_arrives_complete(inbox: Inbox, port: int) -> None:
    deliver(mail_url(f"smtp://127.0.0.1:{port}"), *MESSAGE)
    (message,) = inbox.messages
    assert (message["From"], message["To"], message["Subject"], message.get_content()) == MESSAGE
    assert message["Message-ID"].endswith("@todo.example>")
    assert message["Date"].datetime.timestamp() == pytest.approx(time.time(), abs=60)
    assert message["Auto-Submitted"] == "auto-generated"
    assert (inbox.envelopes[0].mail_from, inbox.envelopes[0].rcpt_tos) == ("no-reply@todo.example", [ADA])


@pytest.mark.parametrize("text", ["Grüße, 你好 🎉\n" * 20, "ß" * 2000 + "\n", "x" * 2000 + "\n", ".\n..\nFrom me\n"])
def test_any_text_and_subject_arrive_unchanged(inbox: Inbox, port: int, tmp_path: Path, text: str) -> None:
    subject = "Zurücksetzen: 重置 🔑 " * 8 + "!"
    deliver(mail_url(f"smtp://127.0.0.1:{port}"), SENDER, ADA, subject, text)
    deliver((tmp_path / "mails").as_uri(), SENDER, ADA, subject, text)
    raw = content(inbox.envelopes[0])
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998
    for message in (*inbox.messages, *read_mbox(tmp_path / "mails")):
        assert message["Subject"] == subject
        # Base64 keeps the line breaks of the wire, and an mbox escapes lines that start with From.
        assert message.get_content().replace("\r\n", "\n").replace(">From", "From") == text


def test_a_long_link_is_not_wrapped(tmp_path: Path) -> None:
    link = f"https://todo.example/reset?token={'a=' * 200}"
    deliver((tmp_path / "mails").as_uri(), SENDER, ADA, "Reset", f"Go to {link}\n")
    assert link in (tmp_path / "mails").read_text()


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [("jürgen@example.com", "jürgen@example.com"), ("ada@straße.example", "ada@xn--strae-oqa.example")],
)
def test_addresses_may_have_characters_outside_ascii(tmp_path: Path, recipient: str, expected: str) -> None:
    inbox = Inbox()
    with smtp_server(inbox, enable_SMTPUTF8=True) as port:
        deliver(mail_url(f"smtp://127.0.0.1:{port}"), SENDER, recipient, "Grüße", "Text\n")
    deliver((tmp_path / "mails").as_uri(), SENDER, recipient, "Grüße", "Text\n")
    assert inbox.envelopes[0].rcpt_tos == [expected]
    for message in (*inbox.messages, *read_mbox(tmp_path / "mails")):
        assert (message["To"], message["Subject"]) == (expected, "Grüße")


@pytest.mark.parametrize(
    ("sender", "recipient", "subject", "text"),
    [
        (SENDER, "ada@example.com\r\nBcc: eve@example.com", "Reset", "Text"),
        (SENDER, "ada@example.com\n", "Reset", "Text"),
        (SENDER, "ada@example.com, eve@example.com", "Reset", "Text"),
        (SENDER, "Ada <ada@example.com>", "Reset", "Text"),
        (SENDER, "", "Reset", "Text"),
        (SENDER, ADA, "Reset\r\nBcc: eve@example.com", "Text"),
        (SENDER, ADA, "Reset\rBcc: eve@example.com", "Text"),
        (SENDER, ADA, "Reset\n", "Text"),
        (SENDER, ADA, "Reset\u2028Bcc: eve@example.com", "Text"),
        (SENDER, ADA, "\ud800", "Text"),
        (SENDER, ADA, "Reset", "\ud800"),
        (f"{SENDER}\nBcc: eve@example.com", ADA, "Reset", "Text"),
    ],
)
def test_header_injection_is_rejected(tmp_path: Path, sender: str, recipient: str, subject: str, text: str) -> None:
    error = delivery_error((tmp_path / "mails").as_uri(), sender, recipient, subject, text)
    assert str(error).startswith("the message is not valid: ")
    assert error.permanent
    assert not (tmp_path / "mails").exists()


@given(st.text(), st.text())
def test_no_subject_or_text_adds_a_header(subject: str, text: str) -> None:
    try:
        message = compose(SENDER, ADA, subject, text)
    except MailError:
        return
    assert set(parse(message.as_bytes()).keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    }
