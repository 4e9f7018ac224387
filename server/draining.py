"""Whether the service is about to end: a byte that gunicorn's master and its workers have in common.

A module of its own, which a reload (HUP) does not run again as it does gunicorn.conf.py.
"""

from mmap import mmap

SHARED = mmap(-1, 1)


def start_draining() -> None:
    """Say that the service is about to end, to every worker that this process has or will have."""
    SHARED[0] = 1


def is_draining() -> bool:
    """Tell whether that has been said."""
    return bool(SHARED[0])
