"""The limits of wrong passwords: exact counts for an account, whoever guesses."""

from __future__ import annotations

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from server.setting_parsers.rates import Rate, RateLimits
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import bearer, sign_up_at
from tests.support.databases import application, execute
from tests.support.problems import status_and_code
from tests.support.processes import running_service
from tests.support.sign_in_attempts import AUTH, QUARTER, guess, try_sign_in
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.shows("ASVS 6.3.1", "NIST throttle")
def test_after_ten_wrong_passwords_a_sign_in_is_429(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor()
    assert guess(ada, 12) == [401] * 10 + [429] * 2
    response = try_sign_in(ada, PASSWORD)
    assert status_and_code(response) == (429, "TOO_MANY_REQUESTS")
    assert response.get_json()["message"] == "Too many requests. Please try again later."
    assert 800 < int(response.headers["Retry-After"]) <= 900
    assert response.headers["X-Retry-After"] == response.headers["Retry-After"]
    assert '"password";q=10;w=900' in response.headers["RateLimit-Policy"]
    assert '"password";r=0;t=' in response.headers["RateLimit"]


def test_an_email_without_an_account_has_the_same_limit(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor()
    for email in (ada.email, "nobody@example.com"):
        responses = [try_sign_in(ada, "wrong password", email=email) for _ in range(11)]
        assert [response.status_code for response in responses] == [401] * 10 + [429]
        _, password, password_day = responses[9].headers["RateLimit"].split(", ")
        assert re.fullmatch(r'"password";r=0;t=\d+', password)
        assert re.fullmatch(r'"password-day";r=90;t=\d+', password_day)


@pytest.mark.shows("ASVS 6.3.1")
def test_case_and_forwarding_headers_do_not_bypass_the_limit(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor()
    spellings = [ada.email, ada.email.upper(), ada.email.title()]
    statuses = [
        try_sign_in(ada, "wrong password", email=spellings[number % 3], headers={name: f"192.0.2.{number}"}).status_code
        for number, name in enumerate(
            ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"] * 2
        )
    ]
    assert statuses == [401] * 10 + [429] * 2


def test_a_right_password_is_not_counted(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor()
    guess(ada, 9)
    assert {try_sign_in(ada, PASSWORD).status_code for _ in range(15)} == {200}
    assert guess(ada, 2) == [401, 429]


def test_an_invalid_body_is_not_counted(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor()
    for _ in range(12):
        assert try_sign_in(ada, "x" * 129).status_code == 400
        assert try_sign_in(ada, PASSWORD, email="no address").status_code == 400
    assert guess(ada, 11) == [401] * 10 + [429]


@pytest.mark.shows("ASVS 6.1.1")
def test_guesses_end_no_session_and_do_not_block_an_owner_with_a_session(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor()
    guess(ada, 11)
    assert ada.get("/tasks").status_code == 200
    assert try_sign_in(ada, PASSWORD).status_code == 429
    assert try_sign_in(ada, PASSWORD, headers=bearer(ada.token)).status_code == 200


def test_a_session_has_its_own_limit_for_its_own_account_only(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor()
    bob = Actor.sign_up(ada.client.application, "Bob")
    guess(ada, 10)
    assert guess(ada, 11, headers=bearer(ada.token)) == [401] * 10 + [429]
    assert try_sign_in(ada, PASSWORD, headers=bearer(bob.token)).status_code == 429


@pytest.mark.shows("NIST throttle")
def test_after_the_period_the_right_password_is_accepted(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    guess(ada, 11)
    execute(fresh_database, "UPDATE rate_limits SET ends_at = now()")
    assert try_sign_in(ada, PASSWORD).status_code == 200
    assert guess(ada, 11) == [401] * 10 + [429]


def test_a_period_ends_when_the_response_says(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor(rate_limit_sign_in=RateLimits(Rate(1000, QUARTER), Rate(2, timedelta(seconds=1))))
    assert guess(ada, 3) == [401, 401, 429]
    time.sleep(1.05)
    assert try_sign_in(ada, PASSWORD).status_code == 200


def test_after_a_hundred_wrong_passwords_a_day_a_sign_in_is_429(fresh_database: str) -> None:
    rates = RateLimits(Rate(1000, QUARTER), Rate(200, QUARTER))
    ada = Actor.sign_up(application(fresh_database, rate_limit_sign_in=rates), "Ada")
    assert Counter(guess(ada, 102)) == {401: 100, 429: 2}
    assert 86_000 < int(try_sign_in(ada, PASSWORD).headers["Retry-After"]) <= 86_400


@pytest.mark.shows("ASVS 6.1.1")
def test_a_password_reset_by_mail_resets_the_limit(new_actor: Callable[..., Actor], tmp_path: Path) -> None:
    ada = new_actor(mail_url=(tmp_path / "mails").as_uri())
    guess(ada, 11)
    ada.client.post(f"{AUTH}/request-password-reset", json={"email": ada.email})
    outbox.queue.join()
    token = (tmp_path / "mails").read_text().partition("/reset-password/")[2].partition("?")[0].replace("=\n", "")
    body = {"token": token, "newPassword": "another password"}
    assert ada.client.post(f"{AUTH}/reset-password", json=body).status_code == 200
    assert try_sign_in(ada, "another password").status_code == 200


@pytest.mark.shows("Better Auth limits", "ASVS 15.4.2")
def test_concurrent_guesses_on_two_workers_share_one_count(fresh_database: str) -> None:
    with running_service(fresh_database) as service, ThreadPoolExecutor(12) as threads:
        sign_up_at(service.url, "ada@example.com")

        def attempt(number: int) -> int:
            account = {"email": "ada@example.com", "password": f"wrong password {number}"}
            return requests.post(f"{service.url}{AUTH}/sign-in/email", data=account, timeout=30).status_code

        assert Counter(threads.map(attempt, range(60))) == {401: 10, 429: 50}


@pytest.mark.shows("Better Auth limits")
def test_concurrent_requests_of_an_address_on_two_workers_share_one_count(fresh_database: str) -> None:
    limited = running_service(fresh_database, RATE_LIMIT_SIGN_UP="5/1m 1/1m", RATE_LIMIT_ADDRESS_SCALE="2")
    with limited as service, ThreadPoolExecutor(8) as threads:

        def attempt(number: int) -> int:
            account = {"email": f"ada-{number}@example.com", "password": PASSWORD}
            return requests.post(f"{service.url}{AUTH}/sign-up/email", data=account, timeout=30).status_code

        assert Counter(threads.map(attempt, range(30))) == {200: 10, 429: 20}


def test_a_request_over_the_address_limit_does_not_count_for_the_account(new_actor: Callable[..., Actor]) -> None:
    ada = new_actor(
        rate_limit_sign_in=RateLimits(Rate(3, QUARTER), Rate(4, QUARTER)), rate_limit_address_scale=1, trusted_proxies=1
    )
    assert guess(ada, 6, headers={"X-Forwarded-For": "192.0.2.1"}) == [401] * 3 + [429] * 3
    assert guess(ada, 2, headers={"X-Forwarded-For": "192.0.2.2"}) == [401, 429]
