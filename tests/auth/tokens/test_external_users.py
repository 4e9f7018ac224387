"""Users of an external issuer: their tokens give access to their own tasks, and to nothing of local users."""

from __future__ import annotations

import hmac
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
import psycopg2
import pytest

from devtools.processes import free_port
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import bearer
from tests.support.databases import CONFIG, application, execute
from tests.support.external_issuer import (
    ED,
    ED_OTHER,
    PEM,
    PUBLIC_KEY,
    RSA,
    Clock,
    issuer_claims,
    issuer_token,
    jwk,
    jwks_server,
)
from tests.support.raw_jwt import base64url, sign_jwt, unsigned_jwt
from tests.support.statements import record_statements
from todo_api.auth.tokens import external_users
from todo_api.auth.tokens.external_issuer import Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.support.external_issuer import JWKSServer

ISSUER = "https://auth.example"
AUDIENCE = "https://todo.example"
SECRET = CONFIG.better_auth_secret


@pytest.fixture(scope="module")
def jwks() -> Iterator[JWKSServer]:
    with jwks_server() as server:
        server.publish(jwk(ED, "ed"))
        yield server


@pytest.fixture(scope="module")
def accepting_app(database: str, jwks: JWKSServer) -> Flask:
    """Return the application that accepts the tokens of the issuer."""
    return accepting(database, jwks.url)


def accepting(database: str, jwks_url: str, issuer: str = ISSUER) -> Flask:
    return application(database, jwt_issuer=issuer, jwt_audience=AUDIENCE, jwt_jwks_url=jwks_url)


def user_claims(sub: object, **changes: Any) -> dict[str, Any]:
    usual = {"sub": sub, "iss": ISSUER, "aud": AUDIENCE, "email": "eve@example.com", "name": "Eve"}
    return issuer_claims(**{**usual, **changes})


def new_id() -> str:
    """Return an id as Better Auth makes them: 32 characters, not a UUID."""
    return uuid.uuid4().hex


@dataclass
class ExternalUser:
    """A user of the issuer, with claims instead of the usual ones."""

    app: Flask
    id: str = field(default_factory=new_id)
    claims: dict[str, Any] = field(default_factory=dict)

    def request(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = bearer(issuer_token(user_claims(self.id, **self.claims)))
        client = self.app.test_client(use_cookies=False)
        return client.open(f"/api/{self.id}{path}", method=method, headers=headers, **options)

    def titles(self) -> list[str]:
        response = self.request("GET", "/tasks")
        assert response.status_code == 200, response.text
        return [task["title"] for task in response.get_json()]

    def create_task(self, title: str) -> int:
        response = self.request("POST", "/tasks", json={"title": title})
        assert response.status_code == 201, response.text
        task_id: int = response.get_json()["id"]
        return task_id


def list_tasks(app: Flask, token: str, user_id: str) -> tuple[int, Any]:
    """List the user's tasks; return the status, and the tasks or the problem's detail."""
    response = app.test_client(use_cookies=False).get(f"/api/{user_id}/tasks", headers=bearer(token))
    body = response.get_json()
    if response.status_code == 401:
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    return response.status_code, body if response.status_code == 200 else body["detail"]


def user_rows(database: str, user_id: str) -> list[tuple[object, ...]]:
    return execute(database, "SELECT issuer, email, name, password_hash FROM users WHERE id = %s", user_id)


# Their own tasks.


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


def test_concurrent_first_requests_all_succeed(database: str, jwks: JWKSServer) -> None:
    """A page that has just been opened sends several requests."""
    app = accepting(database, jwks.url)
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
def test_users_of_two_issuers_are_different_users(accepting_app: Flask, database: str, jwks: JWKSServer) -> None:
    eve = ExternalUser(accepting_app)
    eve.create_task("Eve's")
    other = accepting(database, jwks.url, "https://new.example")
    token = issuer_token(user_claims(eve.id, iss="https://new.example"))
    assert list_tasks(other, token, eve.id) == (401, "Invalid token")
    assert list_tasks(other, issuer_token(user_claims(eve.id)), eve.id) == (401, "Invalid token")
    assert eve.titles() == ["Eve's"]


# Rejected tokens.


def signed_with_public_key(secret: bytes) -> str:
    """Sign with HS256 and a secret that PyJWT refuses as one (RFC 8725 section 2.1)."""
    signed = unsigned_jwt({"alg": "HS256", "kid": "ed"}, user_claims("u" * 32))
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        (issuer_token(user_claims("u" * 32, exp=int(time.time()) - 60)), "Token expired"),
        (issuer_token(user_claims("u" * 32, aud=ISSUER)), "Invalid token"),
        (issuer_token(user_claims("u" * 32, aud=...)), "Invalid token"),
        (issuer_token(user_claims("u" * 32, iss="https://evil.example")), "Invalid token"),
        (issuer_token(user_claims("u" * 32, iss=...)), "Invalid token"),
        (issuer_token(user_claims("u" * 32), key=ED_OTHER), "Invalid token"),
        (issuer_token(user_claims("u" * 32), kid="unknown"), "Invalid token"),
        (issuer_token(user_claims("u" * 32), key=RSA, alg="RS256"), "Invalid token"),
        (issuer_token(user_claims("u" * 32), key=None, alg="none"), "Invalid token"),
        (signed_with_public_key(PUBLIC_KEY.public_bytes_raw()), "Invalid token"),
        (signed_with_public_key(PEM), "Invalid token"),
        (signed_with_public_key(json.dumps(jwk(ED, "ed")).encode()), "Invalid token"),
        (signed_with_public_key(SECRET.encode()), "Invalid token"),
    ],
    ids=lambda value: "" if "." in value else value,
)
def test_a_token_that_is_not_the_issuers_is_rejected(accepting_app: Flask, token: str, detail: str) -> None:
    assert list_tasks(accepting_app, token, "u" * 32) == (401, detail)


