"""Two hosts of the service on one database, behind nginx: they share everything, and are replaced one by one."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from devtools.processes import free_port
from tests.support.actors import PASSWORD
from tests.support.credentials import ALL, NONE, SignIn, sign_in_at, sign_up_at
from tests.support.locks import locking
from tests.support.mail import read_mbox
from tests.support.mailed_links import links_of
from tests.support.nginx import NGINX, Proxy, proxying
from tests.support.processes import running_service, wait_until
from tests.support.service_client import count_statuses, in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.processes import Service

pytestmark = [pytest.mark.timed, pytest.mark.skipif(not NGINX, reason="nginx is not installed (apt install nginx)")]

WRITES = 100
"""The write limit of a user."""

LOCK_LIST = "SELECT FROM task_lists WHERE user_id = %s FOR UPDATE"

FAIL_TIMEOUT = 2.0
"""The `fail_timeout` of deploy/nginx.conf in seconds."""


@dataclass
class Hosts:
    """Two running hosts and the proxy."""

    proxy: Proxy
    start: Sequence[Callable[[], AbstractContextManager[Service]]]
    stacks: list[ExitStack]
    urls: list[str]

    def restart(self, number: int) -> None:
        """Stop a host and start it again on its port."""
        self.stacks[number].close()
        self.stacks[number].enter_context(self.start[number]())


@pytest.fixture(scope="module")
def mbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mail") / "mails"


@pytest.fixture(scope="module")
def hosts(database: str, mbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Yield two hosts, whose common issuer is the proxy."""
    ports = [free_port(), free_port()]
    start = partial(
        running_service,
        database,
        WEB_CONCURRENCY="1",
        TRUSTED_PROXIES="1",
        BETTER_AUTH_URL="http://localhost",
        REFRESH_TOKEN_GRACE_SECONDS="0",
        RATE_LIMIT_WRITES=f"{WRITES}/1m",
        MAIL_URL=mbox.as_uri(),
    )
    starts = [partial(start, port) for port in ports]
    with ExitStack() as first, ExitStack() as second:
        services = [stack.enter_context(begin()) for stack, begin in zip((first, second), starts, strict=True)]
        with proxying(ports, tmp_path_factory.mktemp("nginx")) as proxy:
            yield Hosts(proxy, starts, [first, second], [service.url for service in services])


@dataclass
class Client:
    """A user whose requests alternate between the hosts."""

    urls: list[str]
    session: SignIn = field(init=False)
    email: str = field(default_factory=lambda: f"{uuid.uuid4().hex}@example.com")

    def __post_init__(self) -> None:
        self.session = sign_up_at(self.urls[0], self.email)

    def send(self, host: int, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.session.jwt, **options.pop("headers", {})}
        return requests.request(method, f"{self.urls[host % 2]}{path}", headers=headers, timeout=30, **options)

    def create(self, host: int, title: str = "x", **headers: str) -> requests.Response:
        return self.send(host, "POST", "/api/me/tasks", json={"title": title}, headers=headers)


@pytest.fixture
def ada(hosts: Hosts) -> Client:
    return Client(hosts.urls)


@pytest.mark.shows("ASVS 7.4.1")
def test_each_host_accepts_the_credentials_of_the_other_until_sign_out(ada: Client) -> None:
    for number in range(10):
        session = sign_in_at(ada.urls[number % 2], ada.email)
        there, other = ada.urls[number % 2], ada.urls[(number + 1) % 2]
        assert session.accepted_credentials_at(other) == ALL
        assert requests.post(f"{there}/api/auth/sign-out", headers=session.jwt, timeout=10).status_code == 200
        assert session.accepted_credentials_at(other) == NONE


def test_the_write_limit_is_exact_over_both(ada: Client) -> None:
    assert count_statuses(in_parallel(WRITES + 60, ada.create)) == {201: WRITES, 429: 60}


def test_one_of_twenty_parallel_changes_with_if_match_succeeds(ada: Client) -> None:
    created = ada.create(0)
    path, match = f"/api/me/tasks/{created.json()['id']}", {"If-Match": created.headers["ETag"]}
    responses = in_parallel(20, lambda host: ada.send(host, "PUT", path, json={"title": "y"}, headers=match))
    assert count_statuses(responses) == {200: 1, 412: 19}


