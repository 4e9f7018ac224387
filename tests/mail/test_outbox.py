"""The outbox: delivery in the background, retries, and the end of the process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests

from devtools.processes import free_port
from server.setting_parsers.mail import mail_url
from tests.support.mail import MESSAGE, SENDER, TOKEN, Inbox, deliver, read_mbox, scripted_server
from tests.support.processes import ROOT, clean_environ, wait_until
from todo_api.mail.outbox import QUEUE_MAX, Mail, Outbox, deliver_later
from todo_api.mail.transport import MailError

if TYPE_CHECKING:
    from pathlib import Path


def smtp_mail(port: int) -> Mail:
    return Mail(mail_url(f"smtp://127.0.0.1:{port}"), *MESSAGE)


@pytest.mark.timed
def test_deliver_later_returns_at_once(tmp_path: Path) -> None:
    with scripted_server(b"220 hi\r\n", b"421 no\r\n", delay=0.5) as slow:
        started = time.monotonic()
        deliver_later(mail_url(f"smtp://127.0.0.1:{slow}"), SENDER, "", "Reset", "Text")
        deliver_later((tmp_path / "mails").as_uri(), *MESSAGE)
        assert time.monotonic() - started < 0.2
        wait_until((tmp_path / "mails").exists, 10)
        with pytest.raises(MailError):
            deliver(mail_url(f"smtp://127.0.0.1:{slow}"), *MESSAGE)
    wait_until(lambda: bool(read_mbox(tmp_path / "mails")), 10)


def test_a_temporary_failure_is_retried(inbox: Inbox, port: int, caplog: pytest.LogCaptureFixture) -> None:
    inbox.greylisted = 2
    outbox = Outbox(backoff=(0.01, 0.01))
    outbox.put(smtp_mail(port))
    outbox.close()
    assert len(inbox.envelopes) == 1
    assert caplog.messages == []


def test_the_third_failure_is_logged_in_one_line(inbox: Inbox, port: int, caplog: pytest.LogCaptureFixture) -> None:
    inbox.greylisted = 3
    outbox = Outbox(backoff=(0.01, 0.01))
    outbox.put(smtp_mail(port))
    outbox.close()
    assert inbox.envelopes == []
    assert inbox.greylisted == 0
    assert caplog.messages == ["mail: not delivered: the server replied 451 4.7.1 later"]


def test_at_the_end_of_the_process_retries_have_no_delay(inbox: Inbox, port: int) -> None:
    inbox.greylisted = 2
    outbox = Outbox(backoff=(60, 60))
    outbox.put(smtp_mail(port))
    outbox.close()
    assert len(inbox.envelopes) == 1


def test_a_permanent_failure_is_not_retried(inbox: Inbox, port: int, caplog: pytest.LogCaptureFixture) -> None:
    inbox.data = f"554 {TOKEN}"
    outbox = Outbox()
    outbox.put(smtp_mail(port))
    outbox.close()
    assert len(inbox.envelopes) == 1
    assert caplog.messages == ["mail: not delivered: the server replied 554 the mail was rejected"]
    assert TOKEN not in caplog.text


def test_an_unexpected_error_does_not_stop_the_next_mail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox()
    outbox.put(Mail(f"gopher://[{TOKEN}", *MESSAGE))
    outbox.put(Mail((tmp_path / "mails").as_uri(), *MESSAGE))
    outbox.close()
    assert len(read_mbox(tmp_path / "mails")) == 1
    assert caplog.messages == ["mail: not delivered: ValueError"]


@pytest.mark.timed
def test_an_unresponsive_server_costs_limited_memory_and_time(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outbox = Outbox(timeout=1.5, backoff=(), close_timeout=0.2)
        mail = smtp_mail(silent.getsockname()[1])
        outbox.put(mail)
        wait_until(outbox.queue.empty, 10)
        for _ in range(QUEUE_MAX + 1):
            outbox.put(mail)
        assert caplog.messages == ["mail: not delivered: the queue is full (100 mails)"]
        started = time.monotonic()
        outbox.close()
        assert time.monotonic() - started < 1
        assert caplog.messages[1:] == [f"mail: {QUEUE_MAX + 1} not delivered before the process ended"]


FORKING = """
import os, sys
from todo_api.mail.outbox import deliver_later
url, addresses = sys.argv[1], ("todo@localhost", "ada@example.com")
deliver_later(url, *addresses, "parent", "Text")
child = os.fork()
deliver_later(url, *addresses, "child" if not child else "parent again", "Text")
if child:
    os.waitpid(child, 0)
"""


def test_after_a_fork_both_processes_deliver_their_own_mails(tmp_path: Path) -> None:
    url = (tmp_path / "mails").as_uri()
    command = [sys.executable, "-c", FORKING, url]
    result = subprocess.run(
        command, cwd=ROOT, env=clean_environ(), capture_output=True, text=True, timeout=30, check=True
    )
    assert "mail:" not in result.stderr
    assert sorted(mail["Subject"] for mail in read_mbox(tmp_path / "mails")) == ["child", "parent", "parent again"]


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
def test_gunicorn_workers_deliver_before_they_exit(tmp_path: Path, preload: list[str]) -> None:
    (tmp_path / "mailing.py").write_text(APPLICATION)
    port, mails = free_port(), tmp_path / "mails"
    bind = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--pythonpath", f"{tmp_path},{ROOT}"]
    command = [sys.executable, "-m", "gunicorn", "--config", os.devnull, *bind, *preload, "mailing:app"]
    settings = clean_environ(MAILS=quote(mails.as_uri(), safe=":/%"), HOME=str(tmp_path))
    process = subprocess.Popen(command, cwd=tmp_path, env=settings, stderr=subprocess.DEVNULL)
    try:
        # One request: gunicorn listens, and then its worker loads the application.
        wait_until(lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=60).status_code == 204)
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert sorted(int(mail["Subject"]) for mail in read_mbox(mails)) == [*range(20)]
