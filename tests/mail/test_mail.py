"""Mails, sent to servers that speak SMTP and to files."""

from __future__ import annotations

import fcntl
import mailbox
import os
import resource
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from hypothesis import given
from hypothesis import strategies as st

from devtools.embedded_postgres import free_port
from server.setting_parsers.mail import mail_url
from tests.support.processes import ROOT, environment, wait_until_answering
from todo_api.mail.message import compose
from todo_api.mail.outbox import QUEUE_MAX, Outbox, deliver_later
from todo_api.mail.transport import MailError, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SENDER = "Todo API <no-reply@todo.example>"
ADA = "ada@example.com"
TOKEN = "tok-3f9c"
LETTER = (SENDER, ADA, "Reset your password", f"Go to https://todo.example/reset?token={TOKEN}\n")
UNENCRYPTED_LOGIN = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
LOGIN = LoginPassword(b"us:er", b"p@ss/w%rd")
CREDENTIALS = "us%3Aer:p%40ss%2Fw%25rd@"


def deliver(url: str, sender: str, recipient: str, subject: str, text: str) -> None:
    send(url, compose(sender, recipient, subject, text))


@dataclass
class Inbox:
    """What a server was sent, and what it answers."""

    mails: list[Envelope] = field(default_factory=list)
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

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return self.data

    @property
    def messages(self) -> list[EmailMessage]:
        return [parsed(content(mail)) for mail in self.mails]


def content(mail: Envelope) -> bytes:
    assert isinstance(mail.content, bytes)
    return mail.content


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def login(*asked: Any) -> AuthResult:
    return AuthResult(success=asked[-1] == LOGIN, handled=False)


@contextmanager
def smtp_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Run an SMTP server and yield its port."""
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def port(inbox: Inbox) -> Iterator[int]:
    with smtp_server(inbox) as port:
        yield port


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make this machine trust the authority, and return what a server with its certificate needs."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return certified(authority)


def certified(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def with_login(context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Return the options of a server that takes mails after a login only, over STARTTLS where it has a certificate."""
    auth = {"auth_required": True, "authenticator": login, "auth_require_tls": context is not None}
    return {**auth, "tls_context": context, "require_starttls": context is not None}


def refused(url: str, *letter: str) -> MailError:
    with pytest.raises(MailError) as error:
        deliver(mail_url(url), *(letter or LETTER))
    assert len(str(error.value).splitlines()) == 1
    assert TOKEN not in str(error.value)
    assert error.value.__cause__ is None
    return error.value


def test_a_mail_arrives_whole(inbox: Inbox, port: int) -> None:
    deliver(mail_url(f"smtp://127.0.0.1:{port}"), *LETTER)
    (message,) = inbox.messages
    assert (message["From"], message["To"], message["Subject"], message.get_content()) == LETTER
    assert message["Message-ID"].endswith("@todo.example>")
    assert message["Date"].datetime.timestamp() == pytest.approx(time.time(), abs=60)
    assert message["Auto-Submitted"] == "auto-generated"
    assert (inbox.mails[0].mail_from, inbox.mails[0].rcpt_tos) == ("no-reply@todo.example", [ADA])


@pytest.mark.parametrize("text", ["Grüße, 你好 🎉\n" * 20, "ß" * 2000 + "\n", "x" * 2000 + "\n", ".\n..\nFrom me\n"])
def test_text_and_subject_come_back_as_they_were(inbox: Inbox, port: int, tmp_path: Path, text: str) -> None:
    subject = "Zurücksetzen: 重置 🔑 " * 8 + "!"
    deliver(mail_url(f"smtp://127.0.0.1:{port}"), SENDER, ADA, subject, text)
    deliver((tmp_path / "mails").as_uri(), SENDER, ADA, subject, text)
    raw = content(inbox.mails[0])
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998
    for message in (*inbox.messages, *read(tmp_path / "mails")):
        assert message["Subject"] == subject
        # Base64 holds lines as the wire does, and an mbox marks those that begin like a mail.
        assert message.get_content().replace("\r\n", "\n").replace(">From", "From") == text


def test_a_link_is_not_broken(tmp_path: Path) -> None:
    link = f"https://todo.example/reset?token={'a=' * 200}"
    deliver((tmp_path / "mails").as_uri(), SENDER, ADA, "Reset", f"Go to {link}\n")
    assert link in (tmp_path / "mails").read_text()


