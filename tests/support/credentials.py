"""A sign-in and its three credentials, against the application itself or a gunicorn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from tests.support.actors import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.testing import FlaskClient

    from tests.support.actors import Actor

COOKIE = "better-auth.session_token"
ORIGIN = "http://localhost:3000"


@dataclass
class SignIn:
    """What a sign-in gave: the JWTs, and the signed opaque token."""

    user_id: str
    access: str
    refresh: str
    signed: str

    @classmethod
    def of(cls, body: Mapping[str, Any], headers: Any) -> SignIn:
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

    def opens(self, client: FlaskClient) -> set[str]:
        """Return which of the credentials still open anything."""
        alive = set()
        for name, headers in self.credentials.items():
            seen = client.get("/api/auth/get-session", headers=headers)
            assert seen.status_code == 200
            tasks = client.get(f"/api/{self.user_id}/tasks", headers=headers)
            assert tasks.status_code == (200 if seen.json and name != "cookie" else 401)
            alive |= {name} if seen.json else set()
        return alive

    def opens_at(self, url: str) -> set[str]:
        """Return the same of a running service, each question on a connection of its own."""
        alive = set()
        for name, headers in self.credentials.items():
            seen = requests.get(f"{url}/api/auth/get-session", headers=headers, timeout=10)
            assert seen.status_code == 200
            tasks = requests.get(f"{url}/api/{self.user_id}/tasks", headers=headers, timeout=10)
            assert tasks.status_code == (200 if seen.json() and name != "cookie" else 401)
            alive |= {name} if seen.json() else set()
        return alive


ALL = {"jwt", "opaque", "cookie"}
NONE: set[str] = set()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def sign_in(actor: Actor, password: str = PASSWORD, **members: Any) -> SignIn:
    """Open one more session of the user."""
    account = {"email": actor.email, "password": password, **members}
    response = actor.client.post("/api/auth/sign-in/email", json=account)
    assert response.status_code == 200, response.text
    return SignIn.of(response.get_json(), response.headers)


def sign_up_at(url: str, email: str) -> SignIn:
    """Make an account at a running service."""
    response = requests.post(f"{url}/api/auth/sign-up/email", data={"email": email, "password": PASSWORD}, timeout=10)
    assert response.status_code == 200, response.text
    return SignIn.of(response.json(), response.headers)


def sign_in_at(url: str, email: str) -> SignIn:
    """Open one more session at a running service."""
    response = requests.post(f"{url}/api/auth/sign-in/email", data={"email": email, "password": PASSWORD}, timeout=10)
    assert response.status_code == 200, response.text
    return SignIn.of(response.json(), response.headers)
