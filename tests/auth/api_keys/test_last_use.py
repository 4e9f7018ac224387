"""The day of the last use of an API key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api_keys import DISABLE, READ, create_key, list_keys, with_key
from tests.support.databases import execute
from tests.support.locks import locking
from todo_api.auth.api_keys import credential

if TYPE_CHECKING:
    from tests.support.actors import Actor


@pytest.fixture
def first_use() -> None:
    """Forget which keys this process has stored a day for."""
    credential.store_last_use.cache_clear()


def last_request(actor: Actor) -> Any:
    return list_keys(actor)["apiKeys"][0]["lastRequest"]


@pytest.mark.usefixtures("first_use")
def test_the_day_of_the_last_use_is_shown(database: str, alice: Actor) -> None:
    key = create_key(alice)["key"]
    assert with_key(alice, key[:-1] + "-", "GET", "/tasks").status_code == 401
    assert last_request(alice) is None
    assert with_key(alice, key, "GET", "/tasks/0").status_code == 404
    today = f"{datetime.now(UTC).date()}T00:00:00.000Z"
    assert last_request(alice) == today
    execute(database, "UPDATE api_keys SET last_used_on = '2026-01-01' WHERE user_id = %s", alice.id)
    with_key(alice, key, "GET", "/tasks")
    assert last_request(alice) == "2026-01-01T00:00:00.000Z"  # this process has stored the day
    credential.store_last_use.cache_clear()
    with_key(alice, key, "GET", "/tasks")
    assert last_request(alice) == today


@pytest.mark.usefixtures("first_use")
def test_a_refused_key_has_no_day_of_use(database: str, alice: Actor) -> None:
    key = create_key(alice, permissions=READ)["key"]
    assert with_key(alice, key, "POST", "/tasks", json={"title": "x"}).status_code == 403
    execute(database, DISABLE, alice.id)
    assert with_key(alice, key, "GET", "/tasks").status_code == 401
    assert last_request(alice) is None


@pytest.mark.usefixtures("first_use")
def test_a_day_that_cannot_be_stored_fails_no_request(database: str, alice: Actor) -> None:
    key = create_key(alice)["key"]
    lock = "SELECT FROM api_keys WHERE user_id = %s FOR UPDATE"
    with locking(database, lock, alice.id):
        assert with_key(alice, key, "POST", "/tasks", json={"title": "x"}).status_code == 201
    assert last_request(alice) is None
    assert with_key(alice, key, "GET", "/tasks").status_code == 200
    assert last_request(alice)
