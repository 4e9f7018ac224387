"""The values that an API key is created with or changed to, and the codes of Better Auth's plugin for invalid ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api_keys import DAY, FULL, READ, create_key, list_keys, send, without_text
from tests.support.problems import status_and_code
from tests.support.timestamps import instant
from todo_api.auth.api_keys.scopes import SCOPES, permissions_of
from todo_api.auth.models import APIKey
from todo_api.auth.schemas.api_keys import SERVER_ONLY, PermissionsSchema

if TYPE_CHECKING:
    from tests.support.actors import Actor


def test_a_key_without_a_name_or_an_expiry_has_none(alice: Actor) -> None:
    key = create_key(alice, expiresIn=None, remaining=None)
    assert (key["name"], key["expiresAt"]) == (None, None)


@pytest.mark.parametrize("permissions", [READ, {"tasks": ["write"]}, {"tasks": ["write", "read"]}])
def test_the_client_chooses_the_permissions(alice: Actor, permissions: dict[str, list[str]]) -> None:
    key = create_key(alice, permissions=permissions)
    assert key["permissions"] == {"tasks": sorted(permissions["tasks"])}


def test_every_scope_can_be_chosen() -> None:
    assert set(PermissionsSchema().fields) == set(permissions_of(SCOPES))


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"permissions": {"tasks": ["read", "read"]}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"tasks": ["manage"]}}, "VALIDATION_ERROR", "#/permissions/tasks/0"),
        ({"permissions": {"tasks": ["read", 7]}}, "VALIDATION_ERROR", "#/permissions/tasks/1"),
        ({"permissions": {"tasks": []}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"tasks": "read"}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"tasks": ["read"] * 3}}, "VALIDATION_ERROR", "#/permissions/tasks"),
        ({"permissions": {"users": ["read"]}}, "VALIDATION_ERROR", "#/permissions/users"),
        ({"permissions": {}}, "VALIDATION_ERROR", "#/permissions"),
        ({"permissions": ["tasks:read"]}, "VALIDATION_ERROR", "#/permissions"),
        ({"permissions": None}, "VALIDATION_ERROR", "#/permissions"),
        ({"name": 7}, "VALIDATION_ERROR", "#/name"),
        ({"name": None}, "VALIDATION_ERROR", "#/name"),
        ({"name": "nul\0"}, "VALIDATION_ERROR", "#/name"),
        ({"expiresIn": "86400"}, "VALIDATION_ERROR", "#/expiresIn"),
        ({"expiresIn": True}, "VALIDATION_ERROR", "#/expiresIn"),
        ({"name": "x" * 65}, "INVALID_NAME_LENGTH", None),
        ({"expiresIn": DAY - 1}, "EXPIRES_IN_IS_TOO_SMALL", None),
        ({"expiresIn": -1e300}, "EXPIRES_IN_IS_TOO_SMALL", None),
        ({"expiresIn": 365 * DAY + 1}, "EXPIRES_IN_IS_TOO_LARGE", None),
        ({"expiresIn": 1e300}, "EXPIRES_IN_IS_TOO_LARGE", None),
        ({"metadata": {"a": 1}}, "METADATA_DISABLED", None),
        *(({name: 1}, "SERVER_ONLY_PROPERTY", None) for name in SERVER_ONLY),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("route", ["create", "update"])
def test_an_invalid_value_has_a_code(alice: Actor, route: str, body: dict[str, Any], code: str, pointer: str) -> None:
    key = create_key(alice)
    named = {"keyId": key["id"]} if route == "update" else {}
    response = send(alice, route, **body, **named)
    assert status_and_code(response) == (400, code)
    assert [error["pointer"] for error in response.get_json().get("errors", [])] == ([pointer] if pointer else [])
    assert list_keys(alice)["apiKeys"] == [without_text(key)]


def test_the_longest_values_are_accepted(alice: Actor) -> None:
    key = create_key(alice, name="\U0001f511" * APIKey.NAME_MAX, expiresIn=365 * DAY)
    assert key["name"] == "\U0001f511" * 64
    assert create_key(alice, name="", expiresIn=DAY + 0.5)["name"] == ""


def test_an_update_changes_what_it_names(alice: Actor) -> None:
    key = create_key(alice, name="backup", permissions=READ, expiresIn=DAY)

    def update(**changes: Any) -> dict[str, Any]:
        response = send(alice, "update", keyId=key["id"], **changes)
        assert response.status_code == 200, response.text
        updated: dict[str, Any] = response.get_json()
        return updated

    expected = without_text(key)
    for changes in ({"name": "new"}, {"enabled": False}, {"permissions": FULL}, {"enabled": True}):
        updated = update(**changes)
        expected |= {**changes, "updatedAt": updated["updatedAt"]}
        assert updated == expected
    assert update(expiresIn=None)["expiresAt"] is None
    longer = update(expiresIn=10 * DAY)
    assert instant(longer["expiresAt"]) - instant(longer["updatedAt"]) == timedelta(days=10)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "NO_VALUES_TO_UPDATE"),
        ({"unknown": 1}, "NO_VALUES_TO_UPDATE"),
        ({"name": ""}, "INVALID_NAME_LENGTH"),
        ({"enabled": "yes"}, "VALIDATION_ERROR"),
        ({"enabled": None}, "VALIDATION_ERROR"),
    ],
)
def test_an_invalid_update_has_a_code(alice: Actor, body: dict[str, Any], code: str) -> None:
    key = create_key(alice)
    assert status_and_code(send(alice, "update", keyId=key["id"], **body)) == (400, code)
