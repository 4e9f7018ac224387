"""Where the counts are stored, and what a response says of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from devtools.processes import free_port
from server.setting_parsers.rates import Rate
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import sign_in
from tests.support.databases import application, execute
from tests.support.problems import status_and_code
from tests.support.sign_in_attempts import AUTH, try_sign_in
from todo_api.rate_limiting.limits import Usage, limit_for

if TYPE_CHECKING:
    from flask.testing import FlaskClient


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
