"""Users of an external issuer: their tokens give access to their own tasks, and to nothing of local users."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import bearer
from tests.support.databases import execute
from tests.support.external_issuer import (
    issuer_token,
)
from tests.support.external_users import (
    ISSUER,
    ExternalUser,
    accepting,
    list_tasks,
    new_id,
    user_claims,
    user_rows,
)
from tests.support.statements import record_statements

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.external_issuer import JWKSServer


@pytest.mark.parametrize(
    "user_id",
    [new_id(), "Zk7x0PqLw3" * 3 + "aB", str(uuid.uuid4()), "auth0|7:a.b~c%41", "x" * 255],
    ids=["own", "letters", "UUID", "punctuation", "255 characters"],
)
def test_an_external_user_has_tasks(accepting_app: Flask, user_id: str) -> None:
    client = accepting_app.test_client(use_cookies=False)
    path = f"/api/{user_id.replace('%', '%25')}/tasks"
    headers = bearer(issuer_token(user_claims(user_id)))
    assert client.get(path, headers=headers).get_json() == []
    with record_statements() as statements:
        created = client.post(path, headers=headers, json={"title": "Buy milk"})
        (task,) = client.get(path, headers=headers).get_json()
        url = created.headers["Location"]
        assert client.get(url, headers=headers).get_json() == task == created.get_json()
        assert client.put(url, headers=headers, json={"title": "Buy tea"}).get_json()["title"] == "Buy tea"
        assert client.patch(f"{url}/complete", headers=headers).get_json()["completed"] is True
        assert client.delete(url, headers=headers).status_code == 204
        assert client.delete(url, headers=headers).status_code == 404
    assert (task["user_id"], task["title"]) == (user_id, "Buy milk")
    assert len(statements) == 7 + 3  # one per request, and three for the first write of a user


def test_the_first_request_of_a_user_may_create_a_task(accepting_app: Flask) -> None:
    eve = ExternalUser(accepting_app)
    eve.create_task("at once")
    assert eve.titles() == ["at once"]


def test_the_first_request_inserts_a_row_and_later_ones_do_not_change_it(accepting_app: Flask, database: str) -> None:
    eve = ExternalUser(accepting_app)
    assert user_rows(database, eve.id) == []
    eve.titles()
    assert user_rows(database, eve.id) == [(ISSUER, "eve@example.com", "Eve", None)]
    eve.claims = {"name": "Mallory"}
    eve.titles()
    assert user_rows(database, eve.id) == [(ISSUER, "eve@example.com", "Eve", None)]


def test_concurrent_first_requests_all_succeed(database: str, shared_jwks: JWKSServer) -> None:
    """A page that has just been opened sends several requests."""
    app = accepting(database, shared_jwks.url)
    for _ in range(5):
        eve = ExternalUser(app)
        barrier = threading.Barrier(4)
        statuses: list[int] = []

        def create(
            eve: ExternalUser = eve, barrier: threading.Barrier = barrier, statuses: list[int] = statuses
        ) -> None:
            barrier.wait()
            statuses.append(eve.request("POST", "/tasks", json={"title": "x"}).status_code)

        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [201] * 4
        assert len(eve.titles()) == 4


@pytest.mark.parametrize(
    ("claims", "stored"),
    [
        ({"email": 7, "name": 7}, (None, "")),
        ({"email": None, "name": None}, (None, "")),
        ({"email": ..., "name": ...}, (None, "")),
        ({"email": ["a@b.c"], "name": {"first": "Eve"}}, (None, "")),
        ({"email": "a\0@b.c", "name": "E\0ve"}, (None, "")),
        ({"email": "\ud800@b.c", "name": "\udfff"}, (None, "")),
        ({"email": "a" * 251 + "@b.c", "name": "E" * 256}, (None, "")),
        ({"email": "@", "name": ""}, (None, "")),
        ({"email": "a@b", "name": "X"}, ("a@b", "X")),
        ({"email": "a" * 250 + "@b.c", "name": "李"}, ("a" * 250 + "@b.c", "李")),
        ({"email": "a@b.c", "name": "E" * 255}, ("a@b.c", "E" * 255)),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_profile_claims_that_cannot_be_stored_are_dropped(
    accepting_app: Flask, database: str, claims: dict[str, Any], stored: tuple[str | None, str]
) -> None:
    eve = ExternalUser(accepting_app, claims=claims)
    eve.create_task("x")
    assert [(email, name) for _, email, name, _ in user_rows(database, eve.id)] == [stored]


# Other users.


def test_the_path_of_another_user_is_forbidden(accepting_app: Flask) -> None:
    eve, adam = ExternalUser(accepting_app), ExternalUser(accepting_app)
    alice = Actor.sign_up(accepting_app, "Alice")
    task_id = adam.create_task("Adam's")
    for other in (adam.id, alice.id, eve.id.upper(), "nobody"):
        assert list_tasks(accepting_app, issuer_token(user_claims(eve.id)), other) == (403, "Access forbidden")
    assert eve.request("GET", f"/tasks/{task_id}").status_code == 404
    assert eve.request("DELETE", f"/tasks/{task_id}").status_code == 404
    assert list_tasks(accepting_app, alice.token, adam.id) == (403, "Access forbidden")
    assert adam.titles() == ["Adam's"]


@pytest.mark.shows("ASVS 6.8.1")
def test_an_external_subject_is_not_the_local_user_of_the_same_id(accepting_app: Flask, database: str) -> None:
    alice = Actor.sign_up(accepting_app, "Alice")
    before = user_rows(database, alice.id)
    task = alice.create_task(title="Alice's")
    impostor = ExternalUser(accepting_app, alice.id, {"email": alice.email})
    for method, path in [
        ("GET", "/tasks"),
        ("POST", "/tasks"),
        ("GET", f"/tasks/{task['id']}"),
        ("PUT", f"/tasks/{task['id']}"),
        ("PATCH", f"/tasks/{task['id']}/complete"),
        ("DELETE", f"/tasks/{task['id']}"),
    ]:
        response = impostor.request(method, path, json={"title": "Mallory's"} if method in {"POST", "PUT"} else None)
        assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid token")
    assert alice.get("/tasks").get_json() == [task]
    assert user_rows(database, alice.id) == before


@pytest.mark.shows("ASVS 6.8.1")
def test_a_local_credential_is_not_the_external_user_of_the_same_id(accepting_app: Flask, database: str) -> None:
    """Once an external user has an id, no local credential for it is valid, and no local user can get it."""
    alice = Actor.sign_up(accepting_app, "Alice")
    execute(database, "DELETE FROM users WHERE id = %s", alice.id)
    eve = ExternalUser(accepting_app, alice.id)
    eve.create_task("Eve's")
    assert list_tasks(accepting_app, alice.token, alice.id) == (401, "Invalid token")
    assert alice.post("/tasks", json={"title": "Alice's"}).status_code == 401
    refreshed = alice.client.post("/api/auth/refresh", json={"refresh_token": alice.refresh_token})
    assert refreshed.status_code == 401
    with pytest.raises(psycopg2.errors.UniqueViolation):
        execute(database, "INSERT INTO users (id, email, password_hash, name) VALUES (%s, 'q@b.c', 'x', '')", eve.id)
    assert eve.titles() == ["Eve's"]


def test_users_with_the_same_email_are_different_users(accepting_app: Flask, database: str) -> None:
    alice = Actor.sign_up(accepting_app, "Alice")
    alice.create_task(title="Alice's")
    eve = ExternalUser(accepting_app, claims={"email": alice.email})
    eve.create_task("Eve's")
    assert eve.titles() == ["Eve's"]
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["Alice's"]
    twin = ExternalUser(accepting_app, claims={"email": alice.email})
    assert twin.titles() == []
    response = alice.client.post("/api/auth/sign-in/email", json={"email": alice.email, "password": PASSWORD})
    assert response.get_json()["user"]["id"] == alice.id


def test_a_local_account_may_have_the_email_of_an_external_user(accepting_app: Flask) -> None:
    eve = ExternalUser(accepting_app, claims={"email": f"{new_id()}@example.com"})
    eve.create_task("Eve's")
    client = accepting_app.test_client(use_cookies=False)
    account = {"email": eve.claims["email"], "password": PASSWORD}
    assert client.post("/api/auth/sign-in/email", json=account).status_code == 401
    created = client.post("/api/auth/sign-up/email", json=account)
    assert created.status_code == 200
    local = created.get_json()
    assert client.post("/api/auth/sign-in/email", json=account).get_json()["user"] == local["user"]
    assert list_tasks(accepting_app, local["token"], local["user"]["id"]) == (200, [])
    assert list_tasks(accepting_app, local["token"], eve.id) == (403, "Access forbidden")
    assert eve.titles() == ["Eve's"]


@pytest.mark.shows("ASVS 6.8.1")
def test_users_of_two_issuers_are_different_users(accepting_app: Flask, database: str, shared_jwks: JWKSServer) -> None:
    eve = ExternalUser(accepting_app)
    eve.create_task("Eve's")
    other = accepting(database, shared_jwks.url, "https://new.example")
    token = issuer_token(user_claims(eve.id, iss="https://new.example"))
    assert list_tasks(other, token, eve.id) == (401, "Invalid token")
    assert list_tasks(other, issuer_token(user_claims(eve.id)), eve.id) == (401, "Invalid token")
    assert eve.titles() == ["Eve's"]
