"""Sign-ins that count for rate limits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from server.setting_parsers.rates import Rate, RateLimits

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

AUTH = "/api/auth"
QUARTER = timedelta(minutes=15)
FEW = RateLimits(Rate(3, QUARTER), Rate(1000, QUARTER))


def try_sign_in(actor: Actor, password: str, email: str | None = None, **options: Any) -> TestResponse:
    account = {"email": email or actor.email, "password": password}
    return actor.client.post(f"{AUTH}/sign-in/email", json=account, **options)


def guess(actor: Actor, times: int, **options: Any) -> list[int]:
    """Sign in with wrong passwords, and return the statuses."""
    return [try_sign_in(actor, f"wrong password {number}", **options).status_code for number in range(times)]
