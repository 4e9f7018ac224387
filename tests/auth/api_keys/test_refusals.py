"""API keys that are refused, each with its code, and that are accepted again once they are valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api_keys import DISABLE, create_key, send, with_key
from tests.support.credentials import sign_in
from tests.support.databases import execute
from tests.support.problems import status_and_code
from tests.support.statements import record_statements
from todo_api.auth.api_keys.credential import check_key, presented_key
from todo_api.auth.api_keys.encoding import new_key

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.actors import Actor


INVALID = 'Bearer error="invalid_token"'
EXPIRE = "UPDATE api_keys SET expires_at = now() WHERE user_id = %s"
DELETE = "DELETE FROM api_keys WHERE user_id = %s"


@pytest.mark.shows("API2:2023", "API keys refused")
@pytest.mark.parametrize("malform", [lambda _: "x", lambda key: key[:-1], lambda key: f"{key[:-1]}-", str.upper])
def test_a_malformed_key_is_401_without_the_database(app: Flask, alice: Actor, malform: Any) -> None:
    key = create_key(alice)["key"]
    with record_statements() as statements:
        response = with_key(alice, malform(key), "GET", "/tasks")
    assert status_and_code(response) == (401, "INVALID_TOKEN")
    assert response.headers["WWW-Authenticate"] == INVALID
    assert statements == []


@pytest.mark.parametrize("token", ["jwt", "opaque", "refresh"])
def test_another_credential_is_no_key(alice: Actor, token: str) -> None:
    session = sign_in(alice)
    value = {"jwt": session.access, "opaque": session.signed, "refresh": session.refresh}[token]
    assert status_and_code(with_key(alice, value, "GET", "/tasks")) == (401, "INVALID_TOKEN")


@pytest.mark.shows("API2:2023", "API keys refused")
@pytest.mark.parametrize(("method", "path"), [("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/export")])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (DISABLE, "INVALID_TOKEN"),
        (DELETE, "INVALID_TOKEN"),
        (EXPIRE, "TOKEN_EXPIRED"),
        ("UPDATE api_keys SET hash = 'x' WHERE user_id = %s", "INVALID_TOKEN"),
        ("DELETE FROM users WHERE id = %s", "INVALID_TOKEN"),
    ],
)
def test_a_key_that_is_not_valid_any_more_is_401(
    database: str, alice: Actor, method: str, path: str, change: str, code: str
) -> None:
    key = create_key(alice)["key"]
    assert with_key(alice, key, method, path, json={"title": "x"}).status_code < 300
    execute(database, change, alice.id)
    response = with_key(alice, key, method, path, json={"title": "x"})
    assert status_and_code(response) == (401, code)
    assert response.headers["WWW-Authenticate"] == INVALID


def test_a_disabled_key_is_enabled_again(alice: Actor) -> None:
    key = create_key(alice)
    for enabled, status in ((False, 401), (True, 200)):
        assert send(alice, "update", keyId=key["id"], enabled=enabled).status_code == 200
        assert with_key(alice, key["key"], "GET", "/tasks").status_code == status


def test_an_expired_key_is_extended(database: str, alice: Actor) -> None:
    key = create_key(alice)
    execute(database, EXPIRE, alice.id)
    assert with_key(alice, key["key"], "GET", "/tasks").status_code == 401
    assert send(alice, "update", keyId=key["id"], expiresIn=None).status_code == 200
    assert with_key(alice, key["key"], "GET", "/tasks").status_code == 200


def test_a_forged_key_is_401(alice: Actor) -> None:
    forged, _ = new_key(alice.id)
    assert status_and_code(with_key(alice, forged, "GET", "/tasks")) == (401, "INVALID_TOKEN")


def test_a_key_that_has_become_valid_meanwhile_is_not_refused_for_a_reason(app: Flask, alice: Actor) -> None:
    key = create_key(alice)["key"]
    with app.app_context():
        check_key(presented_key(key, "tasks:read"))
