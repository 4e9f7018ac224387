"""Users of a foreign issuer: their tokens open their own tasks, and nothing that is a local user's."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devtools.embedded_postgres import free_port
from tests.auth.tokens.test_external_issuer import ED, ED_OTHER, RSA, Clock, claims, jwk, part, serving, token
from tests.support.actors import PASSWORD, Actor
from tests.support.databases import CONFIG, application, execute
from tests.support.statements import counted
from todo_api.auth.tokens import external_users
from todo_api.auth.tokens.external_issuer import Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.auth.tokens.test_external_issuer import Site

ISSUER = "https://auth.example"
AUDIENCE = "https://todo.example"
INVALID = 'Bearer error="invalid_token"'


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as running:
        running.publish(jwk(ED, "ed"))
        yield running


@pytest.fixture(scope="module")
def ours(database: str, site: Site) -> Flask:
    """The service that takes the tokens of the issuer."""
    return taking(database, site.url)


def taking(database: str, jwks_url: str, issuer: str = ISSUER) -> Flask:
    return application(database, jwt_issuer=issuer, jwt_audience=AUDIENCE, jwt_jwks_url=jwks_url)


def said(sub: object, **changes: Any) -> dict[str, Any]:
    return claims(**{"sub": sub, "iss": ISSUER, "aud": AUDIENCE, "email": "eve@example.com", "name": "Eve", **changes})


def new_id() -> str:
    """Return an id as Better Auth makes them: 32 characters, no UUID."""
    return uuid.uuid4().hex


@dataclass
class Visitor:
    """A user of the issuer."""

    app: Flask
    id: str = field(default_factory=new_id)
    claimed: dict[str, Any] = field(default_factory=dict)

    def request(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token(said(self.id, **self.claimed))}"}
        client = self.app.test_client(use_cookies=False)
        return client.open(f"/api/{self.id}{path}", method=method, headers=headers, **options)

    def titles(self) -> list[str]:
        response = self.request("GET", "/tasks")
        assert response.status_code == 200, response.text
        return [task["title"] for task in response.get_json()]

    def task(self, title: str) -> int:
        response = self.request("POST", "/tasks", json={"title": title})
        assert response.status_code == 201, response.text
        number: int = response.get_json()["id"]
        return number


def listed(app: Flask, text: str, user_id: str, **headers: str) -> tuple[int, Any]:
    """Return how a listing of the user's tasks is answered: its status, and the tasks or the detail."""
    sent = {"Authorization": f"Bearer {text}", **headers}
    response = app.test_client(use_cookies=False).get(f"/api/{user_id}/tasks", headers=sent)
    body = response.get_json()
    if response.status_code == 401:
        assert response.headers["WWW-Authenticate"] == INVALID
    return response.status_code, body if response.status_code == 200 else body["detail"]


def rows(database: str, user_id: str) -> list[tuple[object, ...]]:
    return execute(database, "SELECT issuer, email, name, password_hash FROM users WHERE id = %s", user_id)


# Their own tasks.


@pytest.mark.parametrize(
    "user_id", [new_id(), "Zk7x0PqLw3" * 3 + "aB", str(uuid.uuid4()), "auth0|7:a.b~c%41", "x" * 255]
)
def test_a_foreign_user_keeps_tasks(ours: Flask, user_id: str) -> None:
    client = ours.test_client(use_cookies=False)
    path = f"/api/{user_id.replace('%', '%25')}/tasks"
    headers = {"Authorization": f"Bearer {token(said(user_id))}"}
    assert client.get(path, headers=headers).get_json() == []
    with counted() as seen:
        made = client.post(path, headers=headers, json={"title": "Buy milk"})
        (one,) = client.get(path, headers=headers).get_json()
        address = made.headers["Location"]
        assert client.get(address, headers=headers).get_json() == one == made.get_json()
        assert client.put(address, headers=headers, json={"title": "Buy tea"}).get_json()["title"] == "Buy tea"
        assert client.patch(f"{address}/complete", headers=headers).get_json()["completed"] is True
        assert client.delete(address, headers=headers).status_code == 204
        assert client.delete(address, headers=headers).status_code == 404
    assert (one["user_id"], one["title"]) == (user_id, "Buy milk")
    assert len(seen) == 7  # one a request


