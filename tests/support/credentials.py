"""A sign-in and its three credentials, at the application itself or at a running service."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from tests.support.actors import PASSWORD
from tests.support.databases import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.testing import FlaskClient

    from tests.support.actors import Actor

COOKIE = "better-auth.session_token"
ORIGIN = "http://localhost:3000"


@dataclass
class SignIn:
    """The user, the two JWTs and the signed opaque token of a sign-in response."""

    user_id: str
    access: str
    refresh: str
    signed: str

    @classmethod
    def from_response(cls, body: Mapping[str, Any], headers: Any) -> SignIn:
        return cls(body["user"]["id"], body["token"], body["refresh_token"], headers["set-auth-token"])

    @property
    def opaque(self) -> str:
        return self.signed.partition(".")[0]

    @property
    def session_id(self) -> str:
        return self.opaque.split("_")[1]

    @property
    def jwt(self) -> dict[str, str]:
        return bearer(self.access)

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={quote(self.signed, safe='')}", "Origin": ORIGIN}

    @property
    def credentials(self) -> dict[str, dict[str, str]]:
        """The headers of each credential, by its name."""
        return {"jwt": self.jwt, "opaque": bearer(self.opaque), "cookie": self.cookie}

    def accepted_credentials(self, client: FlaskClient) -> set[str]:
        """Return the names of the credentials that the application accepts."""

        def get(path: str, headers: dict[str, str]) -> tuple[int, Any]:
            response = client.get(path, headers=headers)
            return response.status_code, response.get_json()

        return accepted(self.credentials, self.user_id, get)

    def accepted_credentials_at(self, url: str) -> set[str]:
        """Return the names of the credentials that a running service accepts. Each request has its own connection."""

        def get(path: str, headers: dict[str, str]) -> tuple[int, Any]:
            response = requests.get(f"{url}{path}", headers=headers, timeout=10)
            return response.status_code, response.json()

        return accepted(self.credentials, self.user_id, get)


ALL = {"jwt", "opaque", "cookie"}
NONE: set[str] = set()
"""Names of accepted credentials."""


def accepted(
    credentials: dict[str, dict[str, str]], user_id: str, get: Callable[[str, dict[str, str]], tuple[int, Any]]
) -> set[str]:
    """Return the names of the credentials that get-session accepts. The tasks accept the same ones but the cookie."""
    names = set()
    for name, headers in credentials.items():
        status, session = get("/api/auth/get-session", headers)
        assert status == 200
        status, _ = get(f"/api/{user_id}/tasks", headers)
        assert status == (200 if session and name != "cookie" else 401)
        names |= {name} if session else set()
    return names


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def signed(value: str, secret: str = CONFIG.better_auth_secret) -> str:
    """Sign as Better Auth does."""
    return f"{value}.{base64.b64encode(hmac.new(secret.encode(), value.encode(), 'sha256').digest()).decode()}"


def sign_in(actor: Actor, password: str = PASSWORD, **fields: Any) -> SignIn:
    """Create one more session of the user."""
    account = {"email": actor.email, "password": password, **fields}
    response = actor.client.post("/api/auth/sign-in/email", json=account)
    assert response.status_code == 200, response.text
    return SignIn.from_response(response.get_json(), response.headers)


def sign_up_at(url: str, email: str) -> SignIn:
    """Create an account at a running service."""
    return post_account(f"{url}/api/auth/sign-up/email", email)


def sign_in_at(url: str, email: str) -> SignIn:
    """Create one more session at a running service."""
    return post_account(f"{url}/api/auth/sign-in/email", email)


def post_account(url: str, email: str) -> SignIn:
    response = requests.post(url, data={"email": email, "password": PASSWORD}, timeout=10)
    assert response.status_code == 200, response.text
    return SignIn.from_response(response.json(), response.headers)
