"""The write limit of a user, which the writing statement itself counts."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from server.setting_parsers.rates import Rate
from tests.support.actors import Actor
from tests.support.credentials import bearer, sign_in
from tests.support.databases import application, execute
from tests.support.processes import running_service
from tests.support.service_client import ServiceClient, in_parallel
from tests.support.statements import record_statements

if TYPE_CHECKING:
    from flask import Flask

LIMIT = Rate(3, timedelta(minutes=15))


@pytest.fixture
def app(fresh_database: str) -> Flask:
    return application(fresh_database, rate_limit_writes=LIMIT)


WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/tasks", {"title": "x"}),
    ("PUT", "/tasks/{task}", {"title": "x"}),
    ("PATCH", "/tasks/{task}", {"title": "x"}),
    ("PATCH", "/tasks/{task}/complete", None),
    ("PUT", "/tasks/999999", {"title": "x"}),
    ("DELETE", "/tasks/999999", None),
    ("DELETE", "/tasks?completed=true", None),
    ("POST", "/tasks/batch", {"operations": [{"op": "create", "task": {"title": "x"}}] * 5}),
    ("POST", "/import", {"format": "todo-export", "version": 1, "tasks": [{"title": "x"}]}),
]


@pytest.mark.shows("ASVS 2.4.1")
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_each_write_route_counts_once(alice: Actor, method: str, path: str, body: Any) -> None:
    task = alice.create_task()
    responses = [alice.request(method, path.format(task=task["id"]), json=body) for _ in range(4)]
    assert [response.status_code == 429 for response in responses] == [False, False, True, True]
    rejected = responses[-1]
    assert rejected.get_json()["code"] == "TOO_MANY_REQUESTS"
    assert 800 < int(rejected.headers["Retry-After"]) <= 900
    assert rejected.headers["RateLimit-Policy"] == '"writes";q=3;w=900'
    assert rejected.headers["RateLimit"].startswith('"writes";r=0;t=')


@pytest.mark.shows("ASVS 2.4.1")
def test_the_limit_affects_neither_reads_nor_other_users(alice: Actor, bob: Actor) -> None:
    tasks = [alice.create_task() for _ in range(3)]
    assert alice.post("/tasks", json={"title": "x"}).status_code == 429
    assert len(alice.get("/tasks").get_json()) == len(tasks)
    assert alice.get("/tasks/999999").status_code == 404
    assert bob.post("/tasks", json={"title": "x"}).status_code == 201


def test_a_rejected_write_changes_nothing(alice: Actor) -> None:
    task, *_ = (alice.create_task() for _ in range(3))
    headers = {"Idempotency-Key": "a"}
    assert alice.post("/tasks", json={"title": "x"}, headers=headers).status_code == 429
    assert alice.delete(f"/tasks/{task['id']}").status_code == 429
    assert len(alice.get("/tasks").get_json()) == 3


def test_an_ended_session_is_401_and_is_not_counted(alice: Actor, fresh_database: str) -> None:
    for _ in range(3):
        alice.create_task()
    alice.sign_out()
    before = execute(fresh_database, "SELECT write_count FROM task_lists")
    for _ in range(5):
        assert alice.post("/tasks", json={"title": "x"}).status_code == 401
    assert execute(fresh_database, "SELECT write_count FROM task_lists") == before == [(3,)]


def test_changes_of_the_account_are_counted(alice: Actor) -> None:
    statuses = [
        alice.client.post("/api/auth/update-user", json={"name": "x"}, headers=bearer(alice.token)).status_code
        for _ in range(4)
    ]
    assert statuses == [200] * 3 + [429]
    assert alice.client.get("/api/auth/get-session", headers=bearer(alice.token)).get_json() is not None
    assert alice.sign_out().status_code == 200


def test_a_session_can_be_revoked_at_the_write_limit(alice: Actor) -> None:
    owner = sign_in(alice)
    for _ in range(3):
        alice.create_task()
    assert alice.post("/tasks", json={"title": "x"}).status_code == 429
    assert alice.client.post("/api/auth/revoke-other-sessions", headers=owner.jwt).status_code == 200
    assert alice.post("/tasks", json={"title": "x"}).status_code == 401


def test_a_session_can_be_revoked_during_an_import(alice: Actor, fresh_database: str) -> None:
    """The transaction of an import locks the owner and the list, with the count of writes, until it ends."""
    owner = sign_in(alice)
    alice.create_task()
    with closing(psycopg2.connect(fresh_database)) as importing, importing.cursor() as cursor:
        cursor.execute("SELECT FROM users WHERE id = %s FOR KEY SHARE", [alice.id])
        cursor.execute("SELECT FROM task_lists WHERE user_id = %s FOR UPDATE", [alice.id])
        assert cursor.rowcount == 1
        assert alice.client.post("/api/auth/revoke-other-sessions", headers=owner.jwt).status_code == 200
    assert alice.get("/tasks").status_code == 401


def test_the_user_scale_multiplies_the_limit(fresh_database: str) -> None:
    alice = Actor.sign_up(application(fresh_database, rate_limit_writes=LIMIT, rate_limit_user_scale=2), "Alice")
    statuses = [alice.post("/tasks", json={"title": "x"}).status_code for _ in range(8)]
    assert statuses == [201] * 6 + [429] * 2


def test_a_scale_beyond_the_counter_disables_the_limit(fresh_database: str) -> None:
    alice = Actor.sign_up(
        application(
            fresh_database, rate_limit_writes=LIMIT, rate_limit_user_scale=1e300, rate_limit_address_scale=1e300
        ),
        "Alice",
    )
    assert {alice.post("/tasks", json={"title": "x"}).status_code for _ in range(5)} == {201}


def test_a_write_and_its_count_are_one_statement(app: Flask, alice: Actor) -> None:
    alice.create_task()
    with record_statements() as statements:
        alice.create_task()
    assert len(statements) == 1
    assert "write_count=locked_list.writes" in statements[0]


def test_the_first_write_of_a_user_creates_the_list(app: Flask, alice: Actor) -> None:
    with record_statements() as statements:
        alice.create_task()
    assert [statement.startswith("INSERT INTO task_lists") for statement in statements].count(True) <= 1
    assert len(statements) == 4
    assert alice.get("/tasks").headers["ETag"] == '"1"'


def test_a_write_counts_again_after_its_period(alice: Actor, fresh_database: str) -> None:
    for _ in range(3):
        alice.create_task()
    assert alice.post("/tasks", json={"title": "x"}).status_code == 429
    execute(fresh_database, "UPDATE task_lists SET write_count_ends_at = now()")
    assert [alice.post("/tasks", json={"title": "x"}).status_code for _ in range(4)] == [201] * 3 + [429]
    ends_in = "SELECT write_count_ends_at - now() BETWEEN interval '14 min' AND interval '15 min' FROM task_lists"
    assert execute(fresh_database, ends_in) == [(True,)]


def test_the_limit_is_exact_on_two_workers(fresh_database: str) -> None:
    with running_service(fresh_database, RATE_LIMIT_WRITES="20/1m") as service:
        ada = ServiceClient(service)
        responses = in_parallel(60, lambda _: ada.create_task())
        assert Counter(response.status_code for response in responses) == {201: 20, 429: 40}
        assert len(ada.request("GET", "").json()) == 20
