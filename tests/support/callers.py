"""Someone who calls a running service many times at once."""

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


class Caller:
    """Someone with many hands; paths are relative to the user's tasks."""

    def __init__(self, service: Service) -> None:
        self.url = service.url
        self.sign_up()

    def sign_up(self) -> None:
        self.headers = sign_up_at(self.url, f"ada-{uuid.uuid4().hex[:8]}@example.com").jwt

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
        url = f"{self.url}/api/me/tasks{path}"
        return requests.request(method, url, headers={**self.headers, **(headers or {})}, timeout=30, **options)

    def task(self, **members: Any) -> requests.Response:
        return self.call("POST", "", json={"title": "x", **members})

    def bring(self, *tasks: dict[str, Any]) -> requests.Response:
        """Import the tasks."""
        document: dict[str, Any] = {"format": "todo-export", "version": 1, "tasks": tasks}
        return requests.post(f"{self.url}/api/me/import", json=document, headers=self.headers, timeout=30)

    def at_once(self, number: int, call: Callable[[int], requests.Response]) -> list[requests.Response]:
        return at_once(number, call)


def at_once(number: int, call: Callable[[int], requests.Response]) -> list[requests.Response]:
    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(call, range(number)))


def statuses(answers: Iterable[requests.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))
