"""The workloads. A load repeats the requests of a workload in their order."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from benchmarks.accounts import JSON, TASK, TASKS, Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.accounts import Account, Accounts

SIGNING = "+sign-ins"
"""The end of the name of a workload beside sign-ins."""
OPEN = "@rate"
"""The end of the name of a workload at a fixed rate."""
RATE = 200
"""Requests per second at a fixed rate: less than any server's maximum on two cores."""
PAGE = "?limit=50"
UPDATE = {"title": "File taxes early"}


class Capability(Enum):
    """A group of requests that a server supports."""

    TASKS = auto()
    """Get, list, create, update and toggle tasks."""
    SIGN_INS = auto()
    PAGES = auto()
    """Pages, conditional requests, changes, exports, sessions."""
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
    """Requests that all have responses of one status, for the servers with a capability."""

    text: str
    build: Callable[[str, Accounts], list[Request]]
    requires: Capability = Capability.TASKS
    status: int = 200
    beside_sign_ins: bool = True
    at_fixed_rate: bool = False


def json_request(account: Account, method: str, path: str, body: dict[str, Any]) -> Request:
    """Return a request with a JSON body."""
    return Request(method, path, {**account.headers, **JSON}, json.dumps(body))


def task_requests(accounts: Accounts) -> list[tuple[Account, str]]:
    """Return the path of each task of the readers, in turn, with its owner."""
    return [(reader, f"{reader.path}/{reader.tasks[index]}") for index in range(TASKS) for reader in accounts.readers]


def get(_: str, accounts: Accounts) -> list[Request]:
    """Return a request for each task of the readers, in turn."""
    return [Request("GET", path, reader.headers) for reader, path in task_requests(accounts)]


def lists(_: str, accounts: Accounts) -> list[Request]:
    """Return requests for all 50 tasks of each reader."""
    return [Request("GET", reader.path, reader.headers) for reader in accounts.readers]


def small_page(_: str, accounts: Accounts) -> list[Request]:
    """Return requests for the first page of each reader."""
    return [Request("GET", reader.path + PAGE, reader.headers) for reader in accounts.readers]


def first_page(_: str, accounts: Accounts) -> list[Request]:
    """Return a request for the first page of the account with 50,000 tasks."""
    assert accounts.large  # noqa: S101 - a server with pages has this account
    return [Request("GET", accounts.large.path + PAGE, accounts.large.headers)]


def page_1000(_: str, accounts: Accounts) -> list[Request]:
    """Return a request for the last page of the account with 50,000 tasks."""
    assert accounts.large  # noqa: S101
    return [Request("GET", f"{accounts.large.path}{PAGE}&cursor={accounts.cursor}", accounts.large.headers)]


def create(_: str, accounts: Accounts) -> list[Request]:
    """Return a request for a new task of each creator."""
    return [json_request(creator, "POST", creator.path, TASK) for creator in accounts.creators]


def update(_: str, accounts: Accounts) -> list[Request]:
    """Return requests for a new title of each task."""
    return [json_request(reader, "PUT", path, UPDATE) for reader, path in task_requests(accounts)]


def toggle(_: str, accounts: Accounts) -> list[Request]:
    """Return requests that toggle each task."""
    return [Request("PATCH", f"{path}/complete", reader.headers) for reader, path in task_requests(accounts)]


def unchanged(url: str, accounts: Accounts) -> list[Request]:
    """Return conditional requests for lists that have not changed."""
    client = Client(url)
    return [
        Request("GET", reader.path, {**reader.headers, "If-None-Match": response.headers["etag"]})
        for reader in accounts.readers
        for response in [client.expect(200, "GET", reader.path, reader.headers)]
    ]


def changes(_: str, accounts: Accounts) -> list[Request]:
    """Return requests for the first changes of each reader, as a new copy of the list sends them."""
    return [Request("GET", f"{reader.path}/changes{PAGE}", reader.headers) for reader in accounts.readers]


def export(_: str, accounts: Accounts) -> list[Request]:
    """Return requests for the export of each reader."""
    return [Request("GET", f"/api/{reader.id}/export", reader.headers) for reader in accounts.readers]


def session(_: str, accounts: Accounts) -> list[Request]:
    """Return requests for the session of each reader."""
    return [Request("GET", "/api/auth/get-session", reader.headers) for reader in accounts.readers]


def mix(url: str, accounts: Accounts) -> list[Request]:
    """Return seven lists, two tasks and one update of ten requests, shuffled in the same order for every server."""
    count = len(accounts.readers)
    requests = 7 * lists(url, accounts) + get(url, accounts)[: 2 * count] + update(url, accounts)[:count]
    random.Random(10).shuffle(requests)  # noqa: S311 - not a secret
    return requests


WORKLOADS = {
    "get": Workload("one task", get, at_fixed_rate=True),
    "list": Workload("a list of 50", lists),
    "page": Workload("the first 50 of 50,000", first_page, Capability.PAGES),
    "page-1000": Workload("the last 50 of 50,000", page_1000, Capability.PAGES),
    "page-small": Workload("the first page of a user with 50", small_page, Capability.SMALL_PAGE),
    "create": Workload("a new task", create, status=201, beside_sign_ins=False),
    "update": Workload("an updated task (PUT)", update, beside_sign_ins=False),
    "toggle": Workload("a toggled task", toggle, beside_sign_ins=False),
    "unchanged": Workload("a list of 50 that has not changed (304)", unchanged, Capability.PAGES, status=304),
    "changes": Workload("the first 50 changes", changes, Capability.PAGES, beside_sign_ins=False),
    "export": Workload("the export of 50 tasks as JSON", export, Capability.PAGES, beside_sign_ins=False),
    "session": Workload("get-session", session, Capability.PAGES),
    "mix": Workload("70 % lists, 20 % tasks, 10 % updates", mix, at_fixed_rate=True),
}


def workload_names() -> list[str]:
    """Return the names of the workloads, of those beside sign-ins, and of those at a fixed rate."""
    beside_sign_ins = [f"{name}{SIGNING}" for name, workload in WORKLOADS.items() if workload.beside_sign_ins]
    at_fixed_rate = [f"{name}{OPEN}" for name, workload in WORKLOADS.items() if workload.at_fixed_rate]
    return [*WORKLOADS, *beside_sign_ins, *at_fixed_rate]


def workload_of(name: str) -> Workload:
    """Return the workload of one of the names."""
    return WORKLOADS[name.removesuffix(SIGNING).removesuffix(OPEN)]
