"""How often something may be asked for, and the headers that tell it (draft-ietf-httpapi-ratelimit-headers-10)."""

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

NUMBER_MAX = 2**31 - 1
"""What a counter can count to."""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that one subscriber has all addresses of (RFC 6177)."""


class Limit(NamedTuple):
    """So many of one kind for one of those who ask, in a period that begins with the first."""

    name: str
    key: bytes
    limit: int
    period: timedelta

    @property
    def seconds(self) -> int:
        """The length of the period."""
        return math.ceil(self.period.total_seconds())


class Usage(NamedTuple):
    """What a quota's counter stands at, and how many seconds are left of its period."""

    limit: Limit
    used: int
    left: float

    @property
    def is_over(self) -> bool:
        """Whether there were more than the quota has."""
        return self.used > self.limit.limit

    @property
    def seconds(self) -> int:
        """The whole seconds after which the counter begins anew."""
        return min(max(1, math.ceil(self.left)), self.limit.seconds)  # what is kept of the end may be rounded up


class Store(Protocol):
    """Where the counters are: all workers, on all hosts, count there."""

    def consume(self, quotas: Sequence[Limit]) -> list[Usage]:
        """Count one for each quota in turn, up to the first that is over, and return what was counted."""

    def refund(self, quotas: Sequence[Limit]) -> None:
        """Count one less for each."""

    def reset(self, quotas: Sequence[Limit]) -> None:
        """Begin anew."""


def limit_for(name: str, who: str, rate: Rate, scale: float = 1) -> Limit:
    """Return the quota of somebody, who is known to the counters by a hash only."""
    key = hashlib.sha256(f"{name}\0{who}".encode(errors="surrogatepass")).digest()
    return Limit(name, key, max(1, int(min(rate.limit * scale, NUMBER_MAX))), rate.period)


def address_limit(name: str, address: str, rate: Rate) -> Limit:
    """Return the quota of an address; one of IPv6 counts as its subscriber's network."""
    return limit_for(f"{name}-address", client_network(address), rate, settings().rate_limit_address_scale)


def client_network(address: str) -> str:
    """Return what an address is counted as."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a socket of the file system has none
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, IPV6_PREFIX), strict=False))


def rate_limit_headers(charged: Sequence[Usage]) -> dict[str, str]:
    """Return the headers that tell what is left."""
    policies = (f'"{each.limit.name}";q={each.limit.limit};w={each.limit.seconds}' for each in charged)
    left = (f'"{each.limit.name}";r={max(0, each.limit.limit - each.used)};t={each.seconds}' for each in charged)
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}
