"""The hashing queue: one hash at a time, a bounded queue, and no wait for other requests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
import requests

from config import THREADS
from tests.support.accounts import SEED_HASH, SEED_PASSWORD, insert_external_user, insert_seed_account
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, bearer, sign_in
from tests.support.databases import execute
from tests.support.problems import status_and_code
from tests.support.statements import intercept_statements
from todo_api.auth.passwords import hashing, hashing_queue
from todo_api.auth.passwords.hashing import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.support.processes import Service
    from todo_api.database.statements import Statement

SIGN_IN = "/api/auth/sign-in/email"
QUEUE_SIZE = THREADS - hashing_queue.RESERVED_THREADS


class HashCounter:
    """Counts bcrypt's hashes, and the maximum that run at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, delay: float = 0) -> None:
        self.delay = delay
        self.lock = threading.Lock()
        self.calls = 0
        self.running = 0
        self.running_max = 0
        for name in ("checkpw", "hashpw"):
            monkeypatch.setattr(bcrypt, name, self.counted(getattr(bcrypt, name)))

    def counted(self, function: Any) -> Any:
        def hashing(*arguments: Any) -> Any:
            with self.lock:
                self.calls += 1
                self.running += 1
                self.running_max = max(self.running_max, self.running)
            try:
                time.sleep(self.delay)
                return function(*arguments)
            finally:
                with self.lock:
                    self.running -= 1

        return hashing


def stored_hash(database: str, email: str) -> str:
    ((stored,),) = execute(database, "SELECT password_hash FROM users WHERE email = %s", email)
    return str(stored)


@contextmanager
def full_queue() -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(QUEUE_SIZE):
            assert hashing_queue.QUEUE.acquire(blocking=False)
            stack.callback(hashing_queue.QUEUE.release)
        yield


def test_one_hash_runs_at_a_time_and_the_queue_is_bounded(
    app: Flask, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = HashCounter(monkeypatch, delay=0.05)

    def attempt(_: int) -> int:
        form = {"email": alice.email, "password": PASSWORD}
        return app.test_client(use_cookies=False).post(SIGN_IN, data=form).status_code

    with ThreadPoolExecutor(2 * QUEUE_SIZE) as pool:
        statuses = Counter(pool.map(attempt, range(4 * QUEUE_SIZE)))
    assert set(statuses) == {200, 429}
    assert statuses[200] >= QUEUE_SIZE
    assert counter.running_max == 1
    assert counter.calls == statuses[200]


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_with_a_full_queue_a_hash_is_429_and_other_requests_succeed(app: Flask, alice: Actor, encoding: str) -> None:
    email, task = alice.email, alice.create_task()
    calls: list[tuple[str, dict[str, str]]] = [
        ("sign-in/email", {"email": email, "password": PASSWORD}),
        ("sign-in/email", {"email": "nobody@example.com", "password": PASSWORD}),
        ("sign-up/email", {"email": f"new-{email}", "password": PASSWORD}),
    ]
    with full_queue():
        for route, body in calls:
            options: dict[str, Any] = {encoding: body}
            response = alice.client.post(f"/api/auth/{route}", **options)
            assert status_and_code(response) == (429, "TOO_MANY_REQUESTS")
            assert response.headers["Retry-After"] == response.headers["X-Retry-After"] == "1"
            assert response.get_json()["message"] == "Too many requests. Please try again later."
        assert alice.get(f"/tasks/{task['id']}").status_code == 200
        session = alice.client.get("/api/auth/get-session", headers=bearer(alice.token))
        assert session.get_json()["user"]["id"] == alice.id
    # A rejected request has not used up the queue.
    for _ in range(THREADS):
        assert alice.client.post(SIGN_IN, data={"email": email, "password": PASSWORD}).status_code == 200


def test_a_hash_that_fails_leaves_the_queue(database: str, alice: Actor, app: Flask) -> None:
    for _ in range(THREADS):
        with app.app_context(), pytest.raises(ValueError, match="salt"):
            hashing_queue.verify_password(PASSWORD, "no hash at all")
    assert alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD}).status_code == 200


