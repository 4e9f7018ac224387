"""Throttling: whoever asks too often is told when to come again (RFC 6585 section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, after_this_request, current_app

from todo_api.http.errors import TooManyRequests
from todo_api.rate_limiting.limits import rate_limit_headers
from todo_api.rate_limiting.postgres_store import PostgresStore
from todo_api.rate_limiting.redis_store import RedisStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from config import Config
    from todo_api.rate_limiting.limits import Limit, Store, Usage

KEY = "todo_api.counters"


def init_app(app: Flask, config: Config) -> None:
    """Choose where the counters are."""
    url = config.rate_limit_redis_url
    app.extensions[KEY] = RedisStore(url) if url else PostgresStore()


def current_store() -> Store:
    """Return the current application's counters."""
    chosen: Store = current_app.extensions[KEY]
    return chosen


def consume(*quotas: Limit) -> None:
    """Count the request for each quota in turn; the answer tells what is left.

    Raises:
        TooManyRequests: 429, from the first quota that is over; those behind it are not charged.

    """
    set_headers(current_store().consume(quotas))


def set_headers(charged: Sequence[Usage]) -> None:
    """Let the answer say what is left, and refuse where there is nothing.

    Raises:
        TooManyRequests: 429.

    """
    headers = rate_limit_headers(charged)

    @after_this_request
    def complete(response: Response) -> Response:
        response.headers.update(headers)
        return response

    if charged[-1].is_over:
        raise TooManyRequests(charged[-1].seconds)
