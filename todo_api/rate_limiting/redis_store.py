"""Counters in Redis, with the same counts as in PostgreSQL. Redis executes a script as one atomic step."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import current_app
from redis import Redis, RedisError

from todo_api.http.errors import ServiceUnavailable
from todo_api.rate_limiting.limits import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from todo_api.rate_limiting.limits import Limit

PREFIX = b"todo_api:rate_limit:"
TIMEOUT = 2
"""Seconds to wait for Redis. After that the request fails, so that no request passes without being counted."""

CONSUME = """
local usages = {}
for position, key in ipairs(KEYS) do
    local maximum, period = tonumber(ARGV[2 * position - 1]), ARGV[2 * position]
    local count = redis.call('INCR', key)
    if count == 1 then redis.call('PEXPIRE', key, period) end
    usages[position] = {count, redis.call('PTTL', key)}
    if count > maximum then break end
end
return usages
"""
REFUND = """
for _, key in ipairs(KEYS) do
    if redis.call('EXISTS', key) == 1 then redis.call('DECR', key) end
end
"""


class RedisStore:
    """The counters of a Redis. Each expires with its period."""

    def __init__(self, url: str) -> None:
        """Register the scripts. The first command opens the connection."""
        self.redis = Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        self.run_consume = self.redis.register_script(CONSUME)
        self.run_refund = self.redis.register_script(REFUND)

    def consume(self, limits: Sequence[Limit]) -> list[Usage]:
        """Count one request for each limit in turn, up to the first that is exceeded, and return their usage."""
        arguments = [value for limit in limits for value in (limit.maximum, int(limit.period.total_seconds() * 1000))]
        with redis_errors():
            usages = self.run_consume(keys=redis_keys(limits), args=arguments)
        return [
            Usage(limit, count, milliseconds / 1000)
            for limit, (count, milliseconds) in zip(limits, usages, strict=False)
        ]

    def refund(self, limits: Sequence[Limit]) -> None:
        """Take one request back from each counter."""
        with redis_errors():
            self.run_refund(keys=redis_keys(limits))

    def reset(self, limits: Sequence[Limit]) -> None:
        """Delete the counters."""
        with redis_errors():
            self.redis.delete(*redis_keys(limits))


def redis_keys(limits: Sequence[Limit]) -> list[bytes]:
    """Return the keys of the counters."""
    return [PREFIX + limit.key.hex().encode() for limit in limits]


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn a failure of Redis into 503. The log has its type only, because its message may have the password.

    Raises:
        ServiceUnavailable: 503.

    """
    try:
        yield
    except RedisError as error:
        current_app.logger.error("redis: %s", type(error).__name__)  # noqa: TRY400 - as the docstring says
        raise ServiceUnavailable from None
