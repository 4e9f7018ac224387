"""How often may be guessed and asked: counted exactly, by whom it is about and by the address that asks."""

from __future__ import annotations

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

from devtools.embedded_postgres import free_port
from server.setting_parsers.rates import Rate, RateLimits
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import bearer, sign_in, sign_up_at
from tests.support.databases import application, execute
from tests.support.processes import serving
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
        pytest.skip("there is no redis-server here (apt install redis-server)")
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
def make(request: pytest.FixtureRequest, fresh_database: str) -> Callable[..., Actor]:
    """Return what makes a user of a service with these settings, whose counters are of either kind."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    if url:
        Redis.from_url(url).flushall()

    def user(**settings: Any) -> Actor:
        return Actor.sign_up(application(fresh_database, rate_limit_redis_url=url, **settings), "Ada")

    return user


def enter(actor: Actor, password: str, email: str | None = None, **options: Any) -> TestResponse:
    account = {"email": email or actor.email, "password": password}
    return actor.client.post(f"{AUTH}/sign-in/email", json=account, **options)


def guess(actor: Actor, times: int, **options: Any) -> list[int]:
    """Sign in with wrong passwords and return the answers' statuses."""
    return [enter(actor, f"wrong password {number}", **options).status_code for number in range(times)]


@pytest.mark.shows("ASVS 6.3.1", "NIST throttle")
def test_ten_wrong_passwords_and_no_more(make: Callable[..., Actor]) -> None:
    ada = make()
    assert guess(ada, 12) == [401] * 10 + [429] * 2
    refused = enter(ada, PASSWORD)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert refused.get_json()["message"] == "Too many requests. Please try again later."
    assert 800 < int(refused.headers["Retry-After"]) <= 900
    assert refused.headers["X-Retry-After"] == refused.headers["Retry-After"]
    assert '"password";q=10;w=900' in refused.headers["RateLimit-Policy"]
    assert '"password";r=0;t=' in refused.headers["RateLimit"]


