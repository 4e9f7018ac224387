"""Password hashing with a bounded number of threads, so that sign-ins do not starve other requests."""

from __future__ import annotations

from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from config import THREADS
from todo_api.auth.errors import HashingQueueFull
from todo_api.auth.passwords import hashing
from todo_api.database import timeouts
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

HASHING = BoundedSemaphore(1)
"""One hash runs at a time. It uses a core for a quarter of a second; the other cores stay free for other requests."""
RESERVED_THREADS = 4
"""Threads that are kept for requests that do not hash."""
QUEUE = BoundedSemaphore(THREADS - RESERVED_THREADS)
"""The request that hashes and those that wait. Each holds a thread, and no database connection."""


@contextmanager
def hashing_slot() -> Iterator[None]:
    """Wait until the block may hash.

    Raises:
        HashingQueueFull: 429.

    """
    if not QUEUE.acquire(blocking=False):
        raise HashingQueueFull
    try:
        with timeouts.pause_deadline(), HASHING:  # the database's deadline does not count the time in the queue
            yield
    finally:
        QUEUE.release()


def hash_password(password: str) -> str:
    """Return the hash to store."""
    with hashing_slot():
        return hashing.hash_password(password, settings().bcrypt_cost)


def verify_password(password: str, stored: str | None) -> bool:
    """Return whether the stored hash is of this password. Without a hash, return False after the same time."""
    with hashing_slot():
        is_match = hashing.verify_password(password, stored or hashing.dummy_hash(settings().bcrypt_cost))
    return is_match and stored is not None
