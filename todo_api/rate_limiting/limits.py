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

SITE = 64
"""Bits of an IPv6 address that one subscriber has all addresses of (RFC 6177)."""


class Quota(NamedTuple):
    """So many of one kind for one of those who ask, in a period that begins with the first."""

    name: str
    key: bytes
    number: int
    period: timedelta

    @property
    def seconds(self) -> int:
        """The length of the period."""
        return math.ceil(self.period.total_seconds())


class Charged(NamedTuple):
    """What a quota's counter stands at, and how many seconds are left of its period."""

    quota: Quota
    used: int
    left: float

    @property
    def is_over(self) -> bool:
        """Whether there were more than the quota has."""
        return self.used > self.quota.number

    @property
    def seconds(self) -> int:
        """The whole seconds after which the counter begins anew."""
        return min(max(1, math.ceil(self.left)), self.quota.seconds)  # what is kept of the end may be rounded up


class Counters(Protocol):
    """Where the counters are: all workers, on all hosts, count there."""

    def charge(self, quotas: Sequence[Quota]) -> list[Charged]:
        """Count one for each quota in turn, up to the first that is over, and return what was counted."""

    def refund(self, quotas: Sequence[Quota]) -> None:
        """Count one less for each."""

    def forget(self, quotas: Sequence[Quota]) -> None:
        """Begin anew."""


def quota(name: str, who: str, rate: Rate, scale: float = 1) -> Quota:
    """Return the quota of somebody, who is known to the counters by a hash only."""
    key = hashlib.sha256(f"{name}\0{who}".encode(errors="surrogatepass")).digest()
    return Quota(name, key, max(1, int(min(rate.number * scale, NUMBER_MAX))), rate.period)


def address_quota(name: str, address: str, rate: Rate) -> Quota:
    """Return the quota of an address; one of IPv6 counts as its subscriber's network."""
    return quota(f"{name}-address", network_of(address), rate, settings().rate_limit_address_scale)


def network_of(address: str) -> str:
    """Return what an address is counted as."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a socket of the file system has none
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed, SITE), strict=False))


def headers_of(charged: Sequence[Charged]) -> dict[str, str]:
    """Return the headers that tell what is left."""
    policies = (f'"{each.quota.name}";q={each.quota.number};w={each.quota.seconds}' for each in charged)
    left = (f'"{each.quota.name}";r={max(0, each.quota.number - each.used)};t={each.seconds}' for each in charged)
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}
