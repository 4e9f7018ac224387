"""What is counted of signing up and in and what goes with it: by the address that asks, and by whom it is about.

Wrong passwords are counted before the password is looked at, so that no two guesses pass on one count; a right one is
taken back. They are counted by e-mail, whether an account has it or not, which tells nothing of it. Strangers' guesses
can make an owner wait at the sign-in, yet end none of the sessions; and whoever signs in with one of those beside the
password, or follows a mailed link to reset it, does not wait for them.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import request

from server.setting_parsers.rates import Rate
from todo_api.auth.errors import InvalidCredentials, InvalidPassword
from todo_api.rate_limiting.enforcement import consume, current_store
from todo_api.rate_limiting.limits import Limit, address_limit, limit_for
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.setting_parsers.rates import RateLimits
    from todo_api.database.statements import Row

DAILY_FAILURES = Rate(100, timedelta(days=1))
"""Wrong passwords of one account, however often its limit is waited for (NIST SP 800-63B-4 section 3.2.2)."""


def consume_attempt(name: str, rates: RateLimits, who: str | None = None) -> None:
    """Count what is asked for by this request's address and, where it is known, about whom.

    Raises:
        TooManyRequests: 429.

    """
    quotas = [client_limit(name, rates.address)]
    if who is not None:
        quotas.append(limit_for(name, who, rates.account, settings().rate_limit_user_scale))
    consume(*quotas)


@contextmanager
def consume_failures(name: str, rates: RateLimits, who: str) -> Iterator[None]:
    """Count the password that the block verifies as a wrong one of somebody's, unless it is right.

    Raises:
        TooManyRequests: 429.

    """
    guesses = failure_limits(rates.account, who)
    consume(client_limit(name, rates.address), *guesses)
    is_wrong = False
    try:
        yield
    except (InvalidCredentials, InvalidPassword):
        is_wrong = True
        raise
    finally:
        if not is_wrong:
            current_store().refund(guesses)


def failure_subject(email: str, session: Row | None) -> str:
    """Return who guesses a password: the account's own session where that one asks, else everybody together."""
    if session and session["email"].lower() == email.lower():
        return f"session {session['session_id']}"
    return email.lower()


def reset_failures(email: str) -> None:
    """Forget the wrong passwords of an account whose owner has shown to be its owner."""
    current_store().reset(failure_limits(settings().rate_limit_sign_in.account, email.lower()))


def failure_limits(rate: Rate, who: str) -> list[Limit]:
    """Return the quotas of wrong passwords, which no scale multiplies."""
    return [limit_for("password", who, rate), limit_for("password-day", who, DAILY_FAILURES)]


def client_limit(name: str, rate: Rate) -> Limit:
    """Return the quota of this request's address."""
    return address_limit(name, request.remote_addr or "", rate)


def write_limit(who: str) -> Limit:
    """Return the quota of what a user may write, or change of the account by one session."""
    config = settings()
    return limit_for("writes", who, config.rate_limit_writes, config.rate_limit_user_scale)
