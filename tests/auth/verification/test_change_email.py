"""Changing the e-mail address: confirmation, verification, and what ends with it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import can_sign_in, new_email, shift_session, sign_in_during
from tests.support.actors import PASSWORD
from tests.support.credentials import ALL, NONE, SignIn, bearer, sign_in
from tests.support.databases import CONFIG, application, execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock
from tests.support.mailed_links import follow, location_of, mailed_links, mails, query_of, subjects_by_recipient
from tests.support.problems import status_and_code
from tests.support.statements import record_statements
from todo_api.auth.verification.link_tokens import LinkClaims, issue
from todo_api.clock import now

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor
    from todo_api.auth.verification.link_tokens import Kind

AUTH = "/api/auth"
CONFIRM, VERIFY_NEW = "Confirm the change of your e-mail address", "Verify your new e-mail address"
CHANGED = "Your e-mail address was changed"


def request_change(actor: Actor, new: str, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
    body = {"newEmail": new, **fields}
    return actor.client.post(f"{AUTH}/change-email", json=body, headers=headers or bearer(actor.token))


def use(actor: Actor, token: str, headers: dict[str, str] | None = None, **query: str) -> TestResponse:
    return actor.client.get(f"{AUTH}/verify-email", query_string={"token": token, **query}, headers=headers)


def user_of(actor: Actor) -> dict[str, Any]:
    session = actor.client.get(f"{AUTH}/get-session", headers=bearer(actor.token)).get_json()
    user: dict[str, Any] = session["user"]
    return user


def session_id_of(actor: Actor) -> str:
    session_id: str = actor.client.get(f"{AUTH}/get-session", headers=bearer(actor.token)).get_json()["session"]["id"]
    return session_id


def change_token(actor: Actor, new: str, kind: Kind = "change-email", **changes: Any) -> str:
    """Return the token of a link that the actor's session has asked for."""
    claims = LinkClaims(actor.id, 0, new, session_id_of(actor))._replace(**changes)
    return issue(claims, kind, secret=CONFIG.better_auth_secret, now=now(), ttl=timedelta(hours=1))


def test_an_unverified_address_changes_by_one_link_to_the_new_one(alice: Actor, mbox: Path) -> None:
    old, new = alice.email, new_email()
    response = request_change(alice, new.upper(), callbackURL="/settings")
    assert (response.status_code, response.get_json()) == (200, {"status": True})
    assert user_of(alice)["email"] == old
    (link,) = mailed_links(mbox)
    assert location_of(follow(alice.client, link)) == "/settings"
    assert subjects_by_recipient(mbox) == [(new, VERIFY_NEW), (old, CHANGED)]
    assert new in mails(mbox)[-1].get_content()
    user = user_of(alice)
    assert (user["email"], user["emailVerified"]) == (new, True)


def test_a_verified_address_confirms_the_change_first(verified: Actor, mbox: Path) -> None:
    old, new = verified.email, new_email()
    assert request_change(verified, new, callbackURL="/settings").status_code == 200
    (first,) = mailed_links(mbox)
    assert use(verified, query_of(first)["token"]).get_json() == {"status": True}
    assert location_of(follow(verified.client, first)) == "/settings"  # again, as after a mail scanner
    assert user_of(verified)["email"] == old
    second = mailed_links(mbox)[-1]
    assert query_of(second)["callbackURL"] == "/settings"
    changed = use(verified, query_of(second)["token"])
    assert changed.get_json() == {"status": True, "user": user_of(verified)}
    assert user_of(verified)["email"] == new
    assert subjects_by_recipient(mbox) == [(old, CONFIRM), (new, VERIFY_NEW), (new, VERIFY_NEW), (old, CHANGED)]


