"""The rate limits of the auth routes: exact counts, per account and per client address."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from redis import Redis

from devtools.processes import free_port
from server.setting_parsers.rates import Rate, RateLimits
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import bearer, sign_in, sign_up_at
from tests.support.databases import application, execute
from tests.support.problems import status_and_code
from tests.support.processes import running_service
from todo_api.mail.outbox import outbox
from todo_api.rate_limiting.limits import Usage, limit_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

AUTH = "/api/auth"
QUARTER = timedelta(minutes=15)
FEW = RateLimits(Rate(3, QUARTER), Rate(1000, QUARTER))


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a real Redis."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed (apt install redis-server)")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--logfile", "/dev/null"]
    process = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("redis"))
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(params=["postgresql", "redis"])
def new_actor(request: pytest.FixtureRequest, fresh_database: str) -> Callable[..., Actor]:
    """Return a function that signs a user up at an application with these settings, on either store of counters."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    if url:
        Redis.from_url(url).flushall()

    def sign_up_actor(**settings: Any) -> Actor:
        return Actor.sign_up(application(fresh_database, rate_limit_redis_url=url, **settings), "Ada")

    return sign_up_actor


def try_sign_in(actor: Actor, password: str, email: str | None = None, **options: Any) -> TestResponse:
    account = {"email": email or actor.email, "password": password}
    return actor.client.post(f"{AUTH}/sign-in/email", json=account, **options)


def guess(actor: Actor, times: int, **options: Any) -> list[int]:
    """Sign in with wrong passwords, and return the statuses."""
    return [try_sign_in(actor, f"wrong password {number}", **options).status_code for number in range(times)]


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


def post(path: str, **body: Any) -> Callable[[Actor], TestResponse]:
    return lambda actor: actor.client.post(f"{AUTH}{path}", json=body, headers=bearer(actor.token))


def sign_up(actor: Actor) -> TestResponse:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD, "name": "x"}
    return actor.client.post(f"{AUTH}/sign-up/email", json=account)


def refresh(actor: Actor) -> TestResponse:
    return actor.client.post(f"{AUTH}/refresh", json={"refresh_token": actor.refresh_token})


def refresh_by_cookie(actor: Actor) -> TestResponse:
    return actor.client.post(f"{AUTH}/refresh", headers=sign_in(actor).cookie)


RESET = "rate_limit_reset"
CHANGE_PASSWORD = "rate_limit_change_password"


@pytest.mark.shows("ASVS 2.4.1", "API6:2023")
@pytest.mark.parametrize(
    ("setting", "request_by", "status"),
    [
        ("rate_limit_sign_in", lambda actor: try_sign_in(actor, PASSWORD), 200),
        ("rate_limit_sign_up", sign_up, 200),
        ("rate_limit_refresh", refresh, 200),
        ("rate_limit_refresh", refresh_by_cookie, 200),
        (RESET, post("/api-key/create"), 200),
        (RESET, post("/request-password-reset", email="x@example.com"), 200),
        (RESET, post("/reset-password", token="x", newPassword=PASSWORD), 400),
        (CHANGE_PASSWORD, post("/change-password", currentPassword=PASSWORD, newPassword=PASSWORD), 200),
        (CHANGE_PASSWORD, post("/delete-user", password="wrong password"), 400),
    ],
)
def test_each_route_has_a_limit_per_address(
    new_actor: Callable[..., Actor],
    tmp_path: Path,
    setting: str,
    request_by: Callable[[Actor], TestResponse],
    status: int,
) -> None:
    rates = FEW if setting != "rate_limit_sign_up" else RateLimits(Rate(4, QUARTER), FEW.account)
    ada = new_actor(**{setting: rates, "rate_limit_address_scale": 1, "mail_url": (tmp_path / "mails").as_uri()})
    responses = [request_by(ada) for _ in range(4)]
    assert [response.status_code for response in responses] == [status] * 3 + [429]
    assert 0 < int(responses[-1].headers["Retry-After"]) <= 900
    remaining = [response.headers["RateLimit"].partition("r=")[2][:1] for response in responses]
    assert remaining == ["2", "1", "0", "0"]


@pytest.mark.shows("API6:2023", "refresh: flood", "Better Auth limits")
@pytest.mark.parametrize(
    ("setting", "request_by", "status", "allowed"),
    [
        ("rate_limit_sign_up", post("/sign-up/email", email="e@example.com", password=PASSWORD, name=""), None, 3),
        ("rate_limit_refresh", refresh, 200, 3),
        (RESET, post("/request-password-reset", email="x@example.com"), 200, 3),
        ("rate_limit_sign_in", lambda actor: try_sign_in(actor, "wrong password"), 401, 2),
        (
            CHANGE_PASSWORD,
            post("/change-password", currentPassword="wrong", newPassword=PASSWORD),
            400,
            2,
        ),
        (CHANGE_PASSWORD, post("/delete-user", password="wrong"), 400, 2),
    ],
)
def test_each_route_has_a_limit_per_account_and_only_wrong_passwords_are_not_scaled(
    new_actor: Callable[..., Actor],
    tmp_path: Path,
    setting: str,
    request_by: Callable[[Actor], TestResponse],
    status: int | None,
    allowed: int,
) -> None:
    rates = RateLimits(Rate(1000, QUARTER), Rate(2, QUARTER))
    ada = new_actor(**{setting: rates, "rate_limit_user_scale": 1.5, "mail_url": (tmp_path / "mails").as_uri()})
    statuses = [request_by(ada).status_code for _ in range(4)]
    assert statuses[allowed:] == [429] * (4 - allowed)
    assert 429 not in statuses[:allowed]
    assert status is None or set(statuses[:allowed]) == {status}


