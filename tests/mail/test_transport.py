"""Transports: SMTP with and without TLS, mbox files, and what an error contains."""

from __future__ import annotations

import fcntl
import resource
import ssl
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult, LoginPassword

from devtools.processes import free_port
from server.setting_parsers.mail import mail_url
from tests.support.mail import (
    ADA,
    MESSAGE,
    SENDER,
    TOKEN,
    Inbox,
    deliver,
    delivery_error,
    read_mbox,
    scripted_server,
    smtp_server,
)
from todo_api.mail.message import compose
from todo_api.mail.transport import MailError, send

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = LoginPassword(b"us:er", b"p@ss/w%rd")
CREDENTIALS = "us%3Aer:p%40ss%2Fw%25rd@"
UNENCRYPTED_LOGIN = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make the process trust the authority, and return the TLS context of a server with its certificate."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return server_context(authority)


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def authenticate(*arguments: Any) -> AuthResult:
    return AuthResult(success=arguments[-1] == LOGIN, handled=False)


def login_options(context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Return the options of a server that requires a login, and STARTTLS if it has a TLS context."""
    auth = {"auth_required": True, "authenticator": authenticate, "auth_require_tls": context is not None}
    return {**auth, "tls_context": context, "require_starttls": context is not None}


@UNENCRYPTED_LOGIN
def test_a_login_without_tls_is_possible_on_the_same_machine(inbox: Inbox) -> None:
    with smtp_server(inbox, **login_options()) as port:
        deliver(mail_url(f"smtp://{CREDENTIALS}127.0.0.1:{port}"), *MESSAGE)
        assert delivery_error(f"smtp://us%3Aer:wrong@127.0.0.1:{port}").permanent
        assert delivery_error(f"smtp://127.0.0.1:{port}").permanent
    assert inbox.encrypted == [False]


def test_starttls(inbox: Inbox, trusted: ssl.SSLContext) -> None:
    with smtp_server(inbox, **login_options(trusted)) as port:
        deliver(mail_url(f"smtp://{CREDENTIALS}127.0.0.1:{port}?starttls=required"), *MESSAGE)
    assert inbox.encrypted == [True]


@UNENCRYPTED_LOGIN
def test_smtps(inbox: Inbox, trusted: ssl.SSLContext) -> None:
    with smtp_server(inbox, ssl_context=trusted, **login_options()) as port:
        deliver(mail_url(f"smtps://{CREDENTIALS}127.0.0.1:{port}"), *MESSAGE)
    assert [message["To"] for message in inbox.messages] == [ADA]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_with_an_untrusted_certificate_receives_nothing(
    inbox: Inbox, authority: trustme.CA, scheme: str
) -> None:
    context = server_context(authority)
    options = {"ssl_context": context} if scheme == "smtps" else login_options(context)
    with smtp_server(inbox, **options) as port:
        query = "?starttls=required" if scheme == "smtp" else ""
        error = delivery_error(f"{scheme}://{CREDENTIALS}127.0.0.1:{port}{query}")
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert inbox.envelopes == []


@pytest.mark.parametrize("login", [CREDENTIALS, ""])
def test_another_machine_without_starttls_receives_nothing(inbox: Inbox, port: int, login: str) -> None:
    # The operating system reads 127.1 as 127.0.0.1; the setting's parser takes it for another machine.
    error = delivery_error(f"smtp://{login}127.1:{port}")
    assert "STARTTLS" in str(error)
    assert error.permanent
    assert inbox.envelopes == []
    deliver(mail_url(f"smtp://127.1:{port}?starttls=off"), *MESSAGE)
    assert inbox.encrypted == [False]


def test_an_unreachable_server_is_a_temporary_failure() -> None:
    error = delivery_error(f"smtp://127.0.0.1:{free_port()}")
    assert "Connection refused" in str(error)
    assert not error.permanent


@pytest.mark.parametrize(("reply", "permanent"), [("550 no such\tuser", True), ("451 later", False)])
def test_a_rejected_recipient_is_an_error_with_the_servers_reply(
    inbox: Inbox,
    port: int,
    reply: str,
    permanent: bool,  # noqa: FBT001 - a case of the table
) -> None:
    inbox.rcpt = reply
    error = delivery_error(f"smtp://127.0.0.1:{port}")
    assert str(error) == f"the server replied {' '.join(reply.split())}"
    assert error.permanent == permanent


def test_the_reply_to_a_rejected_message_is_not_quoted(inbox: Inbox, port: int) -> None:
    inbox.data = f"554 spam: https://todo.example/reset?token={TOKEN}"
    assert str(delivery_error(f"smtp://127.0.0.1:{port}")) == "the server replied 554 the mail was rejected"


def test_a_connection_lost_after_the_message_was_accepted_is_no_failure() -> None:
    ok = b"250 OK\r\n"
    with scripted_server(b"220 hi\r\n", ok, ok, ok, b"354 go\r\n", ok) as port:
        deliver(mail_url(f"smtp://127.0.0.1:{port}"), *MESSAGE)


def test_a_reply_that_is_too_long_is_an_error() -> None:
    with scripted_server(b"220 hi\r\n", b"x" * 10_000 + b"\r\n") as port:
        assert "Line too long" in str(delivery_error(f"smtp://127.0.0.1:{port}"))


@pytest.mark.timed
def test_one_timeout_covers_all_replies() -> None:
    with scripted_server(b"220 hi\r\n", *[b"250 OK\r\n"] * 3, b"354 go\r\n", b"250 OK\r\n", delay=0.3) as port:
        started = time.monotonic()
        with pytest.raises(MailError, match="timed out"):
            send(mail_url(f"smtp://127.0.0.1:{port}"), compose(*MESSAGE), timeout=0.75)
        assert time.monotonic() - started < 1.2


def test_only_a_local_part_outside_ascii_requires_smtputf8() -> None:
    with smtp_server(Inbox(), enable_SMTPUTF8=False) as port:
        deliver(mail_url(f"smtp://127.0.0.1:{port}"), SENDER, "ada@straße.example", "Grüße", "Text\n")
        error = delivery_error(f"smtp://127.0.0.1:{port}", SENDER, "jürgen@example.com", "Reset", TOKEN)
    assert "SMTPUTF8" in str(error)
    assert error.permanent


def test_concurrent_deliveries_to_a_file_stay_intact(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "mails %"
    path.parent.mkdir()
    texts = [f"{number}\nFrom here on:\n" + f"{number} " * 9000 for number in range(80)]

    def write(first: int) -> None:
        for text in texts[first::8]:
            deliver(mail_url(path.as_uri()), SENDER, ADA, "Reset", text)

    threads = [threading.Thread(target=write, args=[first]) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = sorted((message.get_content() for message in read_mbox(path)), key=lambda text: int(text.split()[0]))
    assert [text.replace("\n>From", "\nFrom").rstrip() for text in contents] == [text.rstrip() for text in texts]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_leaves_no_partial_message(tmp_path: Path) -> None:
    path = tmp_path / "mails"
    deliver(path.as_uri(), *MESSAGE)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        error = delivery_error(path.as_uri())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in str(error)
    assert path.read_bytes() == before


def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "mails"
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writer = threading.Thread(target=deliver, args=[path.as_uri(), *MESSAGE])
        writer.start()
        writer.join(0.2)
        assert path.read_bytes() == b""
    writer.join(10)
    assert len(read_mbox(path)) == 1


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    assert "No such file" in str(delivery_error((tmp_path / "missing" / "mails").as_uri()))
