"""Forgotten passwords: a mailed link that sets a new one, once."""

from __future__ import annotations

import hashlib
import mailbox
import re
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import psycopg2
import pytest

from server.setting_parsers.mail import mail_url
from tests.mail.test_mail import Inbox, smtp_server
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, NONE, sign_in
from tests.support.databases import CONFIG, execute
from tests.support.statements import counted
from todo_api import create_app
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

AUTH = "/api/auth"
NEW = "a new " + PASSWORD
MAILED = "If this email exists in our system, check your email for the reset link"


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    return tmp_path / "mails"


@pytest.fixture
def app(app: Flask, mails: Path) -> Flask:
    """Return the service with a file for its mails."""
    uri = app.config["SQLALCHEMY_DATABASE_URI"]
    return create_app(replace(CONFIG, database_url=uri, mail_url=f"file://{mails}", app_name="Ada's list"))


def request_reset(actor: Actor, **members: Any) -> TestResponse:
    return actor.client.post(f"{AUTH}/request-password-reset", json={"email": actor.email, **members})


def letters(mails: Path) -> list[Any]:
    """Return the mails, as soon as all are delivered."""
    outbox.queue.join()
    if not mails.exists():
        return []
    with closing(mailbox.mbox(mails)) as box:
        return [message_from_bytes(box.get_bytes(key), policy=default) for key in box.iterkeys()]


def links(mails: Path) -> list[str]:
    return re.findall(r"^http\S+$", "\n".join(letter.get_content() for letter in letters(mails)), re.MULTILINE)


def token_for(actor: Actor, mails: Path) -> str:
    assert request_reset(actor).status_code == 200
    return urlsplit(links(mails)[-1]).path.rpartition("/")[2]


def reset(actor: Actor, token: str, password: str = NEW) -> TestResponse:
    return actor.client.post(f"{AUTH}/reset-password", json={"token": token, "newPassword": password})


def signs_in(actor: Actor, password: str) -> bool:
    account = {"email": actor.email, "password": password}
    response = actor.client.post(f"{AUTH}/sign-in/email", json=account)
    assert response.status_code in {200, 401}
    return response.status_code == 200


def invalid(response: TestResponse) -> bool:
    return (response.status_code, response.get_json()["code"]) == (400, "INVALID_TOKEN")


