"""A password reset by a mailed link, which sets one password, once."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from server.setting_parsers.mail import mail_url
from tests.support.accounts import can_sign_in, sign_in_during
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, sign_in
from tests.support.databases import application, execute
from tests.support.locks import locking, wait_for_lock
from tests.support.mail import Inbox, smtp_server
from tests.support.mailed_links import follow, links_of, mails
from tests.support.password_resets import NEW, is_invalid, new_token, request_reset, reset, token_of
from tests.support.problems import status_and_code
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

AUTH = "/api/auth"


@pytest.fixture
def app(database: str, mbox: Path) -> Flask:
    """Return the application with a file for its mails."""
    return application(database, mail_url=f"file://{mbox}", app_name="Ada's list")


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
