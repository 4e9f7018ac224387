"""How the text of a limit is read: so many requests in so much time."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import NamedTuple

from redis import ConnectionPool, RedisError

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
REDIS_HINT = "must be a URL such as redis://localhost:6379/0, rediss://user:password@host or unix:///path"
RATE = re.compile("([1-9][0-9]{0,8})/([1-9][0-9]{0,4})([smhd])")


class Rate(NamedTuple):
    """So many requests in a period, which begins with the first of them."""

    limit: int
    period: timedelta


class RateLimits(NamedTuple):
    """What an auth route takes from one address, and about one account."""

    address: Rate
    account: Rate


def rate(text: str) -> Rate:
    """Read a rate such as 60/1m."""
    found = RATE.fullmatch(text)
    if found is None:
        message = f"must be a rate such as 60/1m (a number, a slash, a time in s, m, h or d), not {text!r}"
        raise ValueError(message)
    number, length, unit = found.groups()
    return Rate(int(number), timedelta(seconds=int(length) * SECONDS[unit]))


def rate_limits(text: str) -> RateLimits:
    """Read the rate for an address and the one for an account."""
    read = text.split()
    if len(read) != len(RateLimits._fields):
        message = f"must be two rates, for an address and for an account, such as 60/1m 10/15m, not {text!r}"
        raise ValueError(message)
    return RateLimits(*map(rate, read))


def factor(text: str) -> float:
    """Read a number that limits are multiplied by."""
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        message = f"must be a number above 0, such as 1 or 1000, not {text!r}"
        raise ValueError(message)
    return factor


def redis_url(text: str) -> str:
    """Read the URL of a Redis. No fault repeats the text, which may hold a password."""
    try:
        if re.fullmatch(r"(?:rediss?|unix)://\S+", text):
            ConnectionPool.from_url(text).make_connection()  # it connects with its first command only
            return text
    except (ValueError, TypeError, RedisError):
        pass
    raise ValueError(REDIS_HINT)
