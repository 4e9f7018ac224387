"""The routes about social providers answer as a Better Auth server without providers does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.accounts import shift_session
from tests.support.credentials import bearer, sign_in
from tests.support.problems import status_and_code

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.actors import Actor

AUTH = "/api/auth"
INVALID = (400, "VALIDATION_ERROR")
EVIL = "https://evil.example"

SIGN_IN: list[tuple[Any, tuple[int, str]]] = [
    ({"provider": "google"}, (404, "PROVIDER_NOT_FOUND")),
    ({"provider": "", "scopes": ["x"]}, (404, "PROVIDER_NOT_FOUND")),
    ({"provider": "google", "idToken": {"token": "x"}, "callbackURL": "/x"}, (404, "PROVIDER_NOT_FOUND")),
    ({"provider": 1}, INVALID),
    ({}, INVALID),
    ([], INVALID),
    ({"provider": "google", "callbackURL": EVIL}, (403, "INVALID_CALLBACK_URL")),
    ({"provider": "google", "errorCallbackURL": EVIL}, (403, "INVALID_ERROR_CALLBACK_URL")),
    ({"provider": "google", "newUserCallbackURL": EVIL}, (403, "INVALID_NEW_USER_CALLBACK_URL")),
]


@pytest.mark.parametrize("path", ["sign-in/social", "link-social"])
@pytest.mark.parametrize(("body", "expected"), SIGN_IN)
def test_no_provider_is_configured(alice: Actor, path: str, body: object, expected: tuple[int, str]) -> None:
    response = alice.client.post(f"{AUTH}/{path}", json=body, headers=bearer(alice.token))
    assert status_and_code(response) == expected
    assert "Set-Cookie" not in response.headers


SELECTIONS: list[tuple[Any, str]] = [
    ({"accountId": "{own}"}, "PROVIDER_NOT_SUPPORTED"),
    ({"accountId": "{own}", "userId": "x"}, "PROVIDER_NOT_SUPPORTED"),
    ({"accountId": "another"}, "ACCOUNT_NOT_FOUND"),
    ({"useAccountCookie": True}, "ACCOUNT_NOT_FOUND"),
    ({"useAccountCookie": False}, "VALIDATION_ERROR"),
    ({"accountId": "{own}", "useAccountCookie": True}, "VALIDATION_ERROR"),
    ({"accountId": "{own}", "x": 1}, "VALIDATION_ERROR"),
    ({"accountId": 1}, "VALIDATION_ERROR"),
    ({}, "VALIDATION_ERROR"),
    ([], "VALIDATION_ERROR"),
]


@pytest.mark.parametrize("path", ["get-access-token", "refresh-token"])
@pytest.mark.parametrize(("body", "code"), SELECTIONS)
def test_there_are_no_tokens_of_a_provider(alice: Actor, path: str, body: Any, code: str) -> None:
    if isinstance(body, dict) and body.get("accountId") == "{own}":
        body = {**body, "accountId": alice.id}
    response = alice.client.post(f"{AUTH}/{path}", json=body, headers=bearer(alice.token))
    assert status_and_code(response) == (400, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("accountId={own}", "PROVIDER_NOT_CONFIGURED"),
        ("accountId=another", "ACCOUNT_NOT_FOUND"),
        ("", "VALIDATION_ERROR"),
        ("accountId=a&x=1", "VALIDATION_ERROR"),
        ("useAccountCookie=true", "VALIDATION_ERROR"),
    ],
)
def test_there_is_no_profile_of_a_provider(alice: Actor, query: str, code: str) -> None:
    path = f"{AUTH}/account-info?{query.format(own=alice.id)}"
    assert status_and_code(alice.client.get(path, headers=bearer(alice.token))) == (400, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"accountId": "{own}"}, "FAILED_TO_UNLINK_LAST_ACCOUNT"),
        ({"accountId": "another"}, "FAILED_TO_UNLINK_LAST_ACCOUNT"),
        ({}, "VALIDATION_ERROR"),
        ({"accountId": 1}, "VALIDATION_ERROR"),
    ],
)
def test_the_last_account_cannot_be_unlinked(alice: Actor, body: dict[str, Any], code: str) -> None:
    body = {name: alice.id if value == "{own}" else value for name, value in body.items()}
    response = alice.client.post(f"{AUTH}/unlink-account", json=body, headers=bearer(alice.token))
    assert status_and_code(response) == (400, code)


def test_unlinking_requires_a_fresh_session(database: str, alice: Actor) -> None:
    old = sign_in(alice)
    shift_session(database, old, created_at="-25 hours")
    response = alice.client.post(f"{AUTH}/unlink-account", json={"accountId": "x"}, headers=old.jwt)
    assert status_and_code(response) == (403, "SESSION_NOT_FRESH")


@pytest.mark.parametrize(
    ("query", "error"),
    [("", "state_not_found"), ("?code=x", "state_not_found"), ("?code=x&state=y", "state_mismatch")],
)
def test_a_providers_redirect_leads_to_the_error_page(client: FlaskClient, query: str, error: str) -> None:
    response = client.get(f"{AUTH}/callback/google{query}")
    location = response.headers["Location"]
    assert (response.status_code, location) == (302, f"http://localhost:8000/api/auth/error?error={error}")
    page = client.get(location.removeprefix("http://localhost:8000"))
    assert (page.status_code, error in page.text) == (200, True)


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_a_providers_form_becomes_a_query(client: FlaskClient, encoding: str) -> None:
    fields = {"code": "c d", "state": "s", "foo": "x"}
    response = client.post(f"{AUTH}/callback/google?iss=i&bar=x", **{encoding: fields})
    assert response.status_code == 302
    parts = urlsplit(response.headers["Location"])
    assert (parts.path, parts.query) == (f"{AUTH}/callback/google", "code=c+d&state=s&iss=i")


def test_a_providers_path_is_encoded_in_the_redirect(client: FlaskClient) -> None:
    location = client.post(f"{AUTH}/callback/a%0d%0aX: y%3F%23", data={}).headers["Location"]
    assert urlsplit(location).path.startswith(f"{AUTH}/callback/a%0D%0AX")
    assert not urlsplit(location).fragment