@UNENCRYPTED_LOGIN
def test_a_login_on_the_own_machine(inbox: Inbox) -> None:
    with smtp_server(inbox, **with_login()) as port:
        deliver(mail_url(f"smtp://{CREDENTIALS}127.0.0.1:{port}"), *LETTER)
        assert refused(f"smtp://us%3Aer:wrong@127.0.0.1:{port}").permanent
        assert refused(f"smtp://127.0.0.1:{port}").permanent
    assert inbox.encrypted == [False]


def test_starttls(inbox: Inbox, trusted: ssl.SSLContext) -> None:
    with smtp_server(inbox, **with_login(trusted)) as port:
        deliver(mail_url(f"smtp://{CREDENTIALS}127.0.0.1:{port}?starttls=required"), *LETTER)
    assert inbox.encrypted == [True]


@UNENCRYPTED_LOGIN
def test_smtps(inbox: Inbox, trusted: ssl.SSLContext) -> None:
    with smtp_server(inbox, ssl_context=trusted, **with_login()) as port:
        deliver(mail_url(f"smtps://{CREDENTIALS}127.0.0.1:{port}"), *LETTER)
    assert [message["To"] for message in inbox.messages] == [ADA]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_nobody_we_trust_gets_nothing(inbox: Inbox, authority: trustme.CA, scheme: str) -> None:
    context = certified(authority)
    options = {"ssl_context": context} if scheme == "smtps" else with_login(context)
    with smtp_server(inbox, **options) as port:
        query = "?starttls=required" if scheme == "smtp" else ""
        error = refused(f"{scheme}://{CREDENTIALS}127.0.0.1:{port}{query}")
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert inbox.mails == []


@pytest.mark.parametrize("login", [CREDENTIALS, ""])
def test_another_machine_without_starttls_is_told_nothing(inbox: Inbox, port: int, login: str) -> None:
    # The system reads 127.1 as 127.0.0.1; for us it is another machine.
    error = refused(f"smtp://{login}127.1:{port}")
    assert "STARTTLS" in str(error)
    assert error.permanent
    assert inbox.mails == []
    deliver(mail_url(f"smtp://127.1:{port}?starttls=off"), *LETTER)
    assert inbox.encrypted == [False]


def test_no_server() -> None:
    error = refused(f"smtp://127.0.0.1:{free_port()}")
    assert "Connection refused" in str(error)
    assert not error.permanent


@pytest.mark.parametrize(("reply", "permanent"), [("550 no such\tuser", True), ("451 later", False)])
def test_a_refused_recipient(inbox: Inbox, port: int, reply: str, permanent: bool) -> None:  # noqa: FBT001
    inbox.rcpt = reply
    error = refused(f"smtp://127.0.0.1:{port}")
    assert str(error) == f"the server says {' '.join(reply.split())}"
    assert error.permanent == permanent


def test_a_refused_mail_is_not_quoted(inbox: Inbox, port: int) -> None:
    inbox.data = f"554 spam: https://todo.example/reset?token={TOKEN}"
    assert str(refused(f"smtp://127.0.0.1:{port}")) == "the server says 554 the mail is refused"


@contextmanager
def scripted(*steps: bytes, pause: float = 0) -> Iterator[int]:
    """Run a server that says these lines, one after each that it hears, and yield its port."""

    def serve() -> None:
        connection, _ = listener.accept()
        with suppress(OSError), closing(connection), connection.makefile("rb") as heard:
            for step in steps:
                time.sleep(pause)
                connection.sendall(step)
                while (line := heard.readline()) and step.startswith(b"354") and line != b".\r\n":
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def test_a_mail_that_was_taken_is_delivered_whatever_comes_after() -> None:
    ok = b"250 OK\r\n"
    with scripted(b"220 hi\r\n", ok, ok, ok, b"354 go\r\n", ok) as port:
        deliver(mail_url(f"smtp://127.0.0.1:{port}"), *LETTER)


def test_a_reply_that_is_none() -> None:
    with scripted(b"220 hi\r\n", b"x" * 10_000 + b"\r\n") as port:
        assert "Line too long" in str(refused(f"smtp://127.0.0.1:{port}"))


def test_the_timeout_is_for_all_of_it() -> None:
    with scripted(b"220 hi\r\n", *[b"250 OK\r\n"] * 3, b"354 go\r\n", b"250 OK\r\n", pause=0.3) as port:
        began = time.monotonic()
        with pytest.raises(MailError, match="timed out"):
            send(mail_url(f"smtp://127.0.0.1:{port}"), compose(*LETTER), timeout=0.75)
        assert time.monotonic() - began < 1.2


