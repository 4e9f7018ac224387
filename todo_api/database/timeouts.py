"""How long PostgreSQL is waited for.

A server that is frozen, or cut off, says nothing, and the driver would wait for ever: its own bounds (database.py) end
what it works on, these end its silence. A thread looks at the connections in use and hangs up those past their time,
so that whoever waits is told of a lost connection. Whoever need not wait pays for an entry in a dictionary.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from contextlib import contextmanager, suppress
from math import inf
from typing import TYPE_CHECKING

import psycopg2
from flask import g, has_request_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2 import extensions

RESPONSE_TIMEOUT = 6.0
"""Seconds that one answer is waited for: longer than PostgreSQL lets a statement run, which it says then."""

REQUEST_TIMEOUT = 8.0
"""Seconds from the first statement of a request on, after which none is waited for."""

TRANSFER_TIMEOUT = 3600.0
"""The same for an import or an export, of which each answer has its own bound still."""

WATCHDOG_INTERVAL = 0.25
"""Seconds between two looks at the connections in use."""


def set_deadline(seconds: float) -> None:
    """Let the statements of this request take as long as this from now on, all of them together."""
    if has_request_context():
        g.deadline = time.monotonic() + seconds


@contextmanager
def pause_deadline() -> Iterator[None]:
    """Do not count the time of the block, in which somebody else is waited for, as a client who sends."""
    began = time.monotonic()
    try:
        yield
    finally:
        if "deadline" in g:
            g.deadline += time.monotonic() - began


def next_deadline() -> float:
    """Return until when the next answer is waited for; outside a request nobody does but who started the command."""
    if not has_request_context():
        return inf
    now = time.monotonic()
    ends: float = g.setdefault("deadline", now + REQUEST_TIMEOUT)
    return min(ends, now + RESPONSE_TIMEOUT)


def time_remains() -> bool:
    """Tell whether another answer would be waited for."""
    return next_deadline() > time.monotonic()


def is_closed_by_server(connection: extensions.connection) -> bool:
    """Tell whether there is something to read though nothing was asked: the server's farewell, or its end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Watchdog:
    """The connections in use, and the one thread that watches them. Each process has its own, also after a fork."""

    def __init__(self) -> None:
        """Begin with nothing; the thread comes with the first connection."""
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Begin with nothing: what a parent process waits for is the parent's."""
        self.ends: dict[extensions.connection, float] = {}
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def watch(self, connection: extensions.connection) -> None:
        """Watch a connection from now on, or for longer."""
        ends = next_deadline()
        if ends == inf:
            return
        with self.lock:
            self.ends[connection] = ends
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="patience", daemon=True)
                self.thread.start()

    def unwatch(self, connection: extensions.connection) -> None:
        """Leave a connection alone."""
        with self.lock:
            self.ends.pop(connection, None)

    def run(self) -> None:
        """Hang up what is past its time, for as long as the process lives."""
        while True:
            time.sleep(WATCHDOG_INTERVAL)
            with self.lock:
                now = time.monotonic()
                for connection in [each for each, ends in self.ends.items() if ends < now]:
                    del self.ends[connection]
                    shutdown_socket(connection)


def shutdown_socket(connection: extensions.connection) -> None:
    """End a connection under whoever waits for it. Only the kernel is told, not the driver, which may be at work."""
    with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


watchdog = Watchdog()
