"""Workers that are killed during sign-ups and changes of e-mails: each account has its address, and the reverse."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.accounts import new_email
from tests.support.actors import PASSWORD
from tests.support.credentials import SignIn
from tests.support.databases import CONFIG, execute
from tests.support.email_directory import DISABLE_TRIGGER, differences, directory
from tests.support.processes import child_pids, wait_until
from todo_api.auth.verification.link_tokens import LinkClaims, issue
from todo_api.clock import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.servers import FaultyPostgres
    from tests.support.processes import Service

THREADS = 6
KILLS = 5


class Accounts:
    """Threads that sign up and then change the e-mail of the account, and the addresses that were acknowledged."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/api/auth"
        self.current: dict[str, str] = {}
        self.aborted = 0
        self.unexpected: list[str] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(THREADS)]

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                self.create_and_change()
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                self.aborted += 1

    def create_and_change(self) -> None:
        email, new = new_email(), new_email()
        response = requests.post(f"{self.url}/sign-up/email", data={"email": email, "password": PASSWORD}, timeout=60)
        if not self.is_acknowledged(response):
            return
        session = SignIn.from_response(response.json(), response.headers)
        claims = LinkClaims(session.user_id, 0, new, session.session_id)
        ttl = timedelta(hours=1)
        token = issue(claims, "change-email", secret=CONFIG.better_auth_secret, now=now(), ttl=ttl)
        if self.is_acknowledged(requests.get(f"{self.url}/verify-email", params={"token": token}, timeout=60)):
            self.current[new] = session.user_id

    def is_acknowledged(self, response: requests.Response) -> bool:
        if response.status_code not in {200, 429, 503}:
            self.unexpected.append(response.text)
        return response.status_code == 200

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in self.threads:
                thread.join(60)

    def wait_for_progress(self) -> None:
        before = len(self.current)
        wait_until(lambda: len(self.current) > before + THREADS, 60)


@pytest.mark.shows("gunicorn KILL")
def test_killed_workers_keep_accounts_and_addresses_in_step(postgres: FaultyPostgres, faulty_service: Service) -> None:
    execute(postgres.url, DISABLE_TRIGGER)
    accounts = Accounts(faulty_service.url)
    with accounts.running():
        for _ in range(KILLS):
            accounts.wait_for_progress()
            os.kill(min(child_pids(faulty_service.process.pid)), signal.SIGKILL)
        accounts.wait_for_progress()
    assert accounts.unexpected == []
    assert accounts.aborted > 0
    assert differences(postgres.url) == []
    assert accounts.current.items() <= directory(postgres.url).items()