def test_the_other_sessions_end_and_the_asking_one_gets_its_token_again(alice: Actor, mbox: Path) -> None:
    asking, other = sign_in(alice), sign_in(alice)
    request_change(alice, new_email(), headers=asking.jwt)
    (link,) = mailed_links(mbox)
    followed = follow(alice.client, link, asking.cookie)
    assert followed.headers["set-auth-token"] == asking.signed
    assert "better-auth.session_token" in followed.headers["Set-Cookie"]
    assert asking.accepted_credentials(alice.client) == ALL
    assert other.accepted_credentials(alice.client) == NONE
    assert alice.get("/tasks").status_code == 401


@pytest.mark.shows("Better Auth link sessions")
@pytest.mark.parametrize("by", ["nobody", "other"])
def test_following_the_link_opens_no_session(alice: Actor, by: str) -> None:
    token = change_token(alice, new_email())
    headers = {} if by == "nobody" else sign_in(alice).cookie
    response = use(alice, token, headers)
    assert response.status_code == 200
    assert not {"Set-Cookie", "set-auth-token"} & set(response.headers.keys())


def test_reset_links_to_the_old_address_are_void(alice: Actor, mbox: Path) -> None:
    token = change_token(alice, new_email())
    alice.client.post(f"{AUTH}/request-password-reset", json={"email": alice.email})
    (reset_link,) = mailed_links(mbox)
    assert use(alice, token).status_code == 200
    assert location_of(follow(alice.client, reset_link)) == "/?error=INVALID_TOKEN"


def test_a_reset_link_requested_during_the_change_is_void(database: str, alice: Actor, mbox: Path) -> None:
    """The request waits for the change, and finds no account then."""
    token = change_token(alice, new_email())
    old = alice.email
    with locking(database, LOCK_USER, alice.id) as commit, ThreadPoolExecutor(2) as pool:
        change = pool.submit(use, alice, token)
        wait_for_lock(database)
        request = pool.submit(alice.client.post, f"{AUTH}/request-password-reset", json={"email": old})
        wait_for_lock(database, 2)
        commit()
        assert [change.result().status_code, request.result().status_code] == [200, 200]
    assert execute(database, "SELECT count(*) FROM password_resets WHERE user_id = %s", alice.id) == [(0,)]
    assert subjects_by_recipient(mbox) == [(old, CHANGED)]


def test_a_sign_in_during_the_change_gets_no_session(database: str, alice: Actor) -> None:
    token = change_token(alice, new_email())
    kept = session_id_of(alice)
    assert sign_in_during(database, alice, PASSWORD, lambda: use(alice, token)).status_code == 200
    assert execute(database, "SELECT id FROM sessions WHERE user_id = %s", alice.id) == [(kept,)]


@pytest.mark.shows("Better Auth link replays")
def test_twenty_parallel_uses_of_one_link_make_one_change(app: Flask, alice: Actor, mbox: Path) -> None:
    old, new = alice.email, new_email()
    token = change_token(alice, new)

    def follow_once(_: int) -> tuple[int, str]:
        client = app.test_client(use_cookies=False)
        response = client.get(f"{AUTH}/verify-email", query_string={"token": token})
        return response.status_code, response.get_json()["user"]["email"]

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(follow_once, range(20))) == {(200, new)}
    assert subjects_by_recipient(mbox) == [(old, CHANGED)]
    assert user_of(alice)["email"] == new


def test_of_two_users_with_links_to_one_address_the_first_gets_it(
    app: Flask, alice: Actor, bob: Actor, mbox: Path
) -> None:
    new = new_email()
    tokens = {actor.email: change_token(actor, new) for actor in (alice, bob)}

    def change(token: str) -> tuple[int, str | None]:
        response = app.test_client(use_cookies=False).get(f"{AUTH}/verify-email", query_string={"token": token})
        return response.status_code, response.get_json().get("code")

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(change, tokens.values()))
    assert Counter(results) == {(200, None): 1, (401, "USER_ALREADY_EXISTS"): 1}
    loser = (alice, bob)[results.index((401, "USER_ALREADY_EXISTS"))]
    assert user_of(loser)["email"] == loser.email
    assert location_of(use(loser, tokens[loser.email], callbackURL="/x")) == "/x?error=USER_ALREADY_EXISTS"
    assert len(mails(mbox)) == 1


