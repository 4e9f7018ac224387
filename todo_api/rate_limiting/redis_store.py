"""Counters in a Redis, for whoever has one: the same counts, by a script that Redis runs as one step."""

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
"""Seconds until a Redis that does not answer is a fault: nobody passes uncounted."""

CONSUME = """
local charged = {}
for place, key in ipairs(KEYS) do
    local count = redis.call('INCR', key)
    if count == 1 then redis.call('PEXPIRE', key, ARGV[2 * place]) end
    charged[place] = {count, redis.call('PTTL', key)}
    if count > tonumber(ARGV[2 * place - 1]) then break end
end
return charged
"""
REFUND = """
for _, key in ipairs(KEYS) do
    if redis.call('EXISTS', key) == 1 then redis.call('DECR', key) end
end
"""


class RedisStore:
    """The counters of a Redis; each ends with its period."""

    def __init__(self, url: str) -> None:
        """Take the URL. Nothing is opened before the first charge."""
        self.redis = Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        self.run_consume = self.redis.register_script(CONSUME)
        self.run_refund = self.redis.register_script(REFUND)

    def consume(self, quotas: Sequence[Limit]) -> list[Usage]:
        """Count one for each quota in turn, up to the first that is over."""
        bounds = [bound for quota in quotas for bound in (quota.limit, int(quota.period.total_seconds() * 1000))]
        with redis_errors():
            rows = self.run_consume(keys=redis_keys(quotas), args=bounds)
        return [Usage(quota, count, left / 1000) for quota, (count, left) in zip(quotas, rows, strict=False)]

    def refund(self, quotas: Sequence[Limit]) -> None:
        """Count one less for each."""
        with redis_errors():
            self.run_refund(keys=redis_keys(quotas))

    def reset(self, quotas: Sequence[Limit]) -> None:
        """Begin anew."""
        with redis_errors():
            self.redis.delete(*redis_keys(quotas))


def redis_keys(quotas: Sequence[Limit]) -> list[bytes]:
    """Return the keys under which the counters are."""
    return [PREFIX + quota.key.hex().encode() for quota in quotas]


@contextmanager
def redis_errors() -> Iterator[None]:
    """Answer 503 where Redis does not answer."""
    try:
        yield
    except RedisError as error:
        current_app.logger.error("redis: %s", type(error).__name__)  # noqa: TRY400 - its words may show the password
        raise ServiceUnavailable from None
