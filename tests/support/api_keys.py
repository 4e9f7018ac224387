"""API keys of an actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.credentials import bearer

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

API_KEY = "/api/auth/api-key"
READ = {"tasks": ["read"]}
WRITE = {"tasks": ["write"]}
FULL = {"tasks": ["read", "write"]}
DISABLE = "UPDATE api_keys SET enabled = false WHERE user_id = %s"
DAY = 24 * 3600
"""A day in seconds, the unit of expiries."""


def send(actor: Actor, route: str, **body: Any) -> TestResponse:
    """Send a POST to a route of API keys with the actor's session."""
    return actor.client.post(f"{API_KEY}/{route}", json=body, headers=bearer(actor.token))


def create_key(actor: Actor, **body: Any) -> dict[str, Any]:
    """Create a key and return it."""
    response = send(actor, "create", **body)
    assert response.status_code == 200, response.text
    key: dict[str, Any] = response.get_json()
    return key


def list_keys(actor: Actor, query: str = "") -> dict[str, Any]:
    """Return the list of the actor's keys."""
    response = actor.client.get(f"{API_KEY}/list?{query}", headers=bearer(actor.token))
    assert response.status_code == 200, response.text
    keys: dict[str, Any] = response.get_json()
    return keys


def without_text(key: dict[str, Any]) -> dict[str, Any]:
    """Return what is shown of a key after its creation."""
    return {name: value for name, value in key.items() if name != "key"}


def with_key(actor: Actor, key: str, method: str, path: str, **options: Any) -> TestResponse:
    """Send a request with an API key instead of the actor's session."""
    headers = {"X-API-Key": key, **options.pop("headers", {})}
    return actor.client.open(f"/api/me{path}", method=method, headers=headers, **options)
