"""Verification of an e-mail address by a mailed link."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from server.setting_parsers.mail import mail_url
from tests.support.accounts import insert_external_user, new_email
from tests.support.credentials import bearer, sign_in
from tests.support.databases import CONFIG, application, execute
from tests.support.mail import Inbox, smtp_server
from tests.support.mailed_links import follow, links_of, location_of, mailed_links, mails, query_of
from tests.support.problems import status_and_code
from tests.support.statements import record_statements
from todo_api.auth.verification.link_tokens import LinkClaims, issue
from todo_api.clock import now
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

AUTH = "/api/auth"
SECRET = CONFIG.better_auth_secret


def request_link(client: FlaskClient, email: str, **options: Any) -> TestResponse:
    fields = options.pop("fields", {})
    return client.post(f"{AUTH}/send-verification-email", json={"email": email, **fields}, **options)


def verify(client: FlaskClient, token: str, **query: str) -> TestResponse:
    return client.get(f"{AUTH}/verify-email", query_string={"token": token, **query})


def token_for(actor: Actor, *, generation: int = 0, secret: str = SECRET, age: timedelta = timedelta()) -> str:
    claims = LinkClaims(actor.id, generation)
    return issue(claims, "verify-email", secret=secret, now=now() - age, ttl=timedelta(hours=1))


def is_verified(actor: Actor) -> bool:
    user = actor.client.get(f"{AUTH}/get-session", headers=bearer(actor.token)).get_json()["user"]
    return bool(user["emailVerified"])


def test_a_mailed_link_verifies_the_address(alice: Actor, mbox: Path) -> None:
    response = request_link(alice.client, alice.email, fields={"callbackURL": "/welcome"})
    assert (response.status_code, response.get_json()) == (200, {"status": True})
    (mail,) = mails(mbox)
    assert (mail["To"], mail["Subject"]) == (alice.email, "Verify your e-mail address")
    assert "Ada's list" in mail.get_content()
    (link,) = links_of(mail)
    assert link.startswith("http://localhost:8000/api/auth/verify-email?token=")
    assert query_of(link)["callbackURL"] == "/welcome"
    assert not is_verified(alice)
    followed = follow(alice.client, link)
    assert location_of(followed) == "/welcome"
    assert is_verified(alice)


@pytest.mark.shows("Better Auth link sessions")
def test_a_link_opens_no_session(alice: Actor) -> None:
    for query in ({}, {"callbackURL": "/"}):
        response = verify(alice.client, token_for(alice), **query)
        assert not {"Set-Cookie", "set-auth-token"} & set(response.headers.keys())


@pytest.mark.shows("Better Auth links")
def test_a_link_works_again_so_that_a_mail_scanner_does_not_use_it_up(alice: Actor, database: str) -> None:
    token = token_for(alice)
    state = "SELECT email_verified, updated_at FROM users WHERE id = %s"
    responses = [verify(alice.client, token)]
    first = execute(database, state, alice.id)
    responses += [alice.client.head(f"{AUTH}/verify-email?token={token}"), verify(alice.client, token)]
    assert [response.status_code for response in responses] == [200, 200, 200]
    assert responses[0].get_json() == responses[2].get_json() == {"status": True, "user": None}
    assert execute(database, state, alice.id) == first
    assert location_of(verify(alice.client, token, callbackURL="/done")) == "/done"


def test_twenty_parallel_uses_of_one_link_all_succeed(app: Flask, alice: Actor) -> None:
    token = token_for(alice)
    with ThreadPoolExecutor(20) as pool:
        uses = [pool.submit(lambda: verify(app.test_client(use_cookies=False), token)) for _ in range(20)]
        assert {use.result().status_code for use in uses} == {200}
    assert is_verified(alice)


def test_the_default_callback_is_the_root_of_the_service(database: str, alice: Actor, mbox: Path) -> None:
    url = "https://example.com/todo"
    client = application(database, mail_url=f"file://{mbox}", better_auth_url=url).test_client(use_cookies=False)
    request_link(client, alice.email)
    (link,) = mailed_links(mbox)
    assert link.startswith(f"{url}/api/auth/verify-email?")
    assert query_of(link)["callbackURL"] == "/todo/"


def test_the_link_is_mailed_by_smtp_and_not_logged(
    database: str, alice: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        client = application(database, mail_url=mail_url(f"smtp://127.0.0.1:{port}")).test_client(use_cookies=False)
        assert request_link(client, alice.email).status_code == 200
        outbox.queue.join()
    (mail,) = inbox.messages
    (link,) = links_of(mail)
    assert follow(client, link).status_code == 302
    assert is_verified(alice)
    assert query_of(link)["token"] not in caplog.text


def test_the_link_has_no_address_of_the_user(alice: Actor, mbox: Path) -> None:
    request_link(alice.client, alice.email)
    (link,) = mailed_links(mbox)
    assert alice.email not in link


@pytest.mark.parametrize(
    ("age", "code"), [(timedelta(minutes=59), None), (timedelta(hours=1, seconds=1), "TOKEN_EXPIRED")]
)
def test_a_link_is_valid_for_an_hour(alice: Actor, age: timedelta, code: str | None) -> None:
    response = verify(alice.client, token_for(alice, age=age))
    assert (response.status_code, response.get_json().get("code")) == (401 if code else 200, code)
    assert is_verified(alice) == (code is None)


@pytest.mark.shows("Better Auth secrets")
def test_the_previous_secret_still_verifies(database: str, alice: Actor) -> None:
    token = token_for(alice, secret="the secret before this one, long enough")
    assert status_and_code(verify(alice.client, token)) == (401, "INVALID_TOKEN")
    app = application(database, better_auth_secret_previous="the secret before this one, long enough")
    assert verify(app.test_client(use_cookies=False), token).status_code == 200
    assert is_verified(alice)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\0", "é", "A" * 10_000])
def test_a_malformed_token_is_invalid(alice: Actor, token: str) -> None:
    response = verify(alice.client, token)
    assert status_and_code(response) == (401, "INVALID_TOKEN")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert location_of(verify(alice.client, token, callbackURL="/x?a=1#f")) == "/x?a=1&error=INVALID_TOKEN#f"
    assert not is_verified(alice)


def test_tokens_of_other_kinds_are_invalid(alice: Actor) -> None:
    deletion = issue(LinkClaims(alice.id, 0), "delete-user", secret=SECRET, now=now(), ttl=timedelta(hours=1))
    for token in (deletion, alice.token, alice.refresh_token, sign_in(alice).signed):
        assert status_and_code(verify(alice.client, token)) == (401, "INVALID_TOKEN")
    assert not is_verified(alice)


def test_a_link_of_a_deleted_user_or_another_address_finds_no_user(database: str, alice: Actor, bob: Actor) -> None:
    assert status_and_code(verify(alice.client, token_for(alice, generation=1))) == (401, "USER_NOT_FOUND")
    execute(database, "DELETE FROM users WHERE id = %s", bob.id)
    assert status_and_code(verify(alice.client, token_for(bob))) == (401, "USER_NOT_FOUND")
    location = location_of(verify(alice.client, token_for(bob), callbackURL="http://localhost:3000/x"))
    assert location == "http://localhost:3000/x?error=USER_NOT_FOUND"


def test_a_link_without_its_token_is_400(alice: Actor) -> None:
    for query in ("", "?callbackURL=/"):
        response = alice.client.get(f"{AUTH}/verify-email{query}")
        assert status_and_code(response) == (400, "VALIDATION_ERROR")
        assert response.get_json()["errors"][0]["parameter"] == "token"


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "tasks"])
def test_a_link_redirects_to_no_untrusted_page(alice: Actor, mbox: Path, target: str) -> None:
    response = request_link(alice.client, alice.email, fields={"callbackURL": target})
    assert status_and_code(response) == (403, "INVALID_CALLBACK_URL")
    for token in ("x", token_for(alice)):
        assert status_and_code(verify(alice.client, token, callbackURL=target)) == (403, "INVALID_CALLBACK_URL")
    assert mails(mbox) == []
    assert not is_verified(alice)


@pytest.mark.shows("ASVS 6.3.8")
def test_a_request_is_the_same_with_and_without_an_unverified_account(
    database: str, alice: Actor, bob: Actor, mbox: Path
) -> None:
    """The response is the same, after the same number of statements."""
    execute(database, "UPDATE users SET email_verified = true WHERE id = %s", bob.id)
    external = new_email()
    insert_external_user(database, external)
    results = []
    for email in (alice.email, alice.email.upper(), bob.email, new_email(), external):
        with record_statements() as statements:
            response = request_link(alice.client, email)
        varying = {"Date", "RateLimit", "X-Request-Id"}
        headers = [(name, value) for name, value in response.headers if name not in varying]
        results.append((response.status_code, response.text, headers, statements))
    assert all(result == results[0] for result in results)
    assert [mail["To"] for mail in mails(mbox)] == [alice.email] * 2


def test_a_session_asks_for_its_own_unverified_address_only(alice: Actor, bob: Actor, mbox: Path) -> None:
    headers = bearer(alice.token)
    assert status_and_code(request_link(alice.client, bob.email, headers=headers)) == (400, "EMAIL_MISMATCH")
    assert request_link(alice.client, alice.email.upper(), headers=headers).status_code == 200
    (link,) = mailed_links(mbox)
    follow(alice.client, link)
    again = request_link(alice.client, alice.email, headers=headers)
    assert status_and_code(again) == (400, "EMAIL_ALREADY_VERIFIED")


def test_mails_to_one_address_are_limited(alice: Actor, mbox: Path) -> None:
    responses = [request_link(alice.client, alice.email) for _ in range(7)]
    assert [response.status_code for response in responses] == [200] * 5 + [429] * 2
    assert "Retry-After" in responses[-1].headers
    reset = alice.client.post(f"{AUTH}/request-password-reset", json={"email": alice.email})
    assert reset.status_code == 429
    assert len(mails(mbox)) == 5


def test_without_mail_verification_is_disabled(database: str, alice: Actor) -> None:
    client = application(database).test_client(use_cookies=False)
    for email in (alice.email, new_email()):
        assert status_and_code(request_link(client, email)) == (400, "VERIFICATION_EMAIL_NOT_ENABLED")


@pytest.mark.parametrize("body", [{}, {"email": ""}, {"email": "x"}, {"email": 7}, {"email": None}, [], "x"])
def test_an_invalid_request_is_400(alice: Actor, body: object) -> None:
    response = alice.client.post(f"{AUTH}/send-verification-email", json=body)
    assert status_and_code(response) == (400, "VALIDATION_ERROR")


def test_a_password_reset_verifies_the_address_too(alice: Actor, mbox: Path) -> None:
    alice.client.post(f"{AUTH}/request-password-reset", json={"email": alice.email})
    token = urlsplit(mailed_links(mbox)[0]).path.rpartition("/")[2]
    body = {"token": token, "newPassword": "a new correct horse"}
    assert alice.client.post(f"{AUTH}/reset-password", json=body).status_code == 200
    account = {"email": alice.email, "password": "a new correct horse"}
    assert alice.client.post(f"{AUTH}/sign-in/email", json=account).get_json()["user"]["emailVerified"] is True
