"""The accounts of a server and their tasks, which are the same on every server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that exist during the benchmark only
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

ACCOUNTS = 8
"""The number of readers, and of creators. One would not do: writes of one user wait for each other."""
TASKS = 50
TASK = {"title": "File taxes", "description": "Form 1040, with the receipts of the year"}


class Response(NamedTuple):
    """A response of a server."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Account:
    """A signed-in user."""

    id: str
    email: str
    token: str
    tasks: list[int] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path of the task list."""
        return f"/api/{self.id}/tasks"

    @property
    def headers(self) -> dict[str, str]:
        """The credentials."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Accounts:
    """The accounts that read, those that create tasks, and one with 50,000 tasks if the server has pages."""

    readers: list[Account]
    creators: list[Account]
    large: Account | None = None
    cursor: str = ""
    """The cursor of page 1,000 of the large account."""


class UnexpectedResponseError(Exception):
    """A response has another status than expected."""


class Client:
    """A connection to a server."""

    def __init__(self, url: str) -> None:
        self.connection = HTTPConnection(urlsplit(url).netloc, timeout=60)

    def call(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Response:
        """Send a request and return its response."""
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, headers, response.read())

    def expect(self, status: int, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Response:
        """Send a request and return its response.

        Raises:
            UnexpectedResponseError: the response has another status.

        """
        response = self.call(method, path, headers, body)
        if response.status != status:
            raise UnexpectedResponseError(f"{method} {path} returned {response.status}: {response.body[:200]!r}")
        return response

    def sign_up(self, name: str) -> Account:
        """Create an account."""
        email = f"{name}@example.com"
        form = urlencode({"email": email, "password": PASSWORD, "name": name})
        body = json.loads(self.expect(200, "POST", "/api/auth/sign-up/email", FORM, form).body)
        return Account(body["user"]["id"], email, body["token"])

    def add_tasks(self, account: Account) -> None:
        """Create the 50 tasks of the account."""
        for _ in range(TASKS):
            response = self.expect(201, "POST", account.path, {**account.headers, **JSON}, json.dumps(TASK))
            account.tasks.append(json.loads(response.body)["id"])

    def cursor_of_page_1000(self, account: Account) -> str:
        """Read 999 pages of 50, in requests of 200 tasks, and return the cursor after them."""
        path = f"{account.path}?limit=150"
        for _ in range(1 + (999 * 50 - 150) // 200):
            link = self.expect(200, "GET", path, account.headers).headers["link"]
            path = link.partition("<")[2].partition(">")[0].replace("limit=150", "limit=200")
        return path.partition("cursor=")[2].partition("&")[0]