@pytest.mark.shows("ASVS 6.3.8", "Better Auth unknown e-mail")
def test_a_sign_in_is_one_hash_with_and_without_an_account(alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"email": f"x{alice.email}", "password": PASSWORD}
    assert alice.client.post(SIGN_IN, data=unknown).status_code == 401
    counter = HashCounter(monkeypatch)
    known = {"email": alice.email, "password": PASSWORD}
    for form, status in ((unknown, 401), (known, 200), ({**known, "password": "not the password"}, 401)):
        before = counter.calls
        assert alice.client.post(SIGN_IN, data=form).status_code == status
        assert counter.calls - before == 1


def test_a_sign_in_upgrades_a_hash_of_the_seed(database: str, app: Flask) -> None:
    client, email = app.test_client(use_cookies=False), insert_seed_account(database)
    wrong = client.post(SIGN_IN, data={"email": email, "password": "password124"})
    assert (wrong.status_code, stored_hash(database, email)) == (401, SEED_HASH)
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    upgraded = stored_hash(database, email)
    assert upgraded.startswith(f"{PREFIX}$2b$04$")
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    assert stored_hash(database, email) == upgraded
    assert client.post(SIGN_IN, data={"email": email, "password": "password124"}).status_code == 401


def test_a_sign_in_succeeds_if_the_queue_is_too_full_to_upgrade_its_hash(database: str, app: Flask) -> None:
    client, email = app.test_client(use_cookies=False), insert_seed_account(database)
    with ExitStack() as stack:

        def fill_queue(statement: Statement, _: Any) -> None:
            if statement.text.startswith("INSERT INTO sessions"):
                stack.enter_context(full_queue())

        stack.enter_context(intercept_statements(fill_queue))
        response = client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD})
        assert response.status_code == 200
    assert stored_hash(database, email) == SEED_HASH
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    assert stored_hash(database, email) != SEED_HASH


def test_a_password_that_changes_during_a_sign_in_creates_no_session(database: str, alice: Actor) -> None:
    def change_password(statement: Statement, _: Any) -> None:
        if statement.text.startswith("INSERT INTO sessions"):
            execute(database, "UPDATE users SET password_hash = %s WHERE id = %s", SEED_HASH, alice.id)

    before = execute(database, "SELECT count(*) FROM sessions WHERE user_id = %s", alice.id)
    with intercept_statements(change_password):
        response = alice.client.post(SIGN_IN, json={"email": alice.email, "password": PASSWORD})
    assert status_and_code(response) == (401, "INVALID_EMAIL_OR_PASSWORD")
    assert execute(database, "SELECT count(*) FROM sessions WHERE user_id = %s", alice.id) == before


def test_an_external_user_cannot_sign_in_by_password(database: str, alice: Actor) -> None:
    email = f"external-{alice.email}"
    insert_external_user(database, email)
    assert alice.client.post(SIGN_IN, data={"email": email, "password": PASSWORD}).status_code == 401
    assert sign_in(alice).accepted_credentials(alice.client) == ALL


@pytest.mark.timed
@pytest.mark.shows("bcrypt floods")
def test_a_flood_of_sign_ins_does_not_block_task_routes(service: Service, fresh_database: str) -> None:
    """More clients than the queues of both workers hold sign in as fast as they can, while a task list is read."""
    form = {"email": "ada@example.com", "password": PASSWORD}
    body = requests.post(f"{service.url}/api/auth/sign-up/email", data=form, timeout=20).json()
    tasks = f"{service.url}/api/{body['user']['id']}/tasks"
    execute(fresh_database, "UPDATE users SET password_hash = %s", hashing.hash_password(PASSWORD, 11))
    is_over = threading.Event()

    def flood(_: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        wrong = {**form, "password": "not the password"}
        while not is_over.is_set():
            response = requests.post(f"{service.url}{SIGN_IN}", data=wrong, timeout=20)
            assert response.status_code == 401 or "Retry-After" in response.headers
            statuses[response.status_code] += 1
        return statuses

    clients = 2 * QUEUE_SIZE + 8
    with ThreadPoolExecutor(clients) as pool:
        floods = [pool.submit(flood, number) for number in range(clients)]
        try:
            for _ in range(40):
                assert requests.get(tasks, headers=bearer(body["token"]), timeout=5).status_code == 200
        finally:
            is_over.set()
        statuses = sum((each.result() for each in floods), Counter[int]())
    assert set(statuses) == {401, 429}
