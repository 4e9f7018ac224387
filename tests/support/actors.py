"""Signed-in users of the application."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

PASSWORD = "correct horse battery"


@dataclass
class Actor:
    """A signed-in user. Paths are relative to /api/{user_id}, such as /tasks."""

    client: FlaskClient
    id: str
    email: str
    token: str
    refresh_token: str

    @classmethod
    def sign_up(cls, app: Flask, name: str) -> Actor:
        email = f"{name.lower()}-{uuid.uuid4().hex[:8]}@example.com"
        client = app.test_client(use_cookies=False)
        response = client.post("/api/auth/sign-up/email", data={"email": email, "password": PASSWORD, "name": name})
        assert response.status_code == 200, response.text
        body = response.get_json()
        return cls(client, body["user"]["id"], email, body["token"], body["refresh_token"])

    def request(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.client.open(f"/api/{self.id}{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.request("DELETE", path, **options)

    def sign_out(self) -> TestResponse:
        return self.client.post("/api/auth/sign-out", headers={"Authorization": f"Bearer {self.token}"})

    def create_task(self, **fields: Any) -> dict[str, Any]:
        """Create a task and return it."""
        response = self.post("/tasks", json={"title": "Buy milk", **fields})
        assert response.status_code == 201, response.text
        task: dict[str, Any] = response.get_json()
        return task
