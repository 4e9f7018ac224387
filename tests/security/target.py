"""The service under attack, and the people whose things are attacked. Every answer is looked at."""

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
from tests.support.credentials import SignIn, bearer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.auth.tokens.test_external_issuer import Site

Headers = Mapping[str, str | bytes]

PUBLIC = "https://todo.example"
"""The address under which the service is told that clients reach it."""
ISSUER = "https://auth.example"
AUDIENCE = "https://todo.example"
UNLIMITED = {"RATE_LIMIT_ADDRESS_SCALE": "1000", "RATE_LIMIT_USER_SCALE": "1000"}
"""The limits have tests of their own; here they would stop the attacks before what they are aimed at."""
PASSWORD = "a fine staple of horses"
COOKIE = "__Secure-better-auth.session_token"
AUTH = "/api/auth"


@dataclass
class Attacked:
    """A running service. Whatever it answers must be no fault of its own, and tell nothing but the asker's things."""

    url: str
    database: str
    issuer: Site
    mails: Path
    answers: Counter[int] = field(default_factory=Counter)
    marks: dict[str, str] = field(default_factory=dict)
    """Words that only their owner may be shown, and the owner's id."""

    def ask(self, method: str, path: str, who: str | None = None, **options: Any) -> requests.Response:
        """Send a request, on a connection of its own; `who` is the id of the user whose words may be answered."""
        options = {"timeout": 60, "allow_redirects": False, **options}
        response = requests.request(method, self.url + path, **options)
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        self.look_at(response.status_code, f"{headers}\n\n{response.text}", who)
        return response

    def send(self, *parts: bytes, seconds: float = 20) -> list[bytes]:
        """Write bytes to the service and return the answers up to the end of the connection."""
        target = urlsplit(self.url)
        with socket.create_connection((target.hostname, target.port), timeout=seconds) as connection:
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            heard = connection.makefile("rb").read()
        answers = [b"HTTP/1.1 " + answer for answer in heard.split(b"HTTP/1.1 ")[1:]]
        for answer in answers:
            self.look_at(int(answer.split()[1]), answer.decode(errors="replace"), None)
        return answers

    def look_at(self, status: int, text: str, who: str | None) -> None:
        self.answers[status] += 1
        assert status < 500, text
        assert leaks(text) == []
        assert [mark for mark, owner in list(self.marks.items()) if owner != who and mark in text] == []

    def person(self, password: str = PASSWORD) -> Person:
        """Make an account with a task that is nobody else's to see."""
        email = f"ada-{uuid.uuid4().hex[:12]}@example.com"
        answer = self.sign_up(email, password)
        assert answer.status_code == 200, answer.text
        person = Person(self, email, password, SignIn.of(answer.json(), answer.headers))
        mark = f"mark-{uuid.uuid4().hex}"
        self.marks[mark] = person.id
        person.task = person.ask("POST", "/tasks", json={"title": mark}).json()
        return person

    def sign_up(self, email: str, password: str, **members: Any) -> requests.Response:
        return self.ask(
            "POST", f"{AUTH}/sign-up/email", json={"email": email, "password": password, "name": "Ada", **members}
        )

    def sign_in(self, email: str, password: str, **members: Any) -> requests.Response:
        return self.ask("POST", f"{AUTH}/sign-in/email", json={"email": email, "password": password, **members})

    def refresh(self, token: Any) -> requests.Response:
        return self.ask("POST", f"{AUTH}/refresh", json={"refresh_token": token})


@dataclass
class Person:
    """Somebody with an account."""

    attacked: Attacked
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
        return {"Cookie": f"{COOKIE}={value}", "Origin": PUBLIC}

    def ask(self, method: str, path: str, headers: Headers | None = None, **options: Any) -> requests.Response:
        """Ask for what is one's own; the path is relative to the user's."""
        return self.at(method, f"/api/{self.id}{path}", headers, **options)

    def at(self, method: str, path: str, headers: Headers | None = None, **options: Any) -> requests.Response:
        """Ask at any path."""
        return self.attacked.ask(method, path, self.id, headers={**self.session.jwt, **(headers or {})}, **options)

    def auth(self, method: str, route: str, headers: Headers | None = None, **options: Any) -> requests.Response:
        return self.at(method, f"{AUTH}/{route}", headers, **options)

    def signed_in_again(self) -> Person:
        """Open one more session."""
        answer = self.attacked.sign_in(self.email, self.password)
        assert answer.status_code == 200, answer.text
        return Person(self.attacked, self.email, self.password, SignIn.of(answer.json(), answer.headers), self.task)

    def credentials(self) -> dict[str, dict[str, str]]:
        return {"jwt": self.session.jwt, "opaque": bearer(self.session.opaque), "cookie": self.cookie}

    def opens(self) -> set[str]:
        """Return which of the session's credentials still open anything."""
        alive = set()
        for name, headers in self.credentials().items():
            seen = self.attacked.ask("GET", f"{AUTH}/get-session", headers=headers)
            tasks = self.attacked.ask("GET", f"/api/{self.id}/tasks", self.id, headers=headers)
            assert seen.status_code == 200
            assert tasks.status_code == (200 if seen.json() and name != "cookie" else 401)
            alive |= {name} if seen.json() else set()
        return alive

    def is_untouched(self) -> bool:
        """Tell whether the person's one task is still there as it was, and nothing else."""
        tasks: list[Any] = self.ask("GET", "/tasks").json()
        return tasks == [self.task] and self.ask("GET", "/tasks?deleted=true").json() == []