def test_of_two_links_of_one_user_the_first_counts(alice: Actor) -> None:
    first, second = (change_token(alice, new_email()) for _ in range(2))
    assert use(alice, second).status_code == 200
    assert status_and_code(use(alice, first)) == (401, "USER_NOT_FOUND")


@pytest.mark.shows("Better Auth link replays")
def test_an_old_link_does_not_repeat_a_change_that_was_undone(alice: Actor) -> None:
    old, new = alice.email, new_email()
    forth = change_token(alice, new)
    assert use(alice, forth).status_code == 200
    assert use(alice, change_token(alice, old, generation=1)).status_code == 200
    assert status_and_code(use(alice, forth)) == (401, "USER_NOT_FOUND")
    assert user_of(alice)["email"] == old


@pytest.mark.shows("Better Auth link replays")
def test_a_repeated_link_ends_no_later_session(alice: Actor, mbox: Path) -> None:
    token = change_token(alice, new_email())
    assert use(alice, token).status_code == 200
    alice.email = user_of(alice)["email"]
    later = sign_in(alice)
    repeated = use(alice, token)
    assert (repeated.status_code, repeated.get_json()["user"]) == (200, user_of(alice))
    assert later.accepted_credentials(alice.client) == ALL
    assert len(mails(mbox)) == 1


@pytest.mark.parametrize("kind", ["confirm-email-change", "change-email"])
def test_a_session_of_another_user_cannot_follow_the_link(alice: Actor, bob: Actor, kind: Kind) -> None:
    token = change_token(alice, new_email(), kind)
    assert status_and_code(use(alice, token, bearer(bob.token))) == (401, "INVALID_USER")
    assert location_of(use(alice, token, sign_in(bob).cookie, callbackURL="/x")) == "/x?error=INVALID_USER"
    assert user_of(alice)["email"] == alice.email


@pytest.mark.parametrize("kind", ["confirm-email-change", "change-email"])
def test_the_end_of_the_asking_session_voids_the_link(alice: Actor, mbox: Path, kind: Kind) -> None:
    token = change_token(alice, new_email(), kind)
    alice.sign_out()
    assert status_and_code(use(alice, token)) == (401, "INVALID_TOKEN")
    assert can_sign_in(alice, PASSWORD)
    assert mails(mbox) == []


def test_a_session_that_ends_while_the_link_waits_voids_it(database: str, alice: Actor) -> None:
    """A password reset ends the session first. The waiting change must see that."""
    token = change_token(alice, new_email())
    with locking(database, LOCK_USER, alice.id) as commit, ThreadPoolExecutor(1) as pool:
        change = pool.submit(use, alice, token)
        wait_for_lock(database)
        execute(database, "DELETE FROM sessions WHERE user_id = %s", alice.id)
        commit()
        assert status_and_code(change.result()) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("kind", ["confirm-email-change", "change-email"])
def test_the_link_of_a_deleted_user_finds_no_user(database: str, bob: Actor, kind: Kind) -> None:
    token = change_token(bob, new_email(), kind)
    execute(database, "DELETE FROM users WHERE id = %s", bob.id)
    assert status_and_code(use(bob, token)) == (401, "USER_NOT_FOUND")


def test_a_confirmation_link_after_the_change_changes_nothing(alice: Actor, mbox: Path) -> None:
    new = new_email()
    confirmation = change_token(alice, new, "confirm-email-change")
    assert use(alice, change_token(alice, new)).status_code == 200
    assert use(alice, confirmation).get_json() == {"status": True}
    assert status_and_code(use(alice, change_token(alice, "x@y.example", "confirm-email-change"))) == (
        401,
        "USER_NOT_FOUND",
    )
    assert len(mails(mbox)) == 1