@pytest.fixture
def proxied(fresh_database: str) -> Callable[..., list[int]]:
    """Return a function that signs in from pairs of connection and forwarded address, three of which are allowed."""

    def sign_in_from(proxies: int, *origins: tuple[str, str]) -> list[int]:
        ada = Actor.sign_up(application(fresh_database), "Ada")
        app = application(fresh_database, rate_limit_sign_in=FEW, rate_limit_address_scale=1, trusted_proxies=proxies)
        ada.client = app.test_client(use_cookies=False)
        return [
            try_sign_in(
                ada, PASSWORD, headers={"X-Forwarded-For": forwarded}, environ_base={"REMOTE_ADDR": address}
            ).status_code
            for address, forwarded in origins
        ]

    return sign_in_from


@pytest.mark.shows("ASVS 4.1.3")
@pytest.mark.parametrize(
    ("proxies", "origins", "last"),
    [
        (0, [("192.0.2.1", f"198.51.100.{number}") for number in range(4)], 429),
        (0, [(f"192.0.2.{number}", "198.51.100.1") for number in range(4)], 200),
        (1, [("192.0.2.1", f"198.51.100.{number}, 203.0.113.9") for number in range(4)], 429),
        (1, [("192.0.2.1", f"203.0.113.9, 198.51.100.{number}") for number in range(4)], 200),
        (2, [("192.0.2.1", f"6.6.6.{number}, 203.0.113.9, 198.51.100.1") for number in range(4)], 429),
        (2, [("192.0.2.1", f"203.0.113.{number}, 198.51.100.1") for number in range(4)], 200),
        (0, [(f"2001:db8:1:2:{number}::1", "") for number in range(4)], 429),
        (0, [(f"2001:db8:1:{number}::1", "") for number in range(4)], 200),
        (0, [(f"::ffff:192.0.2.{number}", "") for number in range(4)], 200),
        (0, [("::ffff:192.0.2.1", ""), ("192.0.2.1", "")] * 2, 429),
        (0, [("", f"198.51.100.{number}") for number in range(4)], 429),
        (1, [("192.0.2.1", "not an address")] * 4, 429),
    ],
)
def test_the_address_is_the_connections_or_the_last_trusted_proxys(
    proxied: Callable[..., list[int]], proxies: int, origins: list[tuple[str, str]], last: int
) -> None:
    assert proxied(proxies, *origins) == [200] * 3 + [last]


def test_the_table_has_no_subjects_and_stays_small(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    for number in range(8):
        try_sign_in(ada, "wrong password", email=f"nobody-{number}@example.com")
    ((stored,),) = execute(fresh_database, "SELECT string_agg(r::text, ' ') FROM rate_limits r")
    assert isinstance(stored, str)
    assert "nobody" not in stored
    assert "127.0.0.1" not in stored
    execute(fresh_database, "UPDATE rate_limits SET ends_at = now()")
    for _ in range(3):
        try_sign_in(ada, PASSWORD)
    ((rows,),) = execute(fresh_database, "SELECT count(*) FROM rate_limits")
    assert rows == 3
    ((persistence,),) = execute(fresh_database, "SELECT relpersistence FROM pg_class WHERE relname = 'rate_limits'")
    assert persistence == "u"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}/0", "redis://:its-password@127.0.0.1:{port}/0"])
def test_without_redis_a_limited_route_is_503(fresh_database: str, caplog: pytest.LogCaptureFixture, url: str) -> None:
    app = application(fresh_database, rate_limit_redis_url=url.format(port=free_port()))
    client: FlaskClient = app.test_client()
    response = client.post(f"{AUTH}/sign-in/email", json={"email": "a@example.com", "password": PASSWORD})
    assert status_and_code(response) == (503, "SERVICE_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0
    assert "redis: ConnectionError" in caplog.text
    assert "its-password" not in caplog.text
    assert client.get("/").status_code == 200


def test_a_response_within_the_limit_has_its_headers(alice: Actor) -> None:
    response = try_sign_in(alice, PASSWORD)
    assert response.headers["RateLimit-Policy"].startswith('"sign-in-address";q=60000;w=60, "password";q=10;w=900')
    assert "RateLimit" not in alice.get("/tasks").headers
    assert sign_in(alice).user_id == alice.id


@pytest.mark.parametrize(("seconds_left", "retry_after"), [(60.0004, 60), (59.9, 60), (1.1, 2), (0.0, 1), (-0.001, 1)])
def test_retry_after_is_between_a_second_and_the_period(seconds_left: float, retry_after: int) -> None:
    assert Usage(limit_for("x", "ada", Rate(10, timedelta(minutes=1))), 11, seconds_left).retry_after == retry_after
