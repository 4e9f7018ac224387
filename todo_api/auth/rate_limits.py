"""The rate limits of the auth routes, per client address and per account.

A password is counted as wrong before it is verified, so that concurrent guesses cannot share one count; a right one is
refunded. Wrong passwords are counted per e-mail, with or without an account, so that the count does not tell whether
there is one. An attacker's guesses can block an owner's sign-in for a while, but end no session. A sign-in that also
presents a live session of the account has a limit of its own, and a password reset by mail removes the block.
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
"""Wrong passwords of one account in a day, in addition to its shorter limit (NIST SP 800-63B-4 section 3.2.2)."""


def consume_attempt(name: str, rates: RateLimits, subject: str | None = None) -> None:
    """Count the request for its client's address and, if it is known, for its subject.

    Raises:
        TooManyRequests: 429.

    """
    limits = [client_limit(name, rates.address)]
    if subject is not None:
        limits.append(limit_for(name, subject, rates.account, settings().rate_limit_user_scale))
    consume(*limits)


@contextmanager
def consume_failures(name: str, rates: RateLimits, subject: str) -> Iterator[None]:
    """Count a failure of the subject, and refund it unless the block raises for a wrong password.

    Raises:
        TooManyRequests: 429.

    """
    limits = failure_limits(rates.account, subject)
    consume(client_limit(name, rates.address), *limits)
    is_wrong = False
    try:
        yield
    except (InvalidCredentials, InvalidPassword):
        is_wrong = True
        raise
    finally:
        if not is_wrong:
            current_store().refund(limits)


def failure_subject(email: str, session: Row | None) -> str:
    """Return the subject of wrong passwords: the account's own session if the request presents one, else the e-mail."""
    if session and session["email"].lower() == email.lower():
        return f"session {session['session_id']}"
    return email.lower()


def reset_failures(email: str) -> None:
    """Reset the count of an account's wrong passwords, once its owner has proved to own the e-mail."""
    current_store().reset(failure_limits(settings().rate_limit_sign_in.account, email.lower()))


def failure_limits(rate: Rate, subject: str) -> list[Limit]:
    """Return the limits of wrong passwords. No setting scales them."""
    return [limit_for("password", subject, rate), limit_for("password-day", subject, DAILY_FAILURES)]


def client_limit(name: str, rate: Rate) -> Limit:
    """Return the limit of this request's client address."""
    return address_limit(name, request.remote_addr or "", rate)
