"""A client of a running service, and requests in parallel."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import requests

from tests.support.credentials import sign_up_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.processes import Service


class ServiceClient:
    """A signed-up user, whose requests may be sent by several threads. Paths are relative to the user's tasks."""

    def __init__(self, service: Service) -> None:
        self.url = service.url
        self.sign_up()

    def sign_up(self) -> None:
        self.headers = sign_up_at(self.url, f"ada-{uuid.uuid4().hex[:8]}@example.com").jwt

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> requests.Response:
        url = f"{self.url}/api/me/tasks{path}"
        return requests.request(method, url, headers={**self.headers, **(headers or {})}, timeout=30, **options)

    def create_task(self, **fields: Any) -> requests.Response:
        return self.request("POST", "", json={"title": "x", **fields})

    def import_tasks(self, *tasks: dict[str, Any]) -> requests.Response:
        document: dict[str, Any] = {"format": "todo-export", "version": 1, "tasks": tasks}
        return requests.post(f"{self.url}/api/me/import", json=document, headers=self.headers, timeout=30)


def in_parallel(number: int, send: Callable[[int], requests.Response]) -> list[requests.Response]:
    """Call the function with 0, 1, 2 and so on, each in a thread of its own, and return the responses in this order."""
    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(send, range(number)))


def count_statuses(responses: Iterable[requests.Response]) -> dict[int, int]:
    return dict(Counter(response.status_code for response in responses))
