"""Sign-up and sign-in with REQUIRE_EMAIL_VERIFICATION."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import new_email
from tests.support.actors import PASSWORD
from tests.support.databases import application, execute
from tests.support.mailed_links import follow, location_of, mailed_links, mails, query_of, subjects_by_recipient
from tests.support.problems import status_and_code
from tests.support.statements import record_statements

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

SIGN_UP, SIGN_IN = "/api/auth/sign-up/email", "/api/auth/sign-in/email"
VERIFY_MAIL, EXISTS_MAIL = "Verify your e-mail address", "You already have an account"


@pytest.fixture
def client(strict_app: Flask) -> FlaskClient:
    return strict_app.test_client(use_cookies=False)


def account(email: str, **fields: Any) -> dict[str, Any]:
    return {"email": email, "password": PASSWORD, **fields}


def without_varying_values(response: TestResponse) -> tuple[Any, ...]:
    """Return all of a response to a sign-up but the new id and times, which any sign-up has."""
    body = response.get_json()
    user = body["user"]
    assert uuid.UUID(user.pop("id")).version == 4
    assert user.pop("createdAt") == user.pop("updatedAt")
    headers = [(name, value) for name, value in response.headers if name not in {"Date", "RateLimit", "X-Request-Id"}]
    return response.status_code, body, headers


def test_sign_up_opens_no_session_until_the_address_is_verified(client: FlaskClient, mbox: Path) -> None:
    email = new_email()
    signed_up = client.post(SIGN_UP, json=account(email, name="Ada", callbackURL="/welcome"))
    assert signed_up.status_code == 200
    body = signed_up.get_json()
    assert set(body) == {"token", "user"}
    assert body["token"] is None
    assert not {"Set-Cookie", "set-auth-token"} & set(signed_up.headers.keys())
    assert status_and_code(client.post(SIGN_IN, json=account(email))) == (403, "EMAIL_NOT_VERIFIED")
    first, second = mailed_links(mbox)
    assert query_of(first)["callbackURL"] == "/welcome"
    assert location_of(follow(client, first)) == "/welcome"
    signed_in = client.post(SIGN_IN, json=account(email)).get_json()
    assert signed_in["user"] == {**body["user"], "emailVerified": True, "updatedAt": signed_in["user"]["updatedAt"]}
    assert location_of(follow(client, second)) == "/"


@pytest.mark.shows("ASVS 6.3.8", "Better Auth unknown e-mail")
@pytest.mark.parametrize("encoding", ["json", "data"])
def test_sign_up_tells_nothing_about_who_exists(client: FlaskClient, database: str, mbox: Path, encoding: str) -> None:
    unverified, verified, fresh = new_email(), new_email(), new_email()
    for email in (unverified, verified):
        client.post(SIGN_UP, json=account(email))
    execute(database, "UPDATE users SET email_verified = true WHERE email = %s", verified)
    results = []
    for email in (fresh, unverified, verified):
        fields = account(email.upper(), name="Eve", image="https://example.com/eve.png")
        with record_statements() as statements:
            response = client.post(SIGN_UP, **{encoding: fields})
        status, body, headers = without_varying_values(response)
        assert body["user"].pop("email") == email
        results.append((status, body, headers, statements))
    assert results[0] == results[1] == results[2]
    assert subjects_by_recipient(mbox)[2:] == [
        (fresh, VERIFY_MAIL),
        (unverified, VERIFY_MAIL),
        (verified, EXISTS_MAIL),
    ]
    rows = execute(database, "SELECT name, image FROM users WHERE email = %s", verified)
    assert rows == [(verified.partition("@")[0], None)]


def test_a_second_sign_up_changes_nothing_of_the_account(client: FlaskClient, database: str) -> None:
    email = new_email()
    client.post(SIGN_UP, json=account(email))
    select = "SELECT * FROM users WHERE email = %s"
    before = execute(database, select, email)
    second = client.post(SIGN_UP, json=account(email, password="another correct horse", name="Eve"))
    assert second.status_code == 200
    assert execute(database, select, email) == before
    assert second.get_json()["user"]["id"] != before[0][0]


def test_parallel_sign_ups_create_one_account(strict_app: Flask, database: str) -> None:
    email = new_email()
    with ThreadPoolExecutor(8) as pool:
        posts = [
            pool.submit(lambda: strict_app.test_client(use_cookies=False).post(SIGN_UP, json=account(email)))
            for _ in range(6)
        ]
        assert {post.result().status_code for post in posts} == {200}
    assert execute(database, "SELECT count(*) FROM users WHERE email = %s", email) == [(1,)]


@pytest.mark.parametrize("existing", [False, True])
def test_an_invalid_password_is_rejected_for_every_address(client: FlaskClient, existing: bool) -> None:  # noqa: FBT001
    email = new_email()
    if existing:
        client.post(SIGN_UP, json=account(email))
    response = client.post(SIGN_UP, json={"email": email, "password": "short"})
    assert status_and_code(response) == (400, "PASSWORD_TOO_SHORT")


def test_a_wrong_password_does_not_tell_whether_the_address_is_verified(client: FlaskClient, mbox: Path) -> None:
    email = new_email()
    client.post(SIGN_UP, json=account(email))
    for address in (email, new_email()):
        response = client.post(SIGN_IN, json={"email": address, "password": "wrong horse nine"})
        assert status_and_code(response) == (401, "INVALID_EMAIL_OR_PASSWORD")
    assert len(mails(mbox)) == 1


def test_a_sign_in_mails_the_link_again_within_limits(client: FlaskClient, mbox: Path) -> None:
    email = new_email()
    client.post(SIGN_UP, json=account(email))
    for _ in range(7):
        response = client.post(SIGN_IN, json=account(email, callbackURL="/in"))
        assert status_and_code(response) == (403, "EMAIL_NOT_VERIFIED")
    links = mailed_links(mbox)
    assert [query_of(link)["callbackURL"] for link in links] == ["/"] + ["/in"] * 4
    follow(client, links[-1])
    assert client.post(SIGN_IN, json=account(email)).status_code == 200


def test_sign_up_beyond_the_limit_of_mails_still_tells_nothing(client: FlaskClient, mbox: Path) -> None:
    email = new_email()
    responses = [client.post(SIGN_UP, json=account(email)) for _ in range(7)]
    assert {response.status_code for response in responses} == {200}
    assert len(mails(mbox)) == 5


def test_without_mail_sign_up_creates_an_account_that_an_operator_verifies(database: str) -> None:
    app = application(database, require_email_verification=True)
    client = app.test_client(use_cookies=False)
    email = new_email()
    assert client.post(SIGN_UP, json=account(email)).get_json()["token"] is None
    assert status_and_code(client.post(SIGN_IN, json=account(email))) == (403, "EMAIL_NOT_VERIFIED")
    result = app.test_cli_runner().invoke(args=["users", "verify", email.upper()])
    assert (result.exit_code, result.stdout) == (0, f"Verified {email}.\n")
    assert client.post(SIGN_IN, json=account(email)).status_code == 200


def test_sessions_from_before_stay_valid(client: FlaskClient, alice: Actor) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    assert client.get(f"/api/{alice.id}/tasks", headers=headers).status_code == 200


def test_by_default_sign_up_needs_no_verification(alice: Actor, mbox: Path) -> None:
    assert alice.get("/tasks").status_code == 200
    assert mails(mbox) == []
