"""The API keys that a session lists, shows, changes and deletes: its user's, by their ids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.accounts import shift_session
from tests.support.actors import Actor
from tests.support.api_keys import API_KEY, READ, create_key, list_keys, send, without_text
from tests.support.credentials import bearer, sign_in
from tests.support.problems import status_and_code


@pytest.mark.parametrize("key_id", ["nothing", "", "x" * 1000, "\u00e9"])
def test_an_unknown_key_is_404(alice: Actor, key_id: str) -> None:
    assert status_and_code(send(alice, "update", keyId=key_id, name="x")) == (404, "KEY_NOT_FOUND")
    assert status_and_code(send(alice, "delete", keyId=key_id)) == (404, "KEY_NOT_FOUND")
    shown = alice.client.get(f"{API_KEY}/get", query_string={"id": key_id or "x"}, headers=bearer(alice.token))
    assert status_and_code(shown) == (404, "KEY_NOT_FOUND")


@pytest.mark.parametrize("route", ["update", "delete"])
@pytest.mark.parametrize("key_id", [None, 7, ["x"], "nul\0"])
def test_a_mistyped_id_is_400(alice: Actor, route: str, key_id: Any) -> None:
    assert status_and_code(send(alice, route, keyId=key_id, name="x")) == (400, "VALIDATION_ERROR")
    assert status_and_code(send(alice, route)) == (400, "VALIDATION_ERROR")


@pytest.mark.shows("ASVS 8.2.2", "API keys own")
def test_another_users_key_is_404(alice: Actor, bob: Actor) -> None:
    key = create_key(bob)
    for route in ("update", "delete"):
        assert status_and_code(send(alice, route, keyId=key["id"], name="x")) == (404, "KEY_NOT_FOUND")
    shown = alice.client.get(f"{API_KEY}/get?id={key['id']}", headers=bearer(alice.token))
    assert status_and_code(shown) == (404, "KEY_NOT_FOUND")
    assert list_keys(alice) == {"apiKeys": [], "total": 0}
    assert list_keys(bob)["apiKeys"] == [without_text(key)]


def test_a_list_is_sorted_and_paged(alice: Actor) -> None:
    names = ["b", "c", "a"]
    for name in names:
        create_key(alice, name=name)

    def listed(query: str) -> list[str]:
        return [key["name"] for key in list_keys(alice, query)["apiKeys"]]

    assert listed("") == listed("sortBy=createdAt&sortDirection=asc") == names
    assert listed("sortBy=name") == ["a", "b", "c"]
    assert listed("sortBy=name&sortDirection=desc") == ["c", "b", "a"]
    assert listed("limit=2") == ["b", "c"]
    assert listed("limit=2&offset=2") == ["a"]
    assert listed("limit=0") == listed("offset=9") == []
    page = list_keys(alice, "limit=1&offset=1&configId=default")
    assert {name: page[name] for name in ("total", "limit", "offset")} == {"total": 3, "limit": 1, "offset": 1}


@pytest.mark.parametrize("query", ["limit=-1", "limit=01", "limit=x", "offset=1_0", "sortBy=hash", "sortDirection=up"])
def test_an_invalid_parameter_of_a_list_is_400(alice: Actor, query: str) -> None:
    response = alice.client.get(f"{API_KEY}/list?{query}", headers=bearer(alice.token))
    assert status_and_code(response) == (400, "VALIDATION_ERROR")
    response = alice.client.get(f"{API_KEY}/get", headers=bearer(alice.token))
    assert status_and_code(response) == (400, "VALIDATION_ERROR")


@pytest.mark.shows("API keys fresh")
def test_an_old_session_neither_creates_a_key_nor_gives_it_more(database: str, alice: Actor) -> None:
    key = create_key(alice)
    shift_session(database, session := sign_in(alice), created_at="-25 hours")
    old = Actor(alice.client, alice.id, alice.email, session.access, session.refresh)
    for route, body in (
        ("create", {}),
        ("update", {"keyId": key["id"], "permissions": READ}),
        ("update", {"keyId": key["id"], "expiresIn": None}),
        ("update", {"keyId": key["id"], "enabled": True}),
    ):
        assert status_and_code(send(old, route, **body)) == (403, "SESSION_NOT_FRESH")
    assert send(old, "update", keyId=key["id"], enabled=False, name="off").status_code == 200
    assert send(old, "delete", keyId=key["id"]).status_code == 200


def test_every_route_but_list_and_get_refuses_another_origin(alice: Actor) -> None:
    session = sign_in(alice)
    headers = {**session.cookie, "Origin": "https://evil.example"}
    for route in ("create", "update", "delete"):
        response = alice.client.post(f"{API_KEY}/{route}", json={"keyId": "x"}, headers=headers)
        assert status_and_code(response) == (403, "INVALID_ORIGIN")
    assert alice.client.post(f"{API_KEY}/create", json={}, headers=session.cookie).status_code == 200
