"""The exchange of refresh tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask.testing import FlaskClient

REFRESH = "/api/auth/refresh"


def exchange(client: FlaskClient, token: str) -> str | None:
    """Exchange a refresh token, and return the new one, or None if it is rejected."""
    response = client.post(REFRESH, data={"refresh_token": token})
    assert response.status_code in {200, 401}, response.text
    return response.get_json()["refresh_token"] if response.status_code == 200 else None


def successor(client: FlaskClient, token: str) -> str:
    new_token = exchange(client, token)
    assert new_token is not None
    return new_token
