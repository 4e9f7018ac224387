"""The sixteen specifications of Todo-Backend (todobackend.com), for the service behind a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.credentials import sign_up_at
from tests.support.databases import new_database
from tests.support.processes import running_service
from tests.support.todo_backend_proxy import running_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def backend(server: str, template: str) -> Iterator[str]:
    with new_database(server, template) as database, running_service(database, WEB_CONCURRENCY="1") as service:
        ada = sign_up_at(service.url, "ada@example.com")
        with running_proxy(service.url, ada.access) as url:
            yield url


@pytest.fixture
def root(backend: str) -> str:
    """Delete all to-dos, and return the URL of the root."""
    call("DELETE", backend)
    return backend


def call(method: str, url: str, **fields: Any) -> Any:
    """Return the JSON of the response, if it has a body."""
    response = requests.request(method, url, json=fields or None, timeout=10)
    assert response.ok, response.text
    return response.json() if response.content else None


def create(root: str, **fields: Any) -> Any:
    return call("POST", root, **{"title": "blah", **fields})


# The prerequisites.


def test_the_root_responds_to_get(root: str) -> None:
    assert requests.get(root, timeout=10).status_code == 200


def test_post_returns_the_new_todo(root: str) -> None:
    assert create(root, title="a todo")["title"] == "a todo"


def test_the_root_responds_to_delete(backend: str) -> None:
    create(backend)
    assert requests.delete(backend, timeout=10).ok


def test_after_delete_the_list_is_empty(root: str) -> None:
    create(root)
    call("DELETE", root)
    assert call("GET", root) == []


# Storing new to-dos.


def test_a_new_todo_is_in_the_list(root: str) -> None:
    create(root, title="walk the dog")
    assert [todo["title"] for todo in call("GET", root)] == ["walk the dog"]


def test_a_new_todo_is_not_completed(root: str) -> None:
    create(root)
    assert [todo["completed"] for todo in call("GET", root)] == [False]


def test_a_new_todo_has_a_url(root: str) -> None:
    assert create(root)["url"].startswith(root)


def test_the_url_of_a_new_todo_returns_it(root: str) -> None:
    created = create(root, title="my todo")
    assert call("GET", created["url"]) == created


# Working with an existing to-do.


def test_the_url_of_each_listed_todo_returns_it(root: str) -> None:
    create(root, title="the other")
    create(root, title="this one")
    for todo in call("GET", root):
        assert call("GET", todo["url"]) == todo


def test_patch_changes_the_title(root: str) -> None:
    assert call("PATCH", create(root, title="initial")["url"], title="bathe the cat")["title"] == "bathe the cat"


def test_patch_changes_completed(root: str) -> None:
    assert call("PATCH", create(root)["url"], completed=True)["completed"] is True


def test_changes_are_stored(root: str) -> None:
    url = create(root)["url"]
    changed = call("PATCH", url, title="changed title", completed=True)
    (from_list,) = call("GET", root)
    for todo in (changed, call("GET", url), from_list):
        assert (todo["title"], todo["completed"]) == ("changed title", True)


def test_delete_of_its_url_deletes_a_todo(root: str) -> None:
    url = create(root)["url"]
    call("DELETE", url)
    assert call("GET", root) == []
    assert requests.get(url, timeout=10).status_code == 404


# Their order.


def test_a_todo_is_created_with_an_order(root: str) -> None:
    assert create(root, order=523)["order"] == 523


def test_patch_changes_the_order(root: str) -> None:
    assert call("PATCH", create(root, order=10)["url"], order=95)["order"] == 95


def test_a_changed_order_is_stored(root: str) -> None:
    url = create(root, order=10)["url"]
    call("PATCH", url, order=95)
    assert call("GET", url)["order"] == 95