@pytest.mark.parametrize(
    ("recipient", "known"),
    [("jürgen@example.com", "jürgen@example.com"), ("ada@straße.example", "ada@xn--strae-oqa.example")],
)
def test_addresses_beyond_ascii(tmp_path: Path, recipient: str, known: str) -> None:
    inbox = Inbox()
    with smtp_server(inbox, enable_SMTPUTF8=True) as port:
        deliver(mail_url(f"smtp://127.0.0.1:{port}"), SENDER, recipient, "Grüße", "Text\n")
    deliver((tmp_path / "mails").as_uri(), SENDER, recipient, "Grüße", "Text\n")
    assert inbox.mails[0].rcpt_tos == [known]
    for message in (*inbox.messages, *read(tmp_path / "mails")):
        assert (message["To"], message["Subject"]) == (known, "Grüße")


def test_a_server_that_knows_ascii_only() -> None:
    with smtp_server(Inbox(), enable_SMTPUTF8=False) as port:
        deliver(mail_url(f"smtp://127.0.0.1:{port}"), SENDER, "ada@straße.example", "Grüße", "Text\n")
        error = refused(f"smtp://127.0.0.1:{port}", SENDER, "jürgen@example.com", "Reset", TOKEN)
    assert "SMTPUTF8" in str(error)
    assert error.permanent


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
def test_no_header_comes_in_from_outside(tmp_path: Path, sender: str, recipient: str, subject: str, text: str) -> None:
    error = refused((tmp_path / "mails").as_uri(), sender, recipient, subject, text)
    assert str(error).startswith("the mail cannot be written: ")
    assert error.permanent
    assert not (tmp_path / "mails").exists()


@given(st.text(), st.text())
def test_whatever_is_written_the_headers_are_ours(subject: str, text: str) -> None:
    try:
        message = compose(SENDER, ADA, subject, text)
    except MailError:
        return
    assert set(parsed(message.as_bytes()).keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    }


def read(path: Path) -> list[EmailMessage]:
    with closing(mailbox.mbox(path, create=False)) as mails:
        return [parsed(mail.as_bytes()) for mail in mails]


def test_mails_of_many_threads_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "mails %"
    path.parent.mkdir()
    bodies = [f"{number}\nFrom here on:\n" + f"{number} " * 9000 for number in range(80)]

    def write(first: int) -> None:
        for body in bodies[first::8]:
            deliver(mail_url(path.as_uri()), SENDER, ADA, "Reset", body)

    threads = [threading.Thread(target=write, args=[first]) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted((mail.get_content() for mail in read(path)), key=lambda text: int(text.split()[0]))
    assert [text.replace("\n>From", "\nFrom").rstrip() for text in found] == [body.rstrip() for body in bodies]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_leaves_no_half_of_a_mail(tmp_path: Path) -> None:
    path = tmp_path / "mails"
    deliver(path.as_uri(), *LETTER)
    whole = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))
    try:
        error = refused(path.as_uri())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in str(error)
    assert path.read_bytes() == whole


def test_a_mail_waits_until_the_file_is_free(tmp_path: Path) -> None:
    path = tmp_path / "mails"
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writer = threading.Thread(target=deliver, args=[path.as_uri(), *LETTER])
        writer.start()
        writer.join(0.2)
        assert path.read_bytes() == b""
    writer.join(10)
    assert len(read(path)) == 1


def test_no_folder_for_the_file(tmp_path: Path) -> None:
    assert "No such file" in str(refused((tmp_path / "nowhere" / "mails").as_uri()))


