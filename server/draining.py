"""A flag that gunicorn's master shares with its workers: the service is about to stop.

It is a module of its own, because a reload (HUP) runs gunicorn.conf.py again, but not this module.
"""

from mmap import mmap

SHARED = mmap(-1, 1)
"""One byte of anonymous memory. Forked workers see the master's writes."""


def start_draining() -> None:
    """Set the flag for all present and future workers."""
    SHARED[0] = 1


def is_draining() -> bool:
    """Return whether the flag is set."""
    return bool(SHARED[0])
