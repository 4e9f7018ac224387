"""Password reset by a mailed link that works once."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from server.setting_parsers.mail import mail_url
from tests.support.accounts import can_sign_in, insert_external_user, new_email, sign_in_during
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, sign_in
from tests.support.databases import application, execute
from tests.support.locks import locking, wait_for_lock
from tests.support.mail import Inbox, smtp_server
from tests.support.mailed_links import follow, links_of, mailed_links, mails
from tests.support.problems import status_and_code
from tests.support.statements import record_statements
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

AUTH = "/api/auth"
NEW = "a new " + PASSWORD


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    return tmp_path / "mails"


@pytest.fixture
def app(database: str, mbox: Path) -> Flask:
    """Return the application with a file for its mails."""
    return application(database, mail_url=f"file://{mbox}", app_name="Ada's list")


def request_reset(actor: Actor, **fields: Any) -> TestResponse:
    return actor.client.post(f"{AUTH}/request-password-reset", json={"email": actor.email, **fields})


def token_of(link: str) -> str:
    return urlsplit(link).path.rpartition("/")[2]


def new_token(actor: Actor, mbox: Path) -> str:
    """Request a reset, and return the mailed token."""
    assert request_reset(actor).status_code == 200
    return token_of(mailed_links(mbox)[-1])


def reset(actor: Actor, token: str, password: str = NEW) -> TestResponse:
    return actor.client.post(f"{AUTH}/reset-password", json={"token": token, "newPassword": password})


def is_invalid(response: TestResponse) -> bool:
    return status_and_code(response) == (400, "INVALID_TOKEN")


def test_the_link_is_mailed_by_smtp_and_not_logged(
    database: str, alice: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        app = application(database, mail_url=mail_url(f"smtp://127.0.0.1:{port}"))
        alice.client = app.test_client(use_cookies=False)
        assert request_reset(alice).status_code == 200
        outbox.queue.join()
    (mail,) = inbox.messages
    assert mail["To"] == alice.email
    (link,) = links_of(mail)
    token = token_of(link)
    assert reset(alice, token).get_json() == {"status": True}
    assert can_sign_in(alice, NEW)
    assert token not in caplog.text


def test_a_mailed_link_sets_a_new_password(alice: Actor, mbox: Path) -> None:
    response = request_reset(alice, redirectTo="/new-password")
    message = "If this email exists in our system, check your email for the reset link"
    assert (response.status_code, response.json) == (200, {"status": True, "message": message})
    (mail,) = mails(mbox)
    assert (mail["To"], mail["Subject"]) == (alice.email, "Reset your password")
    assert "Ada's list" in mail.get_content()
    (link,) = links_of(mail)
    assert link.startswith("http://localhost:8000/api/auth/reset-password/")
    assert link.endswith("?callbackURL=%2Fnew-password")
    token = token_of(link)
    followed = follow(alice.client, link)
    assert (followed.status_code, followed.headers["Location"]) == (302, f"/new-password?token={token}")
    done = reset(alice, token)
    assert (done.status_code, done.json) == (200, {"status": True})
    assert "set-auth-token" not in done.headers
    assert can_sign_in(alice, NEW)
    assert not can_sign_in(alice, PASSWORD)


def test_a_link_works_once_and_voids_the_others(alice: Actor, mbox: Path) -> None:
    first, second = new_token(alice, mbox), new_token(alice, mbox)
    assert reset(alice, second).status_code == 200
    assert is_invalid(reset(alice, second, "yet another password"))
    assert is_invalid(reset(alice, first, "yet another password"))
    assert can_sign_in(alice, NEW)


def test_a_link_works_for_an_hour(database: str, alice: Actor, mbox: Path) -> None:
    token = new_token(alice, mbox)
    lifetime = "SELECT expires_at - created_at FROM password_resets WHERE user_id = %s"
    assert [str(interval) for (interval,) in execute(database, lifetime, alice.id)] == ["1:00:00"]
    age = "UPDATE password_resets SET expires_at = expires_at - %s::interval WHERE user_id = %s"
    execute(database, age, "59 minutes", alice.id)
    assert "token=" in alice.client.get(f"{AUTH}/reset-password/{token}").headers["Location"]
    execute(database, age, "1 minute", alice.id)
    assert is_invalid(reset(alice, token))
    location = alice.client.get(f"{AUTH}/reset-password/{token}").headers["Location"]
    assert location == "/?error=INVALID_TOKEN"
    assert can_sign_in(alice, PASSWORD)


def test_only_a_hash_of_the_token_is_stored(database: str, alice: Actor, mbox: Path) -> None:
    secret = new_token(alice, mbox).partition("_")[0]
    select = "SELECT r::text, token_hash FROM password_resets r WHERE user_id = %s"
    ((row, stored),) = execute(database, select, alice.id)
    assert secret not in str(row)
    assert bytes(stored) == hashlib.sha256(secret.encode()).digest()  # type: ignore[call-overload]


def test_a_reset_ends_all_sessions_of_its_user_only(alice: Actor, bob: Actor, mbox: Path) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    assert reset(alice, new_token(alice, mbox)).status_code == 200
    assert session.accepted_credentials(alice.client) == other.accepted_credentials(alice.client) == NONE
    assert alice.get("/tasks").status_code == 401
    refreshed = alice.client.post(f"{AUTH}/refresh", data={"refresh_token": session.refresh})
    assert refreshed.status_code == 401
    assert bobs.accepted_credentials(bob.client) == ALL
    assert can_sign_in(bob, PASSWORD)


def test_concurrent_uses_of_one_token_set_one_password(app: Flask, alice: Actor, mbox: Path) -> None:
    token = new_token(alice, mbox)
    passwords = [f"password number {number}" for number in range(6)]

    def use(password: str) -> int:
        body = {"token": token, "newPassword": password}
        while True:
            response = app.test_client(use_cookies=False).post(f"{AUTH}/reset-password", json=body)
            if response.status_code != 429:
                return response.status_code
            time.sleep(0.01)

    with ThreadPoolExecutor(len(passwords)) as pool:
        statuses = list(pool.map(use, passwords))
    assert Counter(statuses) == {200: 1, 400: 5}
    assert [can_sign_in(alice, password) for password in passwords] == [status == 200 for status in statuses]


def test_a_used_token_stays_invalid_if_another_link_is_requested_meanwhile(
    database: str, alice: Actor, mbox: Path
) -> None:
    token = new_token(alice, mbox)
    with locking(database, "DELETE FROM password_resets WHERE user_id = %s", alice.id) as commit:
        new_token(alice, mbox)
        with ThreadPoolExecutor(1) as pool:
            response = pool.submit(reset, alice, token)
            wait_for_lock(database)
            commit()
            assert is_invalid(response.result())
    assert can_sign_in(alice, PASSWORD)


def test_a_sign_in_during_a_reset_gets_no_session_for_the_old_password(database: str, alice: Actor, mbox: Path) -> None:
    token = new_token(alice, mbox)
    assert sign_in_during(database, alice, PASSWORD, lambda: reset(alice, token)).status_code == 200
    assert execute(database, "SELECT count(*) FROM sessions WHERE user_id = %s", alice.id) == [(0,)]


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


INVALID_TOKENS = [
    *("", "x", "_", "{secret}", "{secret}_", "_{user}", "{zeros}_{user}", "{secret}_{other}", "{SECRET}_{user}"),
    *("{secret}_{user}x", "{secret}_{user}\u00e9", "9" * 100_000),
]


@pytest.mark.parametrize("shape", INVALID_TOKENS)
def test_an_invalid_token_sets_no_password(alice: Actor, bob: Actor, mbox: Path, shape: str) -> None:
    secret, _, user = new_token(alice, mbox).partition("_")
    token = shape.format(secret=secret, user=user, other=bob.id, zeros="0" * 64, SECRET=secret.upper() + "A")
    assert is_invalid(reset(alice, token))
    if token and len(token) < 1000:
        location = alice.client.get(f"{AUTH}/reset-password/{token}").headers["Location"]
        assert location == "/?error=INVALID_TOKEN"
    assert can_sign_in(alice, PASSWORD)
    assert can_sign_in(bob, PASSWORD)


def test_the_token_may_be_in_the_query(alice: Actor, mbox: Path) -> None:
    path = f"{AUTH}/reset-password"
    assert is_invalid(alice.client.post(path, json={"newPassword": NEW}))
    token = new_token(alice, mbox)
    assert alice.client.post(f"{path}?token={token}", json={"newPassword": NEW}).status_code == 200
    assert can_sign_in(alice, NEW)


@pytest.mark.parametrize(("password", "code"), [("short", "PASSWORD_TOO_SHORT"), ("x" * 129, "PASSWORD_TOO_LONG")])
def test_a_rejected_password_does_not_use_the_token(alice: Actor, mbox: Path, password: str, code: str) -> None:
    token = new_token(alice, mbox)
    response = reset(alice, token, password)
    assert status_and_code(response) == (400, code)
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/newPassword"]
    assert reset(alice, token).status_code == 200


@pytest.mark.parametrize("email", ["", "x", "a@b", None, 7, "a\0b@example.com"])
def test_a_request_for_an_invalid_email_is_rejected(alice: Actor, email: object) -> None:
    response = alice.client.post(f"{AUTH}/request-password-reset", json={"email": email})
    assert status_and_code(response) == (400, "VALIDATION_ERROR")
