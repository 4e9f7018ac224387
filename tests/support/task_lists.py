"""Tasks and lists of tasks, as a client reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from requests.utils import parse_header_links

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

TASK_FIELDS = [
    *("id", "user_id", "title", "description", "completed", "due", "priority", "tags", "order"),
    *("recurrence", "repeat_from", "timezone", "next_id", "completed_at", "created_at", "updated_at"),
]
"""The fields of a task in a response, in their order."""
PAGES_MAX = 30


def links(response: TestResponse) -> dict[str, str]:
    """Return the URLs of the Link header by their relation."""
    return {link["rel"]: link["url"] for link in parse_header_links(response.headers.get("Link", ""))}


def follow(actor: Actor, url: str) -> TestResponse:
    return actor.client.get(url, headers={"Authorization": f"Bearer {actor.token}"})


def pages(actor: Actor, query: str) -> Iterator[TestResponse]:
    """Yield the pages of a list, by following the Link header."""
    url = f"/api/me/tasks?{query}"
    for _ in range(PAGES_MAX):
        page = follow(actor, url)
        assert page.status_code == 200, page.text
        yield page
        if "next" not in links(page):
            return
        url = links(page)["next"]
    pytest.fail("the pages have no end")


def list_tasks(actor: Actor, query: str = "") -> list[Any]:
    response = actor.get(f"/tasks?{query}")
    assert response.status_code == 200, response.text
    tasks: list[Any] = response.get_json()
    return tasks


def titles(actor: Actor, query: str = "") -> list[str]:
    return [task["title"] for task in list_tasks(actor, query)]


def invalid_parameters(response: TestResponse) -> list[str]:
    """Return the parameters that a 422 names; none of another response."""
    problem = response.get_json() if response.status_code == 422 and response.data else {}
    return [error["parameter"] for error in problem.get("errors", []) if "parameter" in error]


def assert_invalid_parameters(response: TestResponse, *names: str) -> None:
    assert (response.status_code, invalid_parameters(response)) == (422, list(names)), response.text
