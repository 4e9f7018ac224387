"""Who uses a server, and what is theirs: the same accounts with the same tasks everywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as the benchmark
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

PEOPLE = 8
"""Those who read, and as many who create: several, since writes of one user wait for each other."""
TASKS = 50
TASK = {"title": "File taxes", "description": "Form 1040, with the receipts of the year"}


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Account:
    """Someone signed in; paths are relative to the tasks."""

    id: str
    email: str
    token: str
    tasks: list[int] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path of the tasks."""
        return f"/api/{self.id}/tasks"

    @property
    def headers(self) -> dict[str, str]:
        """The credentials."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class People:
    """Those who read, those who create, and the one with 50,000 tasks where the server has pages."""

    readers: list[Account]
    creators: list[Account]
    many: Account | None = None
    cursor: str = ""
    """Where page 1,000 begins."""


class UnexpectedAnswerError(Exception):
    """A server answered otherwise than it should."""


class Client:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        self.connection = HTTPConnection(urlsplit(url).netloc, timeout=60)

    def call(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Answer:
        """Send a request and return its answer, whatever that is."""
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())

    def expect(self, status: int, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Answer:
        """Send a request and return its answer.

        Raises:
            UnexpectedAnswerError: the answer has another status.

        """
        answer = self.call(method, path, headers, body)
        if answer.status != status:
            message = f"{method} {path} was answered with {answer.status}: {answer.body[:200]!r}"
            raise UnexpectedAnswerError(message)
        return answer

    def sign_up(self, name: str) -> Account:
        """Make an account."""
        email = f"{name}@example.com"
        form = urlencode({"email": email, "password": PASSWORD, "name": name})
        body = json.loads(self.expect(200, "POST", "/api/auth/sign-up/email", FORM, form).body)
        return Account(body["user"]["id"], email, body["token"])

    def add_tasks(self, account: Account) -> None:
        """Give the account its 50 tasks."""
        for _ in range(TASKS):
            created = self.expect(201, "POST", account.path, {**account.headers, **JSON}, json.dumps(TASK))
            account.tasks.append(json.loads(created.body)["id"])

    def place_of_page_1000(self, account: Account) -> str:
        """Walk through 999 pages of 50, in larger steps, and return the cursor that they end with."""
        path = f"{account.path}?limit=150"
        for _ in range(1 + (999 * 50 - 150) // 200):
            link = self.expect(200, "GET", path, account.headers).headers["link"]
            path = link.partition("<")[2].partition(">")[0].replace("limit=150", "limit=200")
        return path.partition("cursor=")[2].partition("&")[0]
