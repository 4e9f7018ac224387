"""Password hashing inside the service: one at a time, bounded, and nobody else waits for it."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
import requests

from config import THREADS
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, sign_in
from tests.support.databases import execute
from tests.support.statements import seeing
from todo_api.auth.passwords import hashing, hashing_queue
from todo_api.auth.passwords.hashing import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.support.processes import Service
    from todo_api.database.statements import Statement

SIGN_IN = "/api/auth/sign-in/email"
PLACES = THREADS - hashing_queue.RESERVED_THREADS
SEED_HASH = "$2b$04$TbQ6tc1lq5HTixZ2jrERPuyplhlAkHRF2S1WgBFdnrN29vHRAUHoG"
SEED_PASSWORD = "password123"


class Spy:
    """Counts bcrypt's hashes, and how many of them run at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, seconds: float = 0) -> None:
        self.seconds = seconds
        self.lock = threading.Lock()
        self.calls = 0
        self.running = 0
        self.most = 0
        for name in ("checkpw", "hashpw"):
            monkeypatch.setattr(bcrypt, name, self.watched(getattr(bcrypt, name)))

    def watched(self, work: Any) -> Any:
        def hashing(*arguments: Any) -> Any:
            with self.lock:
                self.calls += 1
                self.running += 1
                self.most = max(self.most, self.running)
            try:
                time.sleep(self.seconds)
                return work(*arguments)
            finally:
                with self.lock:
                    self.running -= 1

        return hashing


def seed_account(database: str) -> str:
    """Make an account with a hash as the seed stored it, and return its e-mail."""
    email = f"{uuid.uuid4().hex}@example.com"
    statement = "INSERT INTO users (id, email, password_hash, name) VALUES (%s, %s, %s, '')"
    execute(database, statement, uuid.uuid4().hex, email, SEED_HASH)
    return email


def stored_hash(database: str, email: str) -> str:
    ((stored,),) = execute(database, "SELECT password_hash FROM users WHERE email = %s", email)
    return str(stored)


@contextmanager
def full_line() -> Iterator[None]:
    """Take every place in the line."""
    with ExitStack() as places:
        for _ in range(PLACES):
            assert hashing_queue.QUEUE.acquire(blocking=False)
            places.callback(hashing_queue.QUEUE.release)
        yield


def test_one_hash_runs_at_once_and_few_wait(app: Flask, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy(monkeypatch, seconds=0.05)

    def ask(_: int) -> int:
        form = {"email": alice.email, "password": PASSWORD}
        return app.test_client(use_cookies=False).post(SIGN_IN, data=form).status_code

    with ThreadPoolExecutor(2 * PLACES) as pool:
        statuses = Counter(pool.map(ask, range(4 * PLACES)))
    assert set(statuses) == {200, 429}
    assert statuses[200] >= PLACES
    assert spy.most == 1
    assert spy.calls == statuses[200]


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_a_full_line_answers_429_at_once(app: Flask, alice: Actor, encoding: str) -> None:
    email, task = alice.email, alice.task()
    calls: list[tuple[str, dict[str, str]]] = [
        ("sign-in/email", {"email": email, "password": PASSWORD}),
        ("sign-in/email", {"email": "nobody@example.com", "password": PASSWORD}),
        ("sign-up/email", {"email": f"new-{email}", "password": PASSWORD}),
    ]
    with full_line():
        for route, body in calls:
            options: dict[str, Any] = {encoding: body}
            response = alice.client.post(f"/api/auth/{route}", **options)
            assert (response.status_code, response.get_json()["code"]) == (429, "TOO_MANY_REQUESTS")
            assert response.headers["Retry-After"] == response.headers["X-Retry-After"] == "1"
            assert response.get_json()["message"] == "Too many requests. Please try again later."
        # Nobody else waits, and no place is lost by it.
        assert alice.get(f"/tasks/{task['id']}").status_code == 200
        headers = {"Authorization": f"Bearer {alice.token}"}
        assert alice.client.get("/api/auth/get-session", headers=headers).get_json()["user"]["id"] == alice.id
    for _ in range(THREADS):
        assert alice.client.post(SIGN_IN, data={"email": email, "password": PASSWORD}).status_code == 200


def test_a_hash_that_fails_gives_its_place_back(database: str, alice: Actor, app: Flask) -> None:
    for _ in range(THREADS):
        with app.app_context(), pytest.raises(ValueError, match="salt"):
            hashing_queue.verify_password(PASSWORD, "no hash at all")
    assert alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD}).status_code == 200