def test_an_e_mail_without_an_account_is_told_the_same(make: Callable[..., Actor]) -> None:
    ada = make()
    for email in (ada.email, "nobody@example.com"):
        answers = [enter(ada, "wrong password", email=email) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert answers[9].headers["RateLimit"].split(", ")[1:] == [
            f'"password";r=0;t={answers[9].headers["RateLimit"].split("t=")[2].split(",")[0]}',
            f'"password-day";r=90;t={answers[9].headers["RateLimit"].split("t=")[3]}',
        ]


@pytest.mark.shows("ASVS 6.3.1")
def test_case_and_address_headers_change_nothing(make: Callable[..., Actor]) -> None:
    ada = make()
    spellings = [ada.email, ada.email.upper(), ada.email.title()]
    statuses = [
        enter(ada, "wrong password", email=spellings[number % 3], headers={name: f"192.0.2.{number}"}).status_code
        for number, name in enumerate(
            ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"] * 2
        )
    ]
    assert statuses == [401] * 10 + [429] * 2


def test_a_right_password_is_not_counted(make: Callable[..., Actor]) -> None:
    ada = make()
    guess(ada, 9)
    assert {enter(ada, PASSWORD).status_code for _ in range(15)} == {200}
    assert guess(ada, 2) == [401, 429]


def test_what_was_not_looked_at_is_not_counted(make: Callable[..., Actor]) -> None:
    ada = make()
    for _ in range(12):
        assert enter(ada, "x" * 129).status_code == 400
        assert enter(ada, PASSWORD, email="no address").status_code == 400
    assert guess(ada, 11) == [401] * 10 + [429]


@pytest.mark.shows("ASVS 6.1.1")
def test_guesses_of_strangers_end_no_session_and_keep_nobody_out_who_has_one(make: Callable[..., Actor]) -> None:
    ada = make()
    guess(ada, 11)
    assert ada.get("/tasks").status_code == 200
    assert enter(ada, PASSWORD).status_code == 429
    assert enter(ada, PASSWORD, headers=bearer(ada.token)).status_code == 200


def test_a_session_guesses_ten_times_too_and_only_its_own_account(make: Callable[..., Actor]) -> None:
    ada = make()
    bob = Actor.sign_up(ada.client.application, "Bob")
    guess(ada, 10)
    assert guess(ada, 11, headers=bearer(ada.token)) == [401] * 10 + [429]
    assert enter(ada, PASSWORD, headers=bearer(bob.token)).status_code == 429


@pytest.mark.shows("NIST throttle")
def test_after_the_wait_the_right_password_opens(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    guess(ada, 11)
    execute(fresh_database, "UPDATE rate_limits SET ends_at = now()")
    assert enter(ada, PASSWORD).status_code == 200
    assert guess(ada, 11) == [401] * 10 + [429]


def test_a_real_wait_is_over_when_it_says(make: Callable[..., Actor]) -> None:
    ada = make(rate_limit_sign_in=RateLimits(Rate(1000, QUARTER), Rate(2, timedelta(seconds=1))))
    assert guess(ada, 3) == [401, 401, 429]
    time.sleep(1.05)
    assert enter(ada, PASSWORD).status_code == 200


def test_a_hundred_wrong_passwords_a_day(fresh_database: str) -> None:
    rates = RateLimits(Rate(1000, QUARTER), Rate(200, QUARTER))
    ada = Actor.sign_up(application(fresh_database, rate_limit_sign_in=rates), "Ada")
    assert Counter(guess(ada, 102)) == {401: 100, 429: 2}
    assert 86_000 < int(enter(ada, PASSWORD).headers["Retry-After"]) <= 86_400


@pytest.mark.shows("ASVS 6.1.1")
def test_a_password_set_anew_by_mail_ends_the_wait(make: Callable[..., Actor], tmp_path: Path) -> None:
    ada = make(mail_url=(tmp_path / "mails").as_uri())
    guess(ada, 11)
    ada.client.post(f"{AUTH}/request-password-reset", json={"email": ada.email})
    deadline = time.monotonic() + 10
    while not (tmp_path / "mails").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    token = (tmp_path / "mails").read_text().partition("/reset-password/")[2].partition("?")[0].replace("=\n", "")
    body = {"token": token, "newPassword": "another password"}
    assert ada.client.post(f"{AUTH}/reset-password", json=body).status_code == 200
    assert enter(ada, "another password").status_code == 200


@pytest.mark.shows("Better Auth limits", "ASVS 15.4.2")
def test_parallel_guesses_on_two_workers_are_ten(fresh_database: str) -> None:
    with serving(fresh_database) as service, ThreadPoolExecutor(12) as threads:
        sign_up_at(service.url, "ada@example.com")

        def attempt(number: int) -> int:
            account = {"email": "ada@example.com", "password": f"wrong password {number}"}
            return requests.post(f"{service.url}{AUTH}/sign-in/email", data=account, timeout=30).status_code

        assert Counter(threads.map(attempt, range(60))) == {401: 10, 429: 50}


@pytest.mark.shows("Better Auth limits")
def test_an_address_is_counted_exactly_on_two_workers(fresh_database: str) -> None:
    limited = serving(fresh_database, RATE_LIMIT_SIGN_UP="5/1m 1/1m", RATE_LIMIT_ADDRESS_SCALE="2")
    with limited as service, ThreadPoolExecutor(8) as threads:

        def attempt(number: int) -> int:
            account = {"email": f"ada-{number}@example.com", "password": PASSWORD}
            return requests.post(f"{service.url}{AUTH}/sign-up/email", data=account, timeout=30).status_code

        assert Counter(threads.map(attempt, range(30))) == {200: 10, 429: 20}


def test_an_address_that_is_over_counts_for_no_account(make: Callable[..., Actor]) -> None:
    ada = make(
        rate_limit_sign_in=RateLimits(Rate(3, QUARTER), Rate(4, QUARTER)), rate_limit_address_scale=1, trusted_proxies=1
    )
    assert guess(ada, 6, headers={"X-Forwarded-For": "192.0.2.1"}) == [401] * 3 + [429] * 3
    assert guess(ada, 2, headers={"X-Forwarded-For": "192.0.2.2"}) == [401, 429]


def call(path: str, **body: Any) -> Callable[[Actor], TestResponse]:
    return lambda actor: actor.client.post(f"{AUTH}{path}", json=body, headers=bearer(actor.token))


def sign_up(actor: Actor) -> TestResponse:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD, "name": "x"}
    return actor.client.post(f"{AUTH}/sign-up/email", json=account)


def refresh(actor: Actor) -> TestResponse:
    return actor.client.post(f"{AUTH}/refresh", json={"refresh_token": actor.refresh_token})


CHANGE = call("/change-password", currentPassword=PASSWORD, newPassword=PASSWORD)
MAIL = "rate_limit_reset"


@pytest.mark.shows("ASVS 2.4.1", "API6:2023")
@pytest.mark.parametrize(
    ("setting", "ask", "status"),
    [
        ("rate_limit_sign_in", lambda actor: enter(actor, PASSWORD), 200),
        ("rate_limit_sign_up", sign_up, 200),
        ("rate_limit_refresh", refresh, 200),
        (MAIL, call("/request-password-reset", email="x@example.com"), 200),
        (MAIL, call("/reset-password", token="x", newPassword=PASSWORD), 400),
        ("rate_limit_change_password", CHANGE, 200),
        ("rate_limit_change_password", call("/delete-user", password="wrong password"), 400),
    ],
)
def test_each_route_counts_the_address(
    make: Callable[..., Actor], tmp_path: Path, setting: str, ask: Callable[[Actor], TestResponse], status: int
) -> None:
    rates = FEW if setting != "rate_limit_sign_up" else RateLimits(Rate(4, QUARTER), FEW.account)
    ada = make(**{setting: rates, "rate_limit_address_scale": 1, "mail_url": (tmp_path / "mails").as_uri()})
    answers = [ask(ada) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [status] * 3 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
    left = [answer.headers["RateLimit"].partition("r=")[2][:1] for answer in answers]
    assert left == ["2", "1", "0", "0"]


@pytest.mark.shows("API6:2023", "refresh: flood", "Better Auth limits")
@pytest.mark.parametrize(
    ("setting", "ask", "status", "passed"),
    [
        ("rate_limit_sign_up", call("/sign-up/email", email="e@example.com", password=PASSWORD, name=""), None, 3),
        ("rate_limit_refresh", refresh, 200, 3),
        (MAIL, call("/request-password-reset", email="x@example.com"), 200, 3),
        ("rate_limit_sign_in", lambda actor: enter(actor, "wrong password"), 401, 2),
        (
            "rate_limit_change_password",
            call("/change-password", currentPassword="wrong", newPassword=PASSWORD),
            400,
            2,
        ),
        ("rate_limit_change_password", call("/delete-user", password="wrong"), 400, 2),
    ],
)
def test_each_route_counts_the_account_and_wrong_passwords_are_not_scaled(
    make: Callable[..., Actor],
    tmp_path: Path,
    setting: str,
    ask: Callable[[Actor], TestResponse],
    status: int | None,
    passed: int,
) -> None:
    rates = RateLimits(Rate(1000, QUARTER), Rate(2, QUARTER))
    ada = make(**{setting: rates, "rate_limit_user_scale": 1.5, "mail_url": (tmp_path / "mails").as_uri()})
    statuses = [ask(ada).status_code for _ in range(4)]
    assert statuses[passed:] == [429] * (4 - passed)
    assert 429 not in statuses[:passed]
    assert status is None or set(statuses[:passed]) == {status}


@pytest.fixture
def proxied(fresh_database: str) -> Callable[..., list[int]]:
    """Return what signs in from connections and forwarded addresses, three of which may, and gives the statuses."""

    def enter_from(proxies: int, *origins: tuple[str, str]) -> list[int]:
        ada = Actor.sign_up(application(fresh_database), "Ada")
        app = application(fresh_database, rate_limit_sign_in=FEW, rate_limit_address_scale=1, trusted_proxies=proxies)
        ada.client = app.test_client(use_cookies=False)
        return [
            enter(ada, PASSWORD, headers={"X-Forwarded-For": said}, environ_base={"REMOTE_ADDR": address}).status_code
            for address, said in origins
        ]

    return enter_from


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
def test_the_address_is_that_of_the_connection_or_of_the_last_trusted_proxy(
    proxied: Callable[..., list[int]], proxies: int, origins: list[tuple[str, str]], last: int
) -> None:
    assert proxied(proxies, *origins) == [200] * 3 + [last]


def test_the_table_knows_nobody_and_stays_small(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    for number in range(8):
        enter(ada, "wrong password", email=f"nobody-{number}@example.com")
    ((kept,),) = execute(fresh_database, "SELECT string_agg(r::text, ' ') FROM rate_limits r")
    assert isinstance(kept, str)
    assert "nobody" not in kept
    assert "127.0.0.1" not in kept
    execute(fresh_database, "UPDATE rate_limits SET ends_at = now()")
    for _ in range(3):
        enter(ada, PASSWORD)
    ((rows,),) = execute(fresh_database, "SELECT count(*) FROM rate_limits")
    assert rows == 3
    ((persistence,),) = execute(fresh_database, "SELECT relpersistence FROM pg_class WHERE relname = 'rate_limits'")
    assert persistence == "u"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}/0", "redis://:geheim@127.0.0.1:{port}/0"])
def test_without_its_redis_nobody_passes_uncounted(
    fresh_database: str, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    app = application(fresh_database, rate_limit_redis_url=url.format(port=free_port()))
    client: FlaskClient = app.test_client()
    refused = client.post(f"{AUTH}/sign-in/email", json={"email": "a@example.com", "password": PASSWORD})
    assert (refused.status_code, refused.get_json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert int(refused.headers["Retry-After"]) > 0
    assert "redis: ConnectionError" in caplog.text
    assert "geheim" not in caplog.text
    assert client.get("/").status_code == 200


def test_a_client_sees_before_it_is_refused(alice: Actor) -> None:
    answer = enter(alice, PASSWORD)
    assert answer.headers["RateLimit-Policy"].startswith('"sign-in-address";q=60000;w=60, "password";q=10;w=900')
    assert "RateLimit" not in alice.get("/tasks").headers
    assert sign_in(alice).user_id == alice.id


@pytest.mark.parametrize(("left", "seconds"), [(60.0004, 60), (59.9, 60), (1.1, 2), (0.0, 1), (-0.001, 1)])
def test_nobody_is_told_to_wait_for_nothing_or_for_more_than_the_period(left: float, seconds: int) -> None:
    assert Usage(limit_for("x", "ada", Rate(10, timedelta(minutes=1))), 11, left).seconds == seconds
