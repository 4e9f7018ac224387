"""Deletion of an account that its verified address confirms."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import shift_session
from tests.support.actors import PASSWORD
from tests.support.credentials import NONE, bearer, sign_in
from tests.support.databases import CONFIG, application, execute
from tests.support.mailed_links import follow, location_of, mailed_links, mails, query_of, subjects_by_recipient
from tests.support.problems import status_and_code
from todo_api.auth.verification.link_tokens import LinkClaims, issue
from todo_api.clock import now

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

CALLBACK = "/api/auth/delete-user/callback"
DELETED = {"success": True, "message": "User deleted"}
MAILED = {"success": True, "message": "Verification email sent"}


def delete(actor: Actor, headers: dict[str, str] | None = None, **body: Any) -> TestResponse:
    return actor.client.post("/api/auth/delete-user", json=body, headers=headers or bearer(actor.token))


def exists(database: str, actor: Actor) -> bool:
    return execute(database, "SELECT count(*) FROM users WHERE id = %s", actor.id) == [(1,)]


def token_for(actor: Actor, *, generation: int = 0, age: timedelta = timedelta()) -> str:
    secret = CONFIG.better_auth_secret
    return issue(LinkClaims(actor.id, generation), "delete-user", secret=secret, now=now() - age, ttl=timedelta(days=1))


def test_the_link_deletes_the_account_of_the_session(database: str, verified: Actor, mbox: Path) -> None:
    response = delete(verified, callbackURL="/goodbye")
    assert (response.status_code, response.get_json()) == (200, MAILED)
    assert subjects_by_recipient(mbox) == [(verified.email, "Confirm the deletion of your account")]
    assert exists(database, verified)
    (link,) = mailed_links(mbox)
    session = sign_in(verified)
    followed = follow(verified.client, link, session.cookie)
    assert location_of(followed) == "/goodbye"
    assert "Max-Age=0" in followed.headers["Set-Cookie"]
    assert not exists(database, verified)
    assert session.accepted_credentials(verified.client) == NONE


@pytest.mark.shows("Better Auth links")
def test_a_mail_scanner_deletes_nothing(database: str, verified: Actor, mbox: Path) -> None:
    delete(verified)
    (link,) = mailed_links(mbox)
    for _ in range(2):
        assert status_and_code(follow(verified.client, link)) == (404, "FAILED_TO_GET_USER_INFO")
    assert exists(database, verified)
    assert follow(verified.client, link, bearer(verified.token)).status_code == 302
    assert not exists(database, verified)
    again = follow(verified.client, link, bearer(verified.token))
    assert status_and_code(again) == (404, "FAILED_TO_GET_USER_INFO")


def test_without_a_callback_the_link_answers_in_json(database: str, alice: Actor) -> None:
    response = alice.client.get(f"{CALLBACK}?token={token_for(alice)}", headers=bearer(alice.token))
    assert (response.status_code, response.get_json()) == (200, DELETED)
    assert not exists(database, alice)


def test_the_token_may_come_in_the_body(database: str, verified: Actor, mbox: Path) -> None:
    delete(verified)
    token = query_of(mailed_links(mbox)[0])["token"]
    response = delete(verified, token=token)
    assert (response.status_code, response.get_json()) == (200, DELETED)
    assert not exists(database, verified)


@pytest.mark.parametrize("age", [timedelta(hours=23), timedelta(days=1, seconds=1)])
def test_the_link_is_valid_for_a_day(database: str, alice: Actor, age: timedelta) -> None:
    response = delete(alice, token=token_for(alice, age=age))
    assert response.status_code == (200 if age < timedelta(days=1) else 404)
    assert exists(database, alice) == (age > timedelta(days=1))


def test_no_other_token_deletes_the_account(database: str, alice: Actor, bob: Actor) -> None:
    kinds = {"secret": CONFIG.better_auth_secret, "now": now(), "ttl": timedelta(hours=1)}
    verification = issue(LinkClaims(alice.id, 0), "verify-email", **kinds)  # type: ignore[arg-type]
    tokens = ["", "x", "a.b.c", verification, alice.token, token_for(bob), token_for(alice, generation=1)]
    for token in tokens:
        for response in (
            delete(alice, token=token),
            alice.client.get(CALLBACK, query_string={"token": token}, headers=bearer(alice.token)),
            alice.client.get(CALLBACK, query_string={"token": token, "callbackURL": "/x"}, headers=bearer(alice.token)),
        ):
            assert status_and_code(response) == (404, "INVALID_TOKEN")
    missing = alice.client.get(CALLBACK, headers=bearer(alice.token))
    assert status_and_code(missing) == (400, "VALIDATION_ERROR")
    assert exists(database, alice)
    assert exists(database, bob)


def test_the_password_needs_no_confirmation(database: str, verified: Actor, mbox: Path) -> None:
    assert delete(verified, password=PASSWORD).get_json() == DELETED
    assert not exists(database, verified)
    assert mails(mbox) == []


def test_a_wrong_password_mails_nothing(verified: Actor, mbox: Path) -> None:
    assert status_and_code(delete(verified, password="wrong horse nine")) == (400, "INVALID_PASSWORD")
    assert mails(mbox) == []


@pytest.mark.parametrize("path", ["post", "get"])
def test_the_callback_must_be_trusted(database: str, verified: Actor, mbox: Path, path: str) -> None:
    evil = "https://evil.example"
    if path == "post":
        response = delete(verified, callbackURL=evil)
    else:
        query = {"token": token_for(verified), "callbackURL": evil}
        response = verified.client.get(CALLBACK, query_string=query, headers=bearer(verified.token))
    assert status_and_code(response) == (403, "INVALID_CALLBACK_URL")
    assert mails(mbox) == []
    assert exists(database, verified)


def test_an_unverified_address_confirms_nothing(database: str, alice: Actor, mbox: Path) -> None:
    """It may be mistyped, and its user must be able to leave."""
    old = sign_in(alice)
    shift_session(database, old, created_at="-25 hours")
    assert status_and_code(delete(alice, headers=old.jwt)) == (400, "SESSION_EXPIRED")
    assert delete(alice, headers=old.jwt, password=PASSWORD).get_json() == DELETED
    assert mails(mbox) == []


def test_without_mail_nothing_needs_a_confirmation(database: str, verified: Actor) -> None:
    verified.client = application(database).test_client(use_cookies=False)
    assert delete(verified).get_json() == DELETED


def test_mails_are_limited(verified: Actor, mbox: Path) -> None:
    responses = [delete(verified) for _ in range(6)]
    assert [response.status_code for response in responses] == [200] * 5 + [429]
    assert len(mails(mbox)) == 5