@pytest.mark.shows("ASVS 6.3.8", "Better Auth unknown e-mail")
def test_known_or_not_a_sign_in_is_one_hash(alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"email": f"x{alice.email}", "password": PASSWORD}
    assert alice.client.post(SIGN_IN, data=unknown).status_code == 401  # makes what unknown ones are compared with
    spy = Spy(monkeypatch)
    known = {"email": alice.email, "password": PASSWORD}
    for form, status in ((unknown, 401), (known, 200), ({**known, "password": "not the password"}, 401)):
        before = spy.calls
        assert alice.client.post(SIGN_IN, data=form).status_code == status
        assert spy.calls - before == 1


def test_a_hash_of_the_seed_is_renewed_at_sign_in(database: str, app: Flask) -> None:
    client, email = app.test_client(use_cookies=False), seed_account(database)
    wrong = client.post(SIGN_IN, data={"email": email, "password": "password124"})
    assert (wrong.status_code, stored_hash(database, email)) == (401, SEED_HASH)
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    renewed = stored_hash(database, email)
    assert renewed.startswith(f"{PREFIX}$2b$04$")
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    assert stored_hash(database, email) == renewed
    assert client.post(SIGN_IN, data={"email": email, "password": "password124"}).status_code == 401


def test_a_sign_in_succeeds_when_there_is_no_place_to_renew_its_hash(database: str, app: Flask) -> None:
    client, email = app.test_client(use_cookies=False), seed_account(database)
    with ExitStack() as stack:

        def fill(statement: Statement, _: Any) -> None:
            if statement.text.startswith("INSERT INTO sessions"):
                stack.enter_context(full_line())

        stack.enter_context(seeing(fill))
        response = client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD})
        assert response.status_code == 200
    assert stored_hash(database, email) == SEED_HASH
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    assert stored_hash(database, email) != SEED_HASH


def test_a_password_changed_during_a_sign_in_opens_nothing(database: str, app: Flask, alice: Actor) -> None:
    def change(statement: Statement, _: Any) -> None:
        if statement.text.startswith("INSERT INTO sessions"):
            execute(database, "UPDATE users SET password_hash = %s WHERE id = %s", SEED_HASH, alice.id)

    before = execute(database, "SELECT count(*) FROM sessions WHERE user_id = %s", alice.id)
    with seeing(change):
        response = alice.client.post(SIGN_IN, json={"email": alice.email, "password": PASSWORD})
    assert (response.status_code, response.get_json()["code"]) == (401, "INVALID_EMAIL_OR_PASSWORD")
    assert execute(database, "SELECT count(*) FROM sessions WHERE user_id = %s", alice.id) == before


def test_a_foreign_issuers_user_of_the_same_address_signs_nobody_in(database: str, alice: Actor) -> None:
    email = f"foreign-{alice.email}"
    statement = "INSERT INTO users (id, issuer, email, name) VALUES (%s, 'https://issuer.example', %s, '')"
    execute(database, statement, uuid.uuid4().hex, email)
    assert alice.client.post(SIGN_IN, data={"email": email, "password": PASSWORD}).status_code == 401
    assert sign_in(alice).opens(alice.client) == ALL


@pytest.mark.shows("bcrypt floods")
def test_a_flood_of_sign_ins_leaves_the_tasks_alone(service: Service, fresh_database: str) -> None:
    """More clients than both workers have places guess as fast as they can; a task route is read meanwhile."""
    form = {"email": "ada@example.com", "password": PASSWORD}
    body = requests.post(f"{service.url}/api/auth/sign-up/email", data=form, timeout=20).json()
    tasks = f"{service.url}/api/{body['user']['id']}/tasks"
    execute(fresh_database, "UPDATE users SET password_hash = %s", hashing.hash_password(PASSWORD, 11))
    over = threading.Event()

    def flood(_: int) -> Counter[int]:
        seen: Counter[int] = Counter()
        while not over.is_set():
            answer = requests.post(f"{service.url}{SIGN_IN}", data={**form, "password": "not the password"}, timeout=20)
            assert answer.status_code == 401 or "Retry-After" in answer.headers
            seen[answer.status_code] += 1
        return seen

    guessing = 2 * PLACES + 8
    with ThreadPoolExecutor(guessing) as pool:
        clients = [pool.submit(flood, number) for number in range(guessing)]
        try:
            for _ in range(40):
                answer = requests.get(tasks, headers={"Authorization": f"Bearer {body['token']}"}, timeout=5)
                assert answer.status_code == 200
        finally:
            over.set()
        statuses = sum((client.result() for client in clients), Counter[int]())
    assert set(statuses) == {401, 429}
