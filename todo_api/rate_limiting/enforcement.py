"""Enforcement of limits on the current request (RFC 6585 section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, after_this_request, current_app

from todo_api.http.errors import TooManyRequests
from todo_api.rate_limiting.limits import rate_limit_headers
from todo_api.rate_limiting.postgres_store import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from config import Config
    from todo_api.rate_limiting.limits import Limit, Store, Usage

KEY = "todo_api.rate_limiting"


def init_app(app: Flask, config: Config) -> None:
    """Choose the store of the counters."""
    url = config.rate_limit_redis_url
    app.extensions[KEY] = redis_store(url) if url else PostgresStore()


def redis_store(url: str) -> Store:
    """Return the store in Redis. Only services that use Redis load its client."""
    from todo_api.rate_limiting.redis_store import RedisStore  # noqa: PLC0415

    return RedisStore(url)


def current_store() -> Store:
    """Return the current application's store."""
    store: Store = current_app.extensions[KEY]
    return store


def consume(*limits: Limit) -> None:
    """Count the request for each limit in turn, and enforce them.

    Raises:
        TooManyRequests: 429, for the first limit that is exceeded. Those after it are not counted.

    """
    enforce(current_store().consume(limits))


def enforce(usages: Sequence[Usage]) -> None:
    """Add the rate limit headers to the response, and refuse the request if the last limit is exceeded.

    Raises:
        TooManyRequests: 429.

    """
    set_headers(rate_limit_headers(usages))
    if usages[-1].is_exceeded:
        raise TooManyRequests(usages[-1].retry_after)


def set_headers(headers: dict[str, str]) -> None:
    """Add headers to the response of this request, whether it succeeds or fails."""

    @after_this_request
    def add_headers(response: Response) -> Response:
        response.headers.update(headers)
        return response
