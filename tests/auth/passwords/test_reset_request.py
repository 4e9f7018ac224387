"""The request of a password reset: who gets a link, and where the link leads."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.accounts import insert_external_user, new_email
from tests.support.databases import application, execute
from tests.support.mailed_links import follow, mailed_links, mails
from tests.support.password_resets import request_reset, reset, token_of
from tests.support.problems import status_and_code
from tests.support.statements import record_statements

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from tests.support.actors import Actor

AUTH = "/api/auth"


@pytest.fixture
def app(database: str, mbox: Path) -> Flask:
    """Return the application with a file for its mails."""
    return application(database, mail_url=f"file://{mbox}", app_name="Ada's list")


def test_a_request_is_the_same_with_and_without_an_account(alice: Actor, mbox: Path) -> None:
    """The response is the same, after the same number of statements."""
    results = []
    for email in (alice.email, f"x{alice.email}", alice.email.upper()):
        with record_statements() as statements:
            response = alice.client.post(f"{AUTH}/request-password-reset", json={"email": email})
        varying = {"Date", "RateLimit", "X-Request-Id"}
        headers = [(name, value) for name, value in response.headers if name not in varying]
        results.append((response.status_code, response.text, headers, len(statements)))
    assert results[0] == results[1] == results[2]
    assert results[0][3] == 2  # the reset, and the rate limit
    assert [mail["To"] for mail in mails(mbox)] == [alice.email] * 2


def test_an_external_user_gets_no_link(database: str, alice: Actor, mbox: Path) -> None:
    email = new_email()
    insert_external_user(database, email)
    response = alice.client.post(f"{AUTH}/request-password-reset", json={"email": email})
    assert (response.status_code, mails(mbox)) == (200, [])


def test_without_mail_reset_is_disabled(database: str, alice: Actor) -> None:
    client = application(database).test_client(use_cookies=False)
    for email in (alice.email, "nobody@example.com"):
        response = client.post(f"{AUTH}/request-password-reset", json={"email": email})
        assert status_and_code(response) == (400, "RESET_PASSWORD_DISABLED")
    assert execute(database, "SELECT count(*) FROM password_resets WHERE user_id = %s", alice.id) == [(0,)]


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "", "tasks"])
def test_a_link_redirects_to_no_untrusted_page(database: str, alice: Actor, mbox: Path, target: str) -> None:
    response = request_reset(alice, redirectTo=target)
    assert status_and_code(response) == (403, "INVALID_REDIRECT_URL")
    assert execute(database, "SELECT count(*) FROM password_resets WHERE user_id = %s", alice.id) == [(0,)]
    followed = alice.client.get(f"{AUTH}/reset-password/x", query_string={"callbackURL": target})
    assert status_and_code(followed) == (403, "INVALID_CALLBACK_URL")
    assert mails(mbox) == []


@pytest.mark.parametrize("host", ["evil.example", "localhost:3000"])
def test_the_host_header_does_not_change_the_mailed_link(alice: Actor, mbox: Path, host: str) -> None:
    headers = {"Host": host, "X-Forwarded-Host": host}
    alice.client.post(f"{AUTH}/request-password-reset", json={"email": alice.email}, headers=headers)
    (link,) = mailed_links(mbox)
    assert link.startswith("http://localhost:8000/")


@pytest.mark.parametrize(
    ("callback", "location"),
    [
        (None, "/?token={}"),
        ("/new", "/new?token={}"),
        ("/new?lang=en", "/new?lang=en&token={}"),
        ("/new#form", "/new?token={}#form"),
        ("/new?lang=en#form", "/new?lang=en&token={}#form"),
        ("https://app.example.com", "https://app.example.com?token={}"),
        ("http://localhost:3000/new?x=%26", "http://localhost:3000/new?x=%26&token={}"),
        ("/\u00fc", "/%C3%BC?token={}"),
    ],
)
def test_a_link_redirects_with_its_token(alice: Actor, mbox: Path, callback: str | None, location: str) -> None:
    assert request_reset(alice, **({} if callback is None else {"redirectTo": callback})).status_code == 200
    (link,) = mailed_links(mbox)
    assert parse_qs(urlsplit(link).query) == {"callbackURL": [callback or "/"]}
    followed, token = follow(alice.client, link), token_of(link)
    assert (followed.status_code, followed.headers["Location"]) == (302, location.format(token))
    assert followed.headers["Cache-Control"] == "no-store"
    # Following the link does not use the token.
    assert reset(alice, token).status_code == 200


@pytest.mark.parametrize("email", ["", "x", "a@b", None, 7, "a\0b@example.com"])
def test_a_request_for_an_invalid_email_is_rejected(alice: Actor, email: object) -> None:
    response = alice.client.post(f"{AUTH}/request-password-reset", json={"email": email})
    assert status_and_code(response) == (400, "VALIDATION_ERROR")
