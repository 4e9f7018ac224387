"""The sixteen promises of Todo-Backend (todobackend.com), kept by the service behind a proxy of a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.credentials import sign_up_at
from tests.support.databases import new_database
from tests.support.processes import serving
from tests.support.todo_backend_proxy import proxying

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def backend(server: str, template: str) -> Iterator[str]:
    with new_database(server, template) as database, serving(database) as service:
        ada = sign_up_at(service.url, "ada@example.com")
        with proxying(service.url, ada.access) as url:
            yield url


@pytest.fixture
def root(backend: str) -> str:
    """Return the root, with no to-do left."""
    call("DELETE", backend)
    return backend


def call(method: str, url: str, **members: Any) -> Any:
    """Return what is answered, if anything is."""
    response = requests.request(method, url, json=members or None, timeout=10)
    assert response.ok, response.text
    return response.json() if response.content else None


def new(root: str, **members: Any) -> Any:
    return call("POST", root, **{"title": "blah", **members})


# The prerequisites.


def test_the_root_answers_get(root: str) -> None:
    assert requests.get(root, timeout=10).status_code == 200


def test_the_root_answers_post_with_the_posted_todo(root: str) -> None:
    assert new(root, title="a todo")["title"] == "a todo"


def test_the_root_answers_delete(backend: str) -> None:
    new(backend)
    assert requests.delete(backend, timeout=10).ok


def test_after_delete_get_answers_an_empty_array(root: str) -> None:
    new(root)
    call("DELETE", root)
    assert call("GET", root) == []


# Storing new to-dos.


def test_a_new_todo_is_in_the_list(root: str) -> None:
    new(root, title="walk the dog")
    assert [todo["title"] for todo in call("GET", root)] == ["walk the dog"]


def test_a_new_todo_is_not_completed(root: str) -> None:
    new(root)
    assert [todo["completed"] for todo in call("GET", root)] == [False]


def test_a_new_todo_has_a_url(root: str) -> None:
    assert new(root)["url"].startswith(root)


def test_the_url_of_a_new_todo_answers_it(root: str) -> None:
    made = new(root, title="my todo")
    assert call("GET", made["url"]) == made


# Working with an existing to-do.


def test_the_list_leads_to_each_todo_by_its_url(root: str) -> None:
    new(root, title="the other")
    new(root, title="this one")
    for todo in call("GET", root):
        assert call("GET", todo["url"]) == todo


def test_a_title_is_changed_by_patch(root: str) -> None:
    assert call("PATCH", new(root, title="initial")["url"], title="bathe the cat")["title"] == "bathe the cat"


def test_completed_is_changed_by_patch(root: str) -> None:
    assert call("PATCH", new(root)["url"], completed=True)["completed"] is True


def test_changes_stay(root: str) -> None:
    url = new(root)["url"]
    changed = call("PATCH", url, title="changed title", completed=True)
    (from_list,) = call("GET", root)
    for todo in (changed, call("GET", url), from_list):
        assert (todo["title"], todo["completed"]) == ("changed title", True)


def test_a_todo_is_deleted_by_its_url(root: str) -> None:
    url = new(root)["url"]
    call("DELETE", url)
    assert call("GET", root) == []
    assert requests.get(url, timeout=10).status_code == 404


# Their order.


def test_a_todo_is_made_with_an_order(root: str) -> None:
    assert new(root, order=523)["order"] == 523


def test_an_order_is_changed_by_patch(root: str) -> None:
    assert call("PATCH", new(root, order=10)["url"], order=95)["order"] == 95


def test_an_order_that_was_changed_stays(root: str) -> None:
    url = new(root, order=10)["url"]
    call("PATCH", url, order=95)
    assert call("GET", url)["order"] == 95