def test_one_of_twenty_parallel_requests_with_an_idempotency_key_is_executed(ada: Client, database: str) -> None:
    key = uuid.uuid4().hex
    responses: list[requests.Response] = []
    ada.create(0)  # it creates the list, which is locked below
    with locking(database, LOCK_LIST, ada.session.user_id) as release:
        threads = [
            threading.Thread(target=lambda host=host: responses.append(ada.create(host, **{"Idempotency-Key": key})))
            for host in range(20)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(responses) == 19)
        release()
    for thread in threads:
        thread.join(30)
    assert count_statuses(responses) == {201: 1, 409: 19}
    for host in range(2):
        replayed = ada.create(host, **{"Idempotency-Key": key})
        assert (replayed.headers["Idempotency-Replayed"], replayed.content) == ("true", responses[-1].content)


def test_refresh_tokens_rotate_over_both(ada: Client) -> None:
    def refresh(host: int, token: str) -> requests.Response:
        return requests.post(f"{ada.urls[host % 2]}/api/auth/refresh", data={"refresh_token": token}, timeout=10)

    token = ada.session.refresh
    for host in range(4):
        response = refresh(host, token)
        assert response.status_code == 200
        assert response.json()["refresh_token"] != token
        token = response.json()["refresh_token"]
    assert refresh(0, ada.session.refresh).status_code == 401  # a copy of the first token ends the session
    assert refresh(1, token).status_code == 401


def test_a_reset_link_of_one_host_works_once_at_either(ada: Client, mbox: Path) -> None:
    def post(host: int, path: str, **body: str) -> int:
        return requests.post(f"{ada.urls[host]}/api/auth/{path}", json=body, timeout=10).status_code

    assert post(0, "request-password-reset", email=ada.email) == 200
    wait_until(lambda: mbox.exists() and any(mail["To"] == ada.email for mail in read_mbox(mbox)))
    (link,) = [link for mail in read_mbox(mbox) if mail["To"] == ada.email for link in links_of(mail)]
    token = urlsplit(link).path.rpartition("/")[2]
    new = f"new {PASSWORD}"
    assert post(1, "reset-password", token=token, newPassword=new) == 200
    assert post(0, "reset-password", token=token, newPassword=new) == 400
    assert ada.create(0).status_code == 401


def test_cursors_and_sync_tokens_of_one_host_are_read_by_the_other(ada: Client) -> None:
    for number in range(5):
        ada.create(number, str(number))
    page = ada.send(0, "GET", "/api/me/tasks?limit=3&sort=title")
    path = page.links["next"]["url"].removeprefix("http://localhost")
    assert [task["title"] for task in ada.send(1, "GET", path).json()] == ["3", "4"]
    token = ada.send(0, "GET", "/api/me/tasks/changes").json()["sync_token"]
    ada.create(0, "later")
    changes = ada.send(1, "GET", f"/api/me/tasks/changes?sync_token={token}").json()
    assert [task["title"] for task in changes["tasks"]] == ["later"]


class Load:
    """Clients that create and read tasks through the proxy until they are stopped."""

    def __init__(self, proxy: Proxy, users: list[Client]) -> None:
        self.proxy = proxy
        self.statuses: list[int] = []
        self.created: list[str] = []
        self.slowest = 0.0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.send, args=[user]) for user in users]
        for thread in self.threads:
            thread.start()

    def send(self, user: Client) -> None:
        url = f"{self.proxy.https.url}/api/me/tasks"
        options: dict[str, Any] = {"verify": self.proxy.ca_file, "timeout": 30}
        with requests.Session() as session:
            while not self.stopped.wait(0.2):
                started = time.monotonic()
                title = uuid.uuid4().hex
                created = session.post(url, json={"title": title}, headers=user.session.jwt, **options)
                listed = session.get(f"{url}?limit=1", headers=user.session.jwt, **options)
                self.statuses += [created.status_code, listed.status_code]
                self.created.append(title)
                self.slowest = max(self.slowest, time.monotonic() - started)

    def stop(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)


def test_hosts_are_replaced_one_after_the_other_without_a_failed_request(hosts: Hosts) -> None:
    users = [Client(hosts.urls) for _ in range(4)]
    load = Load(hosts.proxy, users)
    try:
        for number in range(2):
            wait_until(lambda: len(load.statuses) > 20 * (number + 1))  # noqa: B023 - it is called in this round
            hosts.restart(number)
            time.sleep(FAIL_TIMEOUT + 0.5)
    finally:
        load.stop()
    assert Counter(load.statuses) == {201: len(load.created), 200: len(load.created)}
    assert load.slowest < 5
    stored = [
        task["title"] for user in users for task in user.send(0, "GET", "/api/me/tasks", params={"limit": 100}).json()
    ]
    assert sorted(stored) == sorted(load.created)
