"""Sign-in by a form (the seed's dialect) and by JSON (Better Auth's), and sign-out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import SEED_PASSWORD, insert_seed_account, new_email
from tests.support.actors import PASSWORD

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.actors import Actor


SIGN_IN = "/api/auth/sign-in/email"


@pytest.mark.parametrize("encoding", ["data", "json"])
@pytest.mark.parametrize("known", [True, False], ids=["with an account", "without an account"])
def test_wrong_credentials_are_401_with_and_without_an_account(alice: Actor, encoding: str, *, known: bool) -> None:
    account = {"email": alice.email if known else new_email(), "password": "not the password"}
    response = alice.client.post(SIGN_IN, **{encoding: account})
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid credentials")
    assert response.get_json()["code"] == "INVALID_EMAIL_OR_PASSWORD"
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_token_of_a_sign_in_gives_access_to_tasks(alice: Actor) -> None:
    response = alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD})
    assert response.get_json()["user"]["id"] == alice.id
    alice.token = response.get_json()["token"]
    assert alice.get("/tasks").status_code == 200


def test_an_account_of_the_seed_can_sign_in(database: str, client: FlaskClient) -> None:
    email = insert_seed_account(database)
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    assert client.post(SIGN_IN, data={"email": email, "password": "password124"}).status_code == 401


def test_sign_out_always_succeeds(client: FlaskClient) -> None:
    bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"data": "x"}]
    for options in bodies:
        response = client.post("/api/auth/sign-out", **options)
        assert response.status_code == 200
        assert response.json == {"success": True, "message": "Signed out successfully"}


def test_responses_with_tokens_are_not_stored_by_caches(alice: Actor) -> None:
    response = alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD})
    assert response.headers["Cache-Control"] == "no-store"