def test_the_first_task_may_be_the_first_sight(ours: Flask) -> None:
    eve = Visitor(ours)
    eve.task("at once")
    assert eve.titles() == ["at once"]


def test_a_row_appears_at_the_first_sight_and_stays_as_it_is(ours: Flask, database: str) -> None:
    eve = Visitor(ours)
    assert rows(database, eve.id) == []
    eve.titles()
    assert rows(database, eve.id) == [(ISSUER, "eve@example.com", "Eve", None)]
    eve.claimed = {"name": "Mallory"}
    eve.titles()
    assert rows(database, eve.id) == [(ISSUER, "eve@example.com", "Eve", None)]


def test_requests_that_are_first_at_once_are_all_answered(database: str, site: Site) -> None:
    """As a page sends them that has just been opened."""
    app = taking(database, site.url)
    for _ in range(5):
        eve = Visitor(app)
        barrier = threading.Barrier(4)
        statuses: list[int] = []

        def ask(eve: Visitor = eve, barrier: threading.Barrier = barrier, statuses: list[int] = statuses) -> None:
            barrier.wait()
            statuses.append(eve.request("POST", "/tasks", json={"title": "x"}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [201] * 4
        assert len(eve.titles()) == 4


@pytest.mark.parametrize(
    ("claimed", "stored"),
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
def test_what_cannot_be_stored_of_a_profile_is_left_out(
    ours: Flask, database: str, claimed: dict[str, Any], stored: tuple[str | None, str]
) -> None:
    eve = Visitor(ours, claimed=claimed)
    eve.task("x")
    assert [(email, name) for _, email, name, _ in rows(database, eve.id)] == [stored]


# What is somebody else's.


def test_anothers_path_is_forbidden(ours: Flask) -> None:
    eve, adam, alice = Visitor(ours), Visitor(ours), Actor.sign_up(ours, "Alice")
    number = adam.task("Adam's")
    for other in (adam.id, alice.id, eve.id.upper(), "nobody"):
        assert listed(ours, token(said(eve.id)), other) == (403, "Access forbidden")
    assert eve.request("GET", f"/tasks/{number}").status_code == 404
    assert eve.request("DELETE", f"/tasks/{number}").status_code == 404
    assert listed(ours, alice.token, adam.id) == (403, "Access forbidden")
    assert adam.titles() == ["Adam's"]


@pytest.mark.shows("ASVS 6.8.1")
def test_a_foreign_sub_is_no_local_user_of_the_same_id(ours: Flask, database: str) -> None:
    alice = Actor.sign_up(ours, "Alice")
    before = rows(database, alice.id)
    task = alice.task(title="Alice's")
    impostor = Visitor(ours, alice.id, {"email": alice.email})
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
    assert rows(database, alice.id) == before


@pytest.mark.shows("ASVS 6.8.1")
def test_a_local_credential_is_no_foreign_user_of_the_same_id(ours: Flask, database: str) -> None:
    """Nothing local vouches for an id that the issuer's user had first, and none can be made for it."""
    alice = Actor.sign_up(ours, "Alice")
    execute(database, "DELETE FROM users WHERE id = %s", alice.id)
    eve = Visitor(ours, alice.id)
    eve.task("Eve's")
    assert listed(ours, alice.token, alice.id) == (401, "Invalid token")
    assert alice.post("/tasks", json={"title": "Alice's"}).status_code == 401
    renewed = alice.client.post("/api/auth/refresh", json={"refresh_token": alice.refresh_token})
    assert renewed.status_code == 401
    with pytest.raises(psycopg2.errors.UniqueViolation):
        execute(database, "INSERT INTO users (id, email, password_hash, name) VALUES (%s, 'q@b.c', 'x', '')", eve.id)
    assert eve.titles() == ["Eve's"]


def test_an_email_is_no_identity(ours: Flask, database: str) -> None:
    alice = Actor.sign_up(ours, "Alice")
    alice.task(title="Alice's")
    eve = Visitor(ours, claimed={"email": alice.email})
    eve.task("Eve's")
    assert eve.titles() == ["Eve's"]
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["Alice's"]
    twin = Visitor(ours, claimed={"email": alice.email})
    assert twin.titles() == []
    answer = alice.client.post("/api/auth/sign-in/email", json={"email": alice.email, "password": PASSWORD})
    assert answer.get_json()["user"]["id"] == alice.id


def test_an_email_of_the_issuers_is_free_here(ours: Flask) -> None:
    eve = Visitor(ours, claimed={"email": f"{new_id()}@example.com"})
    eve.task("Eve's")
    client = ours.test_client(use_cookies=False)
    account = {"email": eve.claimed["email"], "password": PASSWORD}
    assert client.post("/api/auth/sign-in/email", json=account).status_code == 401
    made = client.post("/api/auth/sign-up/email", json=account)
    assert made.status_code == 200
    assert client.post("/api/auth/sign-in/email", json=account).get_json()["user"] == made.get_json()["user"]
    assert listed(ours, made.get_json()["token"], made.get_json()["user"]["id"]) == (200, [])
    assert listed(ours, made.get_json()["token"], eve.id) == (403, "Access forbidden")
    assert eve.titles() == ["Eve's"]


@pytest.mark.shows("ASVS 6.8.1")
def test_a_user_of_another_issuer_is_not_met(ours: Flask, database: str, site: Site) -> None:
    eve = Visitor(ours)
    eve.task("Eve's")
    moved = taking(database, site.url, "https://new.example")
    assert listed(moved, token(said(eve.id, iss="https://new.example")), eve.id) == (401, "Invalid token")
    assert listed(moved, token(said(eve.id)), eve.id) == (401, "Invalid token")
    assert eve.titles() == ["Eve's"]


# Tokens that are refused.


PUBLIC = ED.public_key()


def forged(secret: bytes) -> str:
    """Sign with what is no secret, as PyJWT would not (RFC 8725 section 2.1)."""
    signed = token(said("u" * 32), key=b"any", alg="HS256").rpartition(".")[0]
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (token(said("u" * 32, exp=int(time.time()) - 60)), "Token expired"),
        (token(said("u" * 32, aud=ISSUER)), "Invalid token"),
        (token(said("u" * 32, aud=...)), "Invalid token"),
        (token(said("u" * 32, iss="https://evil.example")), "Invalid token"),
        (token(said("u" * 32, iss=...)), "Invalid token"),
        (token(said("u" * 32), key=ED_OTHER), "Invalid token"),
        (token(said("u" * 32), kid="unknown"), "Invalid token"),
        (token(said("u" * 32), key=RSA, alg="RS256"), "Invalid token"),
        (token(said("u" * 32), key=None, alg="none"), "Invalid token"),
        (forged(PUBLIC.public_bytes_raw()), "Invalid token"),
        (forged(PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)), "Invalid token"),
        (forged(json.dumps(jwk(ED, "ed")).encode()), "Invalid token"),
        (forged(CONFIG.better_auth_secret.encode()), "Invalid token"),
    ],
    ids=lambda value: "" if "." in value else value,
)
def test_what_is_not_the_issuers_is_refused(ours: Flask, text: str, detail: str) -> None:
    assert listed(ours, text, "u" * 32) == (401, detail)