def test_a_confirmation_link_that_was_followed_too_often_says_so(verified: Actor) -> None:
    token = change_token(verified, new_email(), "confirm-email-change")
    followed = [use(verified, token, callbackURL="/settings") for _ in range(6)]
    assert [response.location for response in followed] == ["/settings"] * 5 + ["/settings?error=TOO_MANY_REQUESTS"]
    assert status_and_code(use(verified, token)) == (429, "TOO_MANY_REQUESTS")


@pytest.mark.shows("ASVS 6.3.8")
def test_a_request_does_not_tell_whether_the_new_address_has_an_account(alice: Actor, bob: Actor, mbox: Path) -> None:
    new = new_email()
    results = []
    for email in (bob.email, new):
        with record_statements() as statements:
            response = request_change(alice, email)
        varying = {"Date", "RateLimit", "X-Request-Id"}
        headers = [(name, value) for name, value in response.headers if name not in varying]
        results.append((response.status_code, response.text, headers, statements))
    assert results[0] == results[1]
    assert subjects_by_recipient(mbox) == [(new, VERIFY_NEW)]


def test_the_own_mailbox_does_not_tell_either(verified: Actor, bob: Actor, mbox: Path) -> None:
    request_change(verified, bob.email)
    (link,) = mailed_links(mbox)
    assert use(verified, query_of(link)["token"]).get_json() == {"status": True}
    assert subjects_by_recipient(mbox) == [(verified.email, CONFIRM)]


@pytest.mark.shows("ASVS 7.5.1")
def test_an_old_session_must_sign_in_again_first(database: str, alice: Actor, mbox: Path) -> None:
    old: SignIn = sign_in(alice)
    shift_session(database, old, created_at="-25 hours")
    response = request_change(alice, new_email(), headers=old.jwt)
    assert status_and_code(response) == (403, "SESSION_NOT_FRESH")
    assert mails(mbox) == []


def test_the_same_address_is_refused(alice: Actor) -> None:
    response = request_change(alice, alice.email.upper())
    assert status_and_code(response) == (400, "EMAIL_IS_THE_SAME")
    assert response.get_json()["message"] == "Email is the same"


def test_without_mail_the_change_is_disabled(database: str, alice: Actor) -> None:
    alice.client = application(database).test_client(use_cookies=False)
    assert status_and_code(request_change(alice, new_email())) == (400, "CHANGE_EMAIL_DISABLED")


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", ""])
def test_the_callback_must_be_trusted(alice: Actor, mbox: Path, target: str) -> None:
    response = request_change(alice, new_email(), callbackURL=target)
    assert status_and_code(response) == (403, "INVALID_CALLBACK_URL")
    assert mails(mbox) == []


@pytest.mark.parametrize("body", [{}, {"newEmail": "x"}, {"newEmail": 7}, {"newEmail": None}, [], "x"])
def test_an_invalid_request_is_400(alice: Actor, body: object) -> None:
    response = alice.client.post(f"{AUTH}/change-email", json=body, headers=bearer(alice.token))
    assert status_and_code(response) == (400, "VALIDATION_ERROR")


def test_mails_to_one_address_are_limited(alice: Actor, verified: Actor, mbox: Path) -> None:
    responses = [request_change(verified, new_email()) for _ in range(6)]
    assert [response.status_code for response in responses] == [200] * 5 + [429]
    token = query_of(mailed_links(mbox)[0])["token"]
    responses = [use(alice, token) for _ in range(6)]
    assert [response.status_code for response in responses] == [200] * 5 + [429]
    assert len(mails(mbox)) == 10


def test_the_change_keeps_the_id_the_tasks_and_the_password(alice: Actor) -> None:
    task = alice.create_task()
    old, new = alice.email, new_email()
    assert use(alice, change_token(alice, new)).status_code == 200
    assert alice.get("/tasks").get_json() == [task]
    assert not can_sign_in(alice, PASSWORD)
    alice.email = new
    assert can_sign_in(alice, PASSWORD)
    account = {"email": old, "password": PASSWORD}
    assert alice.client.post(f"{AUTH}/sign-up/email", json=account).status_code == 200
