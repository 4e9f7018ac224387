"""Parsers of rate limits."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
RATE = re.compile("([1-9][0-9]{0,8})/([1-9][0-9]{0,4})([smhd])")


class Rate(NamedTuple):
    """A number of requests in a period, which begins with the first of them."""

    limit: int
    period: timedelta


class RateLimits(NamedTuple):
    """The limits of an auth route: for one client address and for one account."""

    address: Rate
    account: Rate


def rate(text: str) -> Rate:
    """Parse a rate such as 60/1m."""
    match = RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a rate such as 60/1m (a number, a slash, a time in s, m, h or d), not {text!r}")
    limit, length, unit = match.groups()
    return Rate(int(limit), timedelta(seconds=int(length) * SECONDS[unit]))


def rate_limits(text: str) -> RateLimits:
    """Parse the rate for an address and the rate for an account, such as 60/1m 10/15m."""
    rates = text.split()
    if len(rates) != len(RateLimits._fields):
        raise ValueError(f"must be two rates, for an address and for an account, such as 60/1m 10/15m, not {text!r}")
    return RateLimits(*map(rate, rates))