def eventually(holds: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_later_is_at_once_for_the_caller(tmp_path: Path) -> None:
    with scripted(b"220 hi\r\n", b"421 no\r\n", pause=0.5) as slow:
        began = time.monotonic()
        deliver_later(mail_url(f"smtp://127.0.0.1:{slow}"), SENDER, "", "Reset", "Text")
        deliver_later((tmp_path / "mails").as_uri(), *LETTER)
        assert time.monotonic() - began < 0.2
        eventually((tmp_path / "mails").exists)
        with pytest.raises(MailError):
            deliver(mail_url(f"smtp://127.0.0.1:{slow}"), *LETTER)
    eventually(lambda: read(tmp_path / "mails"))


def test_a_failure_that_passes_is_tried_again(inbox: Inbox, port: int, caplog: pytest.LogCaptureFixture) -> None:
    inbox.greylisted = 2
    outbox = Outbox(pauses=(0.01, 0.01))
    outbox.put((mail_url(f"smtp://127.0.0.1:{port}"), *LETTER))
    outbox.close()
    assert len(inbox.mails) == 1
    assert caplog.messages == []


def test_the_third_failure_is_logged_in_one_line(inbox: Inbox, port: int, caplog: pytest.LogCaptureFixture) -> None:
    inbox.greylisted = 3
    outbox = Outbox(pauses=(0.01, 0.01))
    outbox.put((mail_url(f"smtp://127.0.0.1:{port}"), *LETTER))
    outbox.close()
    assert inbox.mails == []
    assert inbox.greylisted == 0
    assert caplog.messages == ["mail: not delivered: the server says 451 4.7.1 later"]


def test_the_end_of_the_process_makes_no_pauses(inbox: Inbox, port: int) -> None:
    inbox.greylisted = 2
    outbox = Outbox(pauses=(60, 60))
    outbox.put((mail_url(f"smtp://127.0.0.1:{port}"), *LETTER))
    outbox.close()
    assert len(inbox.mails) == 1


def test_a_failure_that_stays_is_not_tried_again(inbox: Inbox, port: int, caplog: pytest.LogCaptureFixture) -> None:
    inbox.data = f"554 {TOKEN}"
    outbox = Outbox()
    outbox.put((mail_url(f"smtp://127.0.0.1:{port}"), *LETTER))
    outbox.close()
    assert len(inbox.mails) == 1
    assert caplog.messages == ["mail: not delivered: the server says 554 the mail is refused"]
    assert TOKEN not in caplog.text


def test_after_a_mail_of_nonsense_the_next_one_goes_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox()
    outbox.put((f"gopher://[{TOKEN}", *LETTER))
    outbox.put(((tmp_path / "mails").as_uri(), *LETTER))
    outbox.close()
    assert len(read(tmp_path / "mails")) == 1
    assert caplog.messages == ["mail: not delivered: ValueError"]


def test_a_server_that_does_not_answer_costs_bounded_memory_and_time(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outbox = Outbox(timeout=1.5, pauses=(), close_timeout=0.2)
        mail = (mail_url(f"smtp://127.0.0.1:{silent.getsockname()[1]}"), *LETTER)
        outbox.put(mail)
        eventually(outbox.queue.empty)
        for _ in range(QUEUE_MAX + 1):
            outbox.put(mail)
        assert caplog.messages == ["mail: not delivered: 100 others wait already"]
        began = time.monotonic()
        outbox.close()
        assert time.monotonic() - began < 1
        assert caplog.messages[1:] == [f"mail: {QUEUE_MAX + 1} not delivered before the process ended"]


FORKED = """
import os, sys
from todo_api.mail.outbox import deliver_later
url, letter = sys.argv[1], ("todo@localhost", "ada@example.com")
deliver_later(url, *letter, "parent", "Text")
child = os.fork()
deliver_later(url, *letter, "child" if not child else "parent again", "Text")
if child:
    os.waitpid(child, 0)
"""


def test_a_fork_has_its_own_thread_and_both_deliver_before_they_end(tmp_path: Path) -> None:
    url = (tmp_path / "mails").as_uri()
    command = [sys.executable, "-c", FORKED, url]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30, check=True)
    assert "mail:" not in ended.stderr
    assert sorted(mail["Subject"] for mail in read(tmp_path / "mails")) == ["child", "parent", "parent again"]


APPLICATION = """
import os
from todo_api.mail.outbox import deliver_later
def app(environ, start_response):
    for number in range(20):
        deliver_later(os.environ["MAILS"], "todo@localhost", "ada@example.com", str(number), "Text")
    start_response("204 No Content", [])
    return []
"""


@pytest.mark.parametrize("preload", [[], ["--preload"]])
def test_gunicorns_workers_deliver_before_they_end(tmp_path: Path, preload: list[str]) -> None:
    (tmp_path / "mailing.py").write_text(APPLICATION)
    port, mails = free_port(), tmp_path / "mails"
    bind = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--pythonpath", f"{tmp_path},{ROOT}"]
    command = [sys.executable, "-m", "gunicorn", "--config", os.devnull, *bind, *preload, "mailing:app"]
    settings = environment(MAILS=quote(mails.as_uri(), safe=":/%"), HOME=str(tmp_path))
    process = subprocess.Popen(command, cwd=tmp_path, env=settings, stderr=subprocess.DEVNULL)
    try:
        wait_until_answering(f"http://127.0.0.1:{port}/")
        requests.get(f"http://127.0.0.1:{port}/", timeout=5)
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert sorted(int(mail["Subject"]) for mail in read(mails)) == sorted([*range(20)] * 2)
