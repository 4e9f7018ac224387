"""Password hashing inside the service: few at once, so that sign-ins never starve other requests."""

from __future__ import annotations

from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from config import THREADS
from todo_api.auth.errors import TooManyHashes
from todo_api.auth.passwords import hashing
from todo_api.database import timeouts
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

HASHING = BoundedSemaphore(1)
"""A hash keeps a core busy for a quarter of a second; one at a time leaves the other cores to everybody else."""
RESERVED_THREADS = 4
"""Threads that are kept for whoever does not hash."""
QUEUE = BoundedSemaphore(THREADS - RESERVED_THREADS)
"""The hashing one and those that wait for it hold a thread each, and no connection to the database."""


@contextmanager
def hashing_slot() -> Iterator[None]:
    """Wait for one's turn to hash.

    Raises:
        TooManyHashes: 429, where too many wait already.

    """
    if not QUEUE.acquire(blocking=False):
        raise TooManyHashes
    try:
        with timeouts.pause_deadline(), HASHING:  # the time in line is not the database's
            yield
    finally:
        QUEUE.release()


def hash_password(password: str) -> str:
    """Return the hash to store."""
    with hashing_slot():
        return hashing.hash_password(password, settings().bcrypt_cost)


def verify_password(password: str, stored: str | None) -> bool:
    """Tell whether the password is the stored one; where none is stored, say no after the same time."""
    with hashing_slot():
        known = hashing.verify_password(password, stored or hashing.dummy_hash(settings().bcrypt_cost))
    return known and stored is not None
