"""The service that the tests attack, and its users. Every response is searched for server errors and leaks."""

from __future__ import annotations

import socket
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from tests.security.leaks import leaks
from tests.support.credentials import SignIn, accepted, bearer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.external_issuer import JWKSServer

Headers = Mapping[str, str | bytes]

PUBLIC_URL = "https://todo.example"
"""BETTER_AUTH_URL of the service."""
ISSUER = "https://auth.example"
AUDIENCE = "https://todo.example"
UNLIMITED = {"RATE_LIMIT_ADDRESS_SCALE": "1000", "RATE_LIMIT_USER_SCALE": "1000"}
"""Settings without effective rate limits, which would stop the attacks early. The limits have tests of their own."""
PASSWORD = "a fine staple of horses"
COOKIE = "__Secure-better-auth.session_token"
AUTH = "/api/auth"


@dataclass
class Target:
    """A running service. No response may have a 5xx status, name internals, or contain a title of another user."""

    url: str
    database: str
    issuer: JWKSServer
    mbox: Path
    statuses: Counter[int] = field(default_factory=Counter)
    private_titles: dict[str, str] = field(default_factory=dict)
    """Titles of tasks, and the id of the one user who may read them."""

    def request(self, method: str, path: str, reader: str | None = None, **options: Any) -> requests.Response:
        """Send a request on a new connection. The response may contain the private titles of the reader, a user id."""
        options = {"timeout": 60, "allow_redirects": False, **options}
        response = requests.request(method, self.url + path, **options)
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        self.check_response(response.status_code, f"{headers}\n\n{response.text}", reader)
        return response

    def send_raw(self, data: bytes) -> list[bytes]:
        """Send the bytes on a new connection, and return the responses."""
        url = urlsplit(self.url)
        with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            received = connection.makefile("rb").read()
        responses = [b"HTTP/1.1 " + response for response in received.split(b"HTTP/1.1 ")[1:]]
        for response in responses:
            self.check_response(int(response.split()[1]), response.decode(errors="replace"), None)
        return responses

    def check_response(self, status: int, text: str, reader: str | None) -> None:
        self.statuses[status] += 1
        assert status < 500, text
        assert leaks(text) == []
        assert [title for title, user in list(self.private_titles.items()) if user != reader and title in text] == []

    def create_user(self, password: str = PASSWORD) -> User:
        """Create an account that has one task, with a private title."""
        email = f"ada-{uuid.uuid4().hex[:12]}@example.com"
        response = self.sign_up(email, password)
        assert response.status_code == 200, response.text
        user = User(self, email, password, SignIn.from_response(response.json(), response.headers))
        title = f"private-{uuid.uuid4().hex}"
        self.private_titles[title] = user.id
        user.task = user.request("POST", "/tasks", json={"title": title}).json()
        return user

    def sign_up(self, email: str, password: str, **fields: Any) -> requests.Response:
        account = {"email": email, "password": password, "name": "Ada", **fields}
        return self.request("POST", f"{AUTH}/sign-up/email", json=account)

    def sign_in(self, email: str, password: str, **fields: Any) -> requests.Response:
        return self.request("POST", f"{AUTH}/sign-in/email", json={"email": email, "password": password, **fields})

    def refresh(self, token: Any) -> requests.Response:
        return self.request("POST", f"{AUTH}/refresh", json={"refresh_token": token})


@dataclass
class User:
    """A signed-in user of the service."""

    target: Target
    email: str
    password: str
    session: SignIn
    task: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.session.user_id

    @property
    def cookie(self) -> dict[str, str]:
        value = self.session.cookie["Cookie"].partition("=")[2]
        return {"Cookie": f"{COOKIE}={value}", "Origin": PUBLIC_URL}

    def request(self, method: str, path: str, headers: Headers | None = None, **options: Any) -> requests.Response:
        """Send a request to a path relative to /api/{user_id}."""
        return self.request_path(method, f"/api/{self.id}{path}", headers, **options)

    def request_path(self, method: str, path: str, headers: Headers | None = None, **options: Any) -> requests.Response:
        """Send a request to any path."""
        return self.target.request(method, path, self.id, headers={**self.session.jwt, **(headers or {})}, **options)

    def request_auth(
        self, method: str, route: str, headers: Headers | None = None, **options: Any
    ) -> requests.Response:
        """Send a request to a route relative to /api/auth."""
        return self.request_path(method, f"{AUTH}/{route}", headers, **options)

    def new_session(self) -> User:
        """Return the user with one more session."""
        response = self.target.sign_in(self.email, self.password)
        assert response.status_code == 200, response.text
        session = SignIn.from_response(response.json(), response.headers)
        return User(self.target, self.email, self.password, session, self.task)

    def credentials(self) -> dict[str, dict[str, str]]:
        """Return the headers of each credential, by its name."""
        return {"jwt": self.session.jwt, "opaque": bearer(self.session.opaque), "cookie": self.cookie}

    def accepted_credentials(self) -> set[str]:
        """Return the names of the credentials that the service accepts."""

        def get(path: str, headers: dict[str, str]) -> tuple[int, Any]:
            response = self.target.request("GET", path, self.id, headers=headers)
            return response.status_code, response.json()

        return accepted(self.credentials(), self.id, get)

    def is_unchanged(self) -> bool:
        """Return whether the user's only task is the first one, as it was."""
        tasks: list[Any] = self.request("GET", "/tasks").json()
        return tasks == [self.task] and self.request("GET", "/tasks?deleted=true").json() == []
