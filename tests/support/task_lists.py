"""Lists of tasks, read as a client reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from requests.utils import parse_header_links

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

PAGES_MAX = 30


def links(response: TestResponse) -> dict[str, str]:
    return {link["rel"]: link["url"] for link in parse_header_links(response.headers.get("Link", ""))}


def follow(actor: Actor, url: str) -> TestResponse:
    return actor.client.get(url, headers={"Authorization": f"Bearer {actor.token}"})


def pages(actor: Actor, query: str) -> Iterator[TestResponse]:
    """Yield the pages of a list, as the Link header leads to them."""
    url = f"/api/me/tasks?{query}"
    for _ in range(PAGES_MAX):
        page = follow(actor, url)
        assert page.status_code == 200, page.text
        yield page
        if "next" not in links(page):
            return
        url = links(page)["next"]
    pytest.fail("the pages have no end")


def listed(actor: Actor, query: str) -> list[Any]:
    response = actor.get(f"/tasks?{query}")
    assert response.status_code == 200, response.text
    tasks: list[Any] = response.get_json()
    return tasks


def titles(actor: Actor, query: str) -> list[str]:
    return [task["title"] for task in listed(actor, query)]


def blamed(response: TestResponse) -> list[str]:
    """Return the parameters that an answer finds fault with."""
    problem = response.get_json() if response.status_code == 422 and response.data else {}
    return [fault["parameter"] for fault in problem.get("errors", []) if "parameter" in fault]


def refused(response: TestResponse, *names: str) -> bool:
    assert (response.status_code, blamed(response)) == (422, list(names)), response.text
    return True