def test_the_link_goes_out_by_smtp_and_not_into_the_log(
    app: Flask, alice: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        url = mail_url(f"smtp://127.0.0.1:{port}")
        config = replace(CONFIG, database_url=app.config["SQLALCHEMY_DATABASE_URI"], mail_url=url)
        alice.client = create_app(config).test_client(use_cookies=False)
        assert request_reset(alice).status_code == 200
        outbox.queue.join()
    (letter,) = inbox.messages
    assert letter["To"] == alice.email
    (link,) = re.findall(r"^http\S+$", letter.get_content(), re.MULTILINE)
    token = urlsplit(link).path.rpartition("/")[2]
    assert reset(alice, token).get_json() == {"status": True}
    assert signs_in(alice, NEW)
    assert token not in caplog.text


def test_a_mailed_link_sets_a_new_password(alice: Actor, mails: Path) -> None:
    response = request_reset(alice, redirectTo="/new-password")
    assert (response.status_code, response.json) == (200, {"status": True, "message": MAILED})
    (letter,) = letters(mails)
    assert (letter["To"], letter["Subject"]) == (alice.email, "Reset your password")
    assert "Ada's list" in letter.get_content()
    (link,) = links(mails)
    assert link.startswith("http://localhost:8000/api/auth/reset-password/")
    assert link.endswith("?callbackURL=%2Fnew-password")
    parts = urlsplit(link)
    followed = alice.client.get(f"{parts.path}?{parts.query}")
    token = parts.path.rpartition("/")[2]
    assert (followed.status_code, followed.headers["Location"]) == (302, f"/new-password?token={token}")
    done = reset(alice, token)
    assert (done.status_code, done.json) == (200, {"status": True})
    assert "set-auth-token" not in done.headers
    assert signs_in(alice, NEW)
    assert not signs_in(alice, PASSWORD)


def test_a_link_works_once_and_voids_the_others(alice: Actor, mails: Path) -> None:
    first, second = token_for(alice, mails), token_for(alice, mails)
    assert reset(alice, second).status_code == 200
    assert invalid(reset(alice, second, "yet another password"))
    assert invalid(reset(alice, first, "yet another password"))
    assert signs_in(alice, NEW)


def test_a_link_works_for_an_hour(database: str, alice: Actor, mails: Path) -> None:
    token = token_for(alice, mails)
    lasts = "SELECT expires_at - created_at FROM password_resets WHERE user_id = %s"
    assert [str(span) for (span,) in execute(database, lasts, alice.id)] == ["1:00:00"]
    age = "UPDATE password_resets SET expires_at = expires_at - %s::interval WHERE user_id = %s"
    execute(database, age, "59 minutes", alice.id)
    assert "token=" in alice.client.get(f"{AUTH}/reset-password/{token}").headers["Location"]
    execute(database, age, "1 minute", alice.id)
    assert invalid(reset(alice, token))
    location = alice.client.get(f"{AUTH}/reset-password/{token}").headers["Location"]
    assert location == "/?error=INVALID_TOKEN"
    assert signs_in(alice, PASSWORD)


def test_only_a_hash_of_the_token_is_kept(database: str, alice: Actor, mails: Path) -> None:
    secret = token_for(alice, mails).partition("_")[0]
    ((row, kept),) = execute(database, "SELECT r::text, token_hash FROM password_resets r WHERE user_id = %s", alice.id)
    assert secret not in str(row)
    assert bytes(kept) == hashlib.sha256(secret.encode()).digest()  # type: ignore[call-overload]


def test_a_reset_ends_all_sessions_of_its_user_and_nobody_elses(alice: Actor, bob: Actor, mails: Path) -> None:
    session, other, foreign = sign_in(alice), sign_in(alice), sign_in(bob)
    assert reset(alice, token_for(alice, mails)).status_code == 200
    assert session.opens(alice.client) == other.opens(alice.client) == NONE
    assert alice.get("/tasks").status_code == 401
    answer = alice.client.post(f"{AUTH}/refresh", data={"refresh_token": session.refresh})
    assert answer.status_code == 401
    assert foreign.opens(bob.client) == ALL
    assert signs_in(bob, PASSWORD)


def test_one_token_used_by_many_at_once_sets_one_password(app: Flask, alice: Actor, mails: Path) -> None:
    token = token_for(alice, mails)
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
    assert [signs_in(alice, password) for password in passwords] == [status == 200 for status in statuses]


def test_a_used_token_sets_nothing_though_another_link_was_asked_for_meanwhile(
    database: str, alice: Actor, mails: Path
) -> None:
    token = token_for(alice, mails)
    holder = psycopg2.connect(database)
    try:
        holder.cursor().execute("DELETE FROM password_resets WHERE user_id = %s", (alice.id,))
        token_for(alice, mails)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(reset, alice, token)
            wait_for_a_lock(database)
            holder.commit()
            assert invalid(answer.result())
    finally:
        holder.close()
    assert signs_in(alice, PASSWORD)


def test_a_sign_in_during_a_reset_opens_no_session_with_the_old_password(
    database: str, alice: Actor, mails: Path
) -> None:
    token = token_for(alice, mails)
    holder = psycopg2.connect(database)
    try:
        holder.cursor().execute("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", (alice.id,))
        with ThreadPoolExecutor(2) as pool:
            answer = pool.submit(reset, alice, token)
            wait_for_a_lock(database)
            account = {"email": alice.email, "password": PASSWORD}
            entry = pool.submit(alice.client.post, f"{AUTH}/sign-in/email", json=account)
            time.sleep(0.3)
            holder.commit()
            assert answer.result().status_code == 200
            assert entry.result().status_code in {200, 401}
    finally:
        holder.close()
    assert execute(database, "SELECT count(*) FROM sessions WHERE user_id = %s", alice.id) == [(0,)]


def wait_for_a_lock(database: str, statements: int = 1) -> None:
    """Return as soon as so many statements of the service wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 3
    while execute(database, waiting) != [(statements,)]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_known_or_not_the_answer_is_the_same_after_as_many_statements(app: Flask, alice: Actor, mails: Path) -> None:
    answers = []
    for email in (alice.email, f"x{alice.email}", alice.email.upper()):
        with counted() as statements:
            response = alice.client.post(f"{AUTH}/request-password-reset", json={"email": email})
        own = {"Date", "RateLimit", "X-Request-Id"}
        headers = [(name, value) for name, value in response.headers if name not in own]
        answers.append((response.status_code, response.text, headers, len(statements)))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][3] == 2  # the one that counts the request is the other
    assert [letter["To"] for letter in letters(mails)] == [alice.email] * 2


def test_a_foreign_issuers_user_gets_no_link(database: str, alice: Actor, mails: Path) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    statement = "INSERT INTO users (id, issuer, email, name) VALUES (%s, 'https://issuer.example', %s, '')"
    execute(database, statement, uuid.uuid4().hex, email)
    response = alice.client.post(f"{AUTH}/request-password-reset", json={"email": email})
    assert (response.status_code, letters(mails)) == (200, [])


def test_without_mail_there_is_no_reset(database: str, alice: Actor) -> None:
    url = database.replace("postgresql://", "postgresql+psycopg2://", 1)
    client = create_app(replace(CONFIG, database_url=url)).test_client(use_cookies=False)
    for email in (alice.email, "nobody@example.com"):
        response = client.post(f"{AUTH}/request-password-reset", json={"email": email})
        assert (response.status_code, response.get_json()["code"]) == (400, "RESET_PASSWORD_DISABLED")
    assert execute(database, "SELECT count(*) FROM password_resets WHERE user_id = %s", alice.id) == [(0,)]


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "", "tasks"])
def test_a_link_leads_to_no_foreign_page(database: str, alice: Actor, mails: Path, target: str) -> None:
    response = request_reset(alice, redirectTo=target)
    assert (response.status_code, response.get_json()["code"]) == (403, "INVALID_REDIRECT_URL")
    assert execute(database, "SELECT count(*) FROM password_resets WHERE user_id = %s", alice.id) == [(0,)]
    followed = alice.client.get(f"{AUTH}/reset-password/x", query_string={"callbackURL": target})
    assert (followed.status_code, followed.get_json()["code"]) == (403, "INVALID_CALLBACK_URL")
    assert letters(mails) == []


@pytest.mark.parametrize("host", ["evil.example", "localhost:3000"])
def test_the_host_of_a_request_is_in_no_mail(alice: Actor, mails: Path, host: str) -> None:
    headers = {"Host": host, "X-Forwarded-Host": host}
    alice.client.post(f"{AUTH}/request-password-reset", json={"email": alice.email}, headers=headers)
    (link,) = links(mails)
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
def test_a_link_goes_on_with_its_token(alice: Actor, mails: Path, callback: str | None, location: str) -> None:
    assert request_reset(alice, **({} if callback is None else {"redirectTo": callback})).status_code == 200
    (link,) = links(mails)
    parts = urlsplit(link)
    assert parse_qs(parts.query) == {"callbackURL": [callback or "/"]}
    followed = alice.client.get(f"{parts.path}?{parts.query}")
    token = parts.path.rpartition("/")[2]
    assert (followed.status_code, followed.headers["Location"]) == (302, location.format(token))
    assert followed.headers["Cache-Control"] == "no-store"
    # Looking at it uses nothing up.
    assert reset(alice, token).status_code == 200


BAD_TOKENS = ["", "x", "_", "{secret}", "{secret}_", "_{user}", "{zeros}_{user}", "{secret}_{other}", "{SECRET}_{user}"]


@pytest.mark.parametrize("shape", [*BAD_TOKENS, "{secret}_{user}x", "{secret}_{user}\u00e9", "9" * 100_000])
def test_any_other_token_sets_nothing(alice: Actor, bob: Actor, mails: Path, shape: str) -> None:
    secret, _, user = token_for(alice, mails).partition("_")
    token = shape.format(secret=secret, user=user, other=bob.id, zeros="0" * 64, SECRET=secret.upper() + "A")
    assert invalid(reset(alice, token))
    if token and len(token) < 1000:
        location = alice.client.get(f"{AUTH}/reset-password/{token}").headers["Location"]
        assert location == "/?error=INVALID_TOKEN"
    assert signs_in(alice, PASSWORD)
    assert signs_in(bob, PASSWORD)


def test_the_token_may_be_in_the_query(alice: Actor, mails: Path) -> None:
    path = f"{AUTH}/reset-password"
    assert invalid(alice.client.post(path, json={"newPassword": NEW}))
    token = token_for(alice, mails)
    assert alice.client.post(f"{path}?token={token}", json={"newPassword": NEW}).status_code == 200
    assert signs_in(alice, NEW)


@pytest.mark.parametrize(("password", "code"), [("short", "PASSWORD_TOO_SHORT"), ("x" * 129, "PASSWORD_TOO_LONG")])
def test_a_refused_password_does_not_use_the_token_up(alice: Actor, mails: Path, password: str, code: str) -> None:
    token = token_for(alice, mails)
    response = reset(alice, token, password)
    assert (response.status_code, response.get_json()["code"]) == (400, code)
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == ["#/newPassword"]
    assert reset(alice, token).status_code == 200


@pytest.mark.parametrize("email", ["", "x", "a@b", None, 7, "a\0b@example.com"])
def test_what_is_no_address_is_named(alice: Actor, email: object) -> None:
    response = alice.client.post(f"{AUTH}/request-password-reset", json={"email": email})
    assert (response.status_code, response.get_json()["code"]) == (400, "VALIDATION_ERROR")
