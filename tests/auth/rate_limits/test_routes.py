"""The limits of each route: for a client address and for an account."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from server.setting_parsers.rates import Rate, RateLimits
from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import bearer, sign_in
from tests.support.sign_in_attempts import AUTH, FEW, QUARTER, try_sign_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.test import TestResponse


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
