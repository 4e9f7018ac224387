"""Users of an external issuer, and an application that accepts their tokens."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.credentials import bearer
from tests.support.databases import CONFIG, application, execute
from tests.support.external_issuer import (
    issuer_claims,
    issuer_token,
)

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse


ISSUER = "https://auth.example"
AUDIENCE = "https://todo.example"
SECRET = CONFIG.better_auth_secret


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