def test_a_local_token_with_the_issuers_iss_is_rejected(accepting_app: Flask) -> None:
    """The service's secret verifies no token that names the issuer, whether its user is external or local."""
    alice = Actor.sign_up(accepting_app, "Alice")
    alice.create_task()
    payload = jwt.decode(alice.token, options={"verify_signature": False})
    header = {"alg": "HS256", "kid": "ed"}
    assert list_tasks(accepting_app, sign_jwt(header, payload, SECRET, "HS256"), alice.id)[0] == 200
    for claims in ({"iss": ISSUER}, {"iss": ISSUER, "aud": AUDIENCE}):
        token = sign_jwt(header, {**payload, **claims}, SECRET, "HS256")
        assert list_tasks(accepting_app, token, alice.id) == (401, "Invalid token")


def test_an_identity_token_of_this_service_is_rejected(accepting_app: Flask) -> None:
    alice = Actor.sign_up(accepting_app, "Alice")
    identity = alice.client.get("/api/auth/token", headers=bearer(alice.token)).get_json()["token"]
    assert list_tasks(accepting_app, identity, alice.id) == (401, "Invalid token")


@pytest.mark.parametrize(
    "sub",
    ["", "a\0b", "a/b", "x" * 256, "x" * 300, "\ud800", "é", "a b", "\n", "a\n", 7, None, ["x"], {"x": 1}, ...],
    ids=lambda sub: ascii(sub)[:12],
)
def test_a_token_with_an_unusable_subject_is_rejected(accepting_app: Flask, database: str, sub: object) -> None:
    (before,) = execute(database, "SELECT count(*) FROM users")
    for user_id in ("x", "x" * 300, "a/b", "7"):
        headers = bearer(issuer_token(user_claims(sub)))
        response = accepting_app.test_client(use_cookies=False).get(f"/api/{user_id}/tasks", headers=headers)
        assert response.status_code == (404 if "/" in user_id else 401)
    assert execute(database, "SELECT count(*) FROM users") == [before]


# The auth routes, which require a session.


def test_an_external_token_is_no_credential_on_the_auth_routes(accepting_app: Flask, database: str) -> None:
    eve = ExternalUser(accepting_app)
    eve.create_task("Eve's")
    client = accepting_app.test_client(use_cookies=False)
    headers = bearer(issuer_token(user_claims(eve.id)))
    response = client.get("/api/auth/get-session", headers=headers)
    assert (response.status_code, response.get_json()) == (200, None)
    for method, path in [
        ("GET", "list-sessions"),
        ("GET", "token"),
        ("POST", "revoke-sessions"),
        ("POST", "delete-user"),
        ("POST", "update-user"),
    ]:
        options: dict[str, Any] = {"json": {}} if method == "POST" else {}
        response = client.open(f"/api/auth/{path}", method=method, headers=headers, **options)
        assert (path, response.status_code) == (path, 401)
    refresh = {"refresh_token": issuer_token(user_claims(eve.id))}
    assert client.post("/api/auth/refresh", json=refresh).status_code == 401
    assert client.post("/api/auth/sign-out", headers=headers).status_code == 200
    assert eve.titles() == ["Eve's"]
    assert len(user_rows(database, eve.id)) == 1


def test_without_a_configured_issuer_its_tokens_are_rejected(app: Flask) -> None:
    assert list_tasks(app, issuer_token(user_claims("u" * 32)), "u" * 32) == (401, "Invalid token")


# An issuer that is down.


@pytest.mark.shows("ASVS 16.5.2", "ASVS 16.5.3")
def test_without_keys_of_the_issuer_its_tokens_get_503(database: str) -> None:
    app = accepting(database, f"http://127.0.0.1:{free_port()}/jwks")
    eve = ExternalUser(app)
    for _ in range(2):
        response = eve.request("GET", "/tasks")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert response.get_json()["code"] == "SERVICE_UNAVAILABLE"
    alice = Actor.sign_up(app, "Alice")
    alice.create_task()
    assert user_rows(database, eve.id) == []


def test_known_keys_verify_tokens_while_the_issuer_is_down(database: str) -> None:
    clock = Clock()
    with jwks_server() as server:
        server.publish(jwk(ED, "ed"))
        app = accepting(database, server.url)
        app.extensions[external_users.KEY] = Issuer(ISSUER, AUDIENCE, server.url, clock=clock)
        eve = ExternalUser(app)
        eve.create_task("before")
    clock.now += 100_000
    eve.create_task("after")
    assert eve.titles() == ["before", "after"]
    assert list_tasks(app, issuer_token(user_claims(eve.id), kid="new"), eve.id) == (401, "Invalid token")
