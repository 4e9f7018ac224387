"""Rate limits, their usage, and the headers for both (draft-ietf-httpapi-ratelimit-headers-10)."""

from __future__ import annotations

import hashlib
import math
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple, Protocol

from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from server.setting_parsers.rates import Rate

COUNT_MAX = 2**31 - 1
"""The largest count that a counter's column holds."""

IPV6_PREFIX = 64
"""The prefix length of an IPv6 subscriber's network (RFC 6177)."""


class Limit(NamedTuple):
    """How many requests of a kind one subject may make in a period, which starts with the first request."""

    name: str
    key: bytes
    maximum: int
    period: timedelta

    @property
    def seconds(self) -> int:
        """The length of the period."""
        return math.ceil(self.period.total_seconds())


class Usage(NamedTuple):
    """How many requests a limit's counter has counted, and the seconds until its period ends."""

    limit: Limit
    used: int
    seconds_left: float

    @property
    def is_exceeded(self) -> bool:
        """Whether there were more requests than the limit allows."""
        return self.used > self.limit.maximum

    @property
    def remaining(self) -> int:
        """The requests that the limit still allows."""
        return max(0, self.limit.maximum - self.used)

    @property
    def retry_after(self) -> int:
        """The whole seconds until the counter starts again; the stored end of the period may be rounded up."""
        return min(max(1, math.ceil(self.seconds_left)), self.limit.seconds)


class Store(Protocol):
    """The counters of the limits, which all workers on all hosts share."""

    def consume(self, limits: Sequence[Limit]) -> list[Usage]:
        """Count one request for each limit in turn, up to the first that is exceeded, and return their usage."""

    def refund(self, limits: Sequence[Limit]) -> None:
        """Take one request back from each counter."""

    def reset(self, limits: Sequence[Limit]) -> None:
        """Delete the counters."""


def limit_for(name: str, subject: str, rate: Rate, scale: float = 1) -> Limit:
    """Return the limit of a subject, such as a user or an address. A store sees only a hash of the subject."""
    key = hashlib.sha256(f"{name}\0{subject}".encode(errors="surrogatepass")).digest()
    return Limit(name, key, max(1, int(min(rate.limit * scale, COUNT_MAX))), rate.period)


def write_limit(subject: str) -> Limit:
    """Return the limit of writes: of a user to tasks, or of a session to its account."""
    config = settings()
    return limit_for("writes", subject, config.rate_limit_writes, config.rate_limit_user_scale)


def address_limit(name: str, address: str, rate: Rate) -> Limit:
    """Return the limit of a client's address, or of its network if that is IPv6."""
    return limit_for(f"{name}-address", client_network(address), rate, settings().rate_limit_address_scale)


def client_network(address: str) -> str:
    """Return the subject that an address is counted as."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a Unix socket has no IP address
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, IPV6_PREFIX), strict=False))


def rate_limit_headers(usages: Sequence[Usage]) -> dict[str, str]:
    """Return the RateLimit headers: quota (q), window (w), remaining quota (r) and seconds until the reset (t)."""
    policies = (f'"{usage.limit.name}";q={usage.limit.maximum};w={usage.limit.seconds}' for usage in usages)
    states = (f'"{usage.limit.name}";r={usage.remaining};t={usage.retry_after}' for usage in usages)
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}
