"""What the servers are loaded with. A workload's requests are sent again and again, in their order."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from benchmarks.people import JSON, TASK, TASKS, Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.people import Account, People

SIGNING = "+sign-ins"
PAGE = "?limit=50"
UPDATE = {"title": "File taxes early"}


class Can(Enum):
    """What a server is able to do."""

    TASKS = auto()
    """Get, list, create, update, toggle."""
    SIGN_INS = auto()
    PAGES = auto()
    """Pages, conditional requests, sessions."""
    SMALL_PAGE = auto()
    """The first page of a user with few tasks."""


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None = None


@dataclass(frozen=True)
class Workload:
    """Requests that are all answered with one status, for the servers that can do them."""

    text: str
    build: Callable[[str, People], list[Request]]
    needs: Can = Can.TASKS
    status: int = 200
    reads: bool = True


def writing(account: Account, method: str, path: str, body: dict[str, Any] | None = None) -> Request:
    """Return a request that writes."""
    return Request(method, path, {**account.headers, **JSON}, json.dumps(body) if body else None)


def get(_: str, people: People) -> list[Request]:
    """Return a request for each of the tasks, of the readers by turns."""
    return [
        Request("GET", f"{each.path}/{each.tasks[number]}", each.headers)
        for number in range(TASKS)
        for each in people.readers
    ]


def lists(_: str, people: People) -> list[Request]:
    """Return requests for all 50 tasks of each reader."""
    return [Request("GET", each.path, each.headers) for each in people.readers]


def small_page(_: str, people: People) -> list[Request]:
    """Return requests for the first page of each reader."""
    return [Request("GET", each.path + PAGE, each.headers) for each in people.readers]


def first_page(_: str, people: People) -> list[Request]:
    """Return a request for the first page of the one with 50,000 tasks."""
    assert people.many  # noqa: S101 - whoever has pages has them
    return [Request("GET", people.many.path + PAGE, people.many.headers)]


def page_1000(_: str, people: People) -> list[Request]:
    """Return a request for the last of the pages of the one with 50,000 tasks."""
    assert people.many  # noqa: S101
    return [Request("GET", f"{people.many.path}{PAGE}&cursor={people.cursor}", people.many.headers)]


def create(_: str, people: People) -> list[Request]:
    """Return requests for a new task, of the creators by turns."""
    return [writing(each, "POST", each.path, TASK) for each in people.creators]


def update(url: str, people: People) -> list[Request]:
    """Return requests for a new title of each task."""
    return [Request("PUT", each.path, {**each.headers, **JSON}, json.dumps(UPDATE)) for each in get(url, people)]


def toggle(url: str, people: People) -> list[Request]:
    """Return requests that toggle each task."""
    return [Request("PATCH", f"{each.path}/complete", each.headers) for each in get(url, people)]


def unchanged(url: str, people: People) -> list[Request]:
    """Return requests for lists, of those who have them already."""
    client = Client(url)
    tags = [client.expect(200, "GET", each.path, each.headers).headers["etag"] for each in people.readers]
    return [
        Request("GET", each.path, {**each.headers, "If-None-Match": tag})
        for each, tag in zip(people.readers, tags, strict=True)
    ]


def session(_: str, people: People) -> list[Request]:
    """Return requests for the session of each reader."""
    return [Request("GET", "/api/auth/get-session", each.headers) for each in people.readers]


def mix(url: str, people: People) -> list[Request]:
    """Return seven lists, two tasks and a change among ten; shuffled, and in the same order for every server."""
    number = len(people.readers)
    chosen = 7 * lists(url, people) + get(url, people)[: 2 * number] + update(url, people)[:number]
    random.Random(10).shuffle(chosen)  # noqa: S311 - an order, no secret
    return chosen


WORKLOADS = {
    "get": Workload("one task", get),
    "list": Workload("a list of 50", lists),
    "page": Workload("the first 50 of 50,000", first_page, Can.PAGES),
    "page-1000": Workload("the last 50 of 50,000", page_1000, Can.PAGES),
    "page-small": Workload("the first page of a user with 50", small_page, Can.SMALL_PAGE),
    "create": Workload("a new task", create, status=201, reads=False),
    "update": Workload("a changed task (PUT)", update, reads=False),
    "toggle": Workload("a toggled task", toggle, reads=False),
    "unchanged": Workload("a list of 50 that is known (304)", unchanged, Can.PAGES, status=304),
    "session": Workload("get-session", session, Can.PAGES),
    "mix": Workload("70 % lists, 20 % tasks, 10 % changes", mix),
}