def test_a_local_token_that_names_the_issuer_is_refused(ours: Flask) -> None:
    """The secret is ours, and yet has no say about the issuer's users, or under its name about our own."""
    alice = Actor.sign_up(ours, "Alice")
    alice.task()
    payload = json.loads(base64.urlsafe_b64decode(alice.token.split(".")[1] + "=="))
    secret = CONFIG.better_auth_secret.encode()
    assert listed(ours, token(payload, key=secret, alg="HS256"), alice.id)[0] == 200
    for claimed in ({"iss": ISSUER}, {"iss": ISSUER, "aud": AUDIENCE}):
        text = token({**payload, **claimed}, key=secret, alg="HS256")
        assert listed(ours, text, alice.id) == (401, "Invalid token")


def test_our_own_identity_token_opens_no_tasks(ours: Flask) -> None:
    alice = Actor.sign_up(ours, "Alice")
    headers = {"Authorization": f"Bearer {alice.token}"}
    identity = alice.client.get("/api/auth/token", headers=headers).get_json()["token"]
    assert listed(ours, identity, alice.id) == (401, "Invalid token")


@pytest.mark.parametrize(
    "sub",
    ["", "a\0b", "a/b", "x" * 256, "x" * 300, "\ud800", "é", "a b", "\n", "a\n", 7, None, ["x"], {"x": 1}, ...],
    ids=lambda sub: ascii(sub)[:12],
)
def test_an_odd_subject_is_nobody(ours: Flask, database: str, sub: object) -> None:
    (before,) = execute(database, "SELECT count(*) FROM users")
    for user_id in ("x", "x" * 300, "a/b", "7"):
        headers = {"Authorization": f"Bearer {token(said(sub))}"}
        response = ours.test_client(use_cookies=False).get(f"/api/{user_id}/tasks", headers=headers)
        assert response.status_code == (404 if "/" in user_id else 401)
    assert execute(database, "SELECT count(*) FROM users") == [before]


