"""Sign-up: the new user, its unique e-mail address, and its password."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.support.accounts import new_email
from tests.support.actors import PASSWORD
from tests.support.databases import CONFIG, execute
from tests.support.timestamps import TIMESTAMP

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.actors import Actor

SIGN_UP = "/api/auth/sign-up/email"
SIGN_IN = "/api/auth/sign-in/email"


@pytest.mark.parametrize("encoding", ["data", "json", "multipart"])
def test_sign_up_returns_the_user_and_tokens(client: FlaskClient, encoding: str) -> None:
    email = new_email()
    account = {"email": email, "password": PASSWORD, "name": "Ada"}
    options: dict[str, Any] = {"data": account, "content_type": "multipart/form-data"}
    response = client.post(SIGN_UP, **(options if encoding == "multipart" else {encoding: account}))
    body = response.get_json()
    assert response.status_code == 200
    assert list(body) == ["user", "token", "refresh_token", "token_type", "expires_in", "redirect"]
    user = body["user"]
    assert list(user) == ["id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"]
    assert uuid.UUID(user["id"]).version == 4
    assert (user["email"], user["name"], user["emailVerified"], user["image"]) == (email, "Ada", False, None)
    assert re.fullmatch(TIMESTAMP, user["createdAt"])
    assert (body["token_type"], body["expires_in"], body["redirect"]) == ("bearer", 3600, False)
    for token, use, seconds in ((body["token"], "access", 3600), (body["refresh_token"], "refresh", 30 * 86_400)):
        claims = jwt.decode(token, CONFIG.better_auth_secret, ["HS256"])
        assert (claims["sub"], claims["email"], claims["type"]) == (user["id"], email, use)
        assert claims["exp"] - claims["iat"] == seconds


@pytest.mark.parametrize("name", [None, ""])
def test_the_default_name_is_the_local_part_of_the_email(client: FlaskClient, name: str | None) -> None:
    email = new_email()
    form = {"email": email, "password": PASSWORD} | ({} if name is None else {"name": name})
    response = client.post(SIGN_UP, data=form)
    assert response.get_json()["user"]["name"] == email.partition("@")[0]


@pytest.mark.parametrize(
    ("email", "normalized"),
    [
        ("  {}@example.com ", "{}@example.com"),
        ("{}@EXAMPLE.com", "{}@example.com"),
        ("{}.ADA@example.com", "{}.ada@example.com"),
        ("{}@b\u00fccher.example", "{}@b\u00fccher.example"),
        ("{}.e\u0301@example.com", "{}.\u00e9@example.com"),
        ("{}.stra\u00dfe@stra\u00dfe.example", "{}.strasse@stra\u00dfe.example"),
        ("{}.\u13a0\u13a1@example.com", "{}.\u13a0\u13a1@example.com"),
        ("{}@home.local", "{}@home.local"),
    ],
)
def test_an_email_is_normalized_and_unique(client: FlaskClient, email: str, normalized: str) -> None:
    unique = uuid.uuid4().hex
    created = client.post(SIGN_UP, data={"email": email.format(unique), "password": PASSWORD})
    assert created.get_json()["user"]["email"] == normalized.format(unique)
    for twin in (email.format(unique), normalized.format(unique)):
        assert client.post(SIGN_UP, data={"email": twin, "password": PASSWORD}).status_code == 400
        assert client.post(SIGN_IN, data={"email": twin, "password": PASSWORD}).status_code == 200


def test_similar_domains_are_different_emails(client: FlaskClient) -> None:
    name = uuid.uuid4().hex
    for domain in ("stra\u00dfe.example", "strasse.example"):
        assert client.post(SIGN_UP, data={"email": f"{name}@{domain}", "password": PASSWORD}).status_code == 200


def test_a_taken_email_is_400_to_a_form_and_422_to_json(alice: Actor) -> None:
    account = {"email": alice.email.upper(), "password": PASSWORD}
    seed, better_auth = alice.client.post(SIGN_UP, data=account), alice.client.post(SIGN_UP, json=account)
    assert (seed.status_code, seed.get_json()["detail"]) == (400, "Email already registered")
    assert better_auth.status_code == better_auth.get_json()["status"] == 422
    assert better_auth.get_json()["code"] == "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
    assert better_auth.get_json()["message"] == "User already exists. Use another email."


def test_a_unique_index_rejects_a_second_account(database: str, alice: Actor) -> None:
    with pytest.raises(Exception, match="uq_users_local_email"):
        execute(
            database,
            "INSERT INTO users (id, email, password_hash, name) VALUES ('twin', %s, '', '')",
            alice.email.upper(),
        )


def test_a_new_password_has_at_least_eight_code_points(client: FlaskClient) -> None:
    for password, status in (("1234567", 422), ("12345678", 200), ("\U0001f600" * 7, 422), ("\U0001f600" * 128, 200)):
        assert client.post(SIGN_UP, data={"email": new_email(), "password": password}).status_code == status


@pytest.mark.parametrize(
    "text",
    ["\uff4b\uff41\uff54\uff45@example.com", "\ufb01ona@example.com", "kate@ex\uff41mple.com", "\u2460@example.com"],
)
@pytest.mark.parametrize("route", [SIGN_UP, SIGN_IN])
def test_an_address_that_looks_like_another_is_rejected(client: FlaskClient, route: str, text: str) -> None:
    account = {"email": text, "password": PASSWORD}
    for response, status in ((client.post(route, data=account), 422), (client.post(route, json=account), 400)):
        assert response.status_code == status
        assert response.get_json()["errors"][0]["pointer"] == "#/email"


def test_a_decomposed_address_is_the_composed_one(client: FlaskClient) -> None:
    name = new_email().partition("@")[0]
    composed, decomposed = (f"{letter}{name}@example.com" for letter in ("\u00e9", "e\u0301"))
    assert client.post(SIGN_UP, data={"email": decomposed, "password": PASSWORD}).status_code == 200
    assert client.post(SIGN_IN, data={"email": composed, "password": PASSWORD}).status_code == 200
    assert client.post(SIGN_UP, data={"email": composed, "password": PASSWORD}).status_code == 400


def test_read_only_fields_are_ignored(client: FlaskClient) -> None:
    extra = {"id": "mine", "emailVerified": True, "role": "admin", "createdAt": "2000-01-01T00:00:00.000Z"}
    response = client.post(SIGN_UP, json={"email": new_email(), "password": PASSWORD, **extra})
    user = response.get_json()["user"]
    assert user["id"] != "mine"
    assert user["emailVerified"] is False
    assert not user["createdAt"].startswith("2000")