# The auth routes, which are about sessions.


def test_a_foreign_token_opens_no_auth_route(ours: Flask, database: str) -> None:
    eve = Visitor(ours)
    eve.task("Eve's")
    client = ours.test_client(use_cookies=False)
    headers = {"Authorization": f"Bearer {token(said(eve.id))}"}
    answer = client.get("/api/auth/get-session", headers=headers)
    assert (answer.status_code, answer.get_json()) == (200, None)
    for method, path in [
        ("GET", "list-sessions"),
        ("GET", "token"),
        ("POST", "revoke-sessions"),
        ("POST", "delete-user"),
        ("POST", "update-user"),
    ]:
        answer = client.open(f"/api/auth/{path}", method=method, headers=headers, json={} if method == "POST" else None)
        assert (path, answer.status_code) == (path, 401)
    assert client.post("/api/auth/refresh", json={"refresh_token": token(said(eve.id))}).status_code == 401
    assert client.post("/api/auth/sign-out", headers=headers).status_code == 200
    assert eve.titles() == ["Eve's"]
    assert len(rows(database, eve.id)) == 1


def test_without_an_issuer_no_foreign_token_is_taken(app: Flask) -> None:
    assert listed(app, token(said("u" * 32)), "u" * 32) == (401, "Invalid token")


# An issuer that is down.


@pytest.mark.shows("ASVS 16.5.2", "ASVS 16.5.3")
def test_an_issuer_that_was_never_seen_is_503(database: str) -> None:
    app = taking(database, f"http://127.0.0.1:{free_port()}/jwks")
    eve = Visitor(app)
    for _ in range(2):
        response = eve.request("GET", "/tasks")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert response.get_json()["code"] == "SERVICE_UNAVAILABLE"
    alice = Actor.sign_up(app, "Alice")
    alice.task()
    assert rows(database, eve.id) == []


def test_an_issuer_that_goes_down_is_remembered(database: str) -> None:
    clock = Clock()
    with serving() as site:
        site.publish(jwk(ED, "ed"))
        app = taking(database, site.url)
        app.extensions[external_users.KEY] = Issuer(ISSUER, AUDIENCE, site.url, clock=clock)
        eve = Visitor(app)
        eve.task("before")
    clock.now += 100_000
    eve.task("after")
    assert eve.titles() == ["before", "after"]
    assert listed(app, token(said(eve.id), kid="new"), eve.id) == (401, "Invalid token")
