"""Timeouts for the responses of PostgreSQL (docs/decisions/0018).

PostgreSQL's own timeouts (connections.py) end the statements that it works on. A server that is frozen or cut off sends
nothing, and the driver would wait indefinitely. A watchdog thread therefore looks at the connections in use and shuts
down the socket of each one that is past its deadline; the driver then reports a lost connection. A request that does
not wait pays for an entry in a dictionary.
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
"""Seconds to wait for one response: more than `statement_timeout`, so that PostgreSQL itself ends a slow statement."""

REQUEST_TIMEOUT = 8.0
"""Seconds for all statements of a request together, counted from the first one."""

TRANSFER_TIMEOUT = 3600.0
"""Seconds for all statements of an import or an export together. Each response still has `RESPONSE_TIMEOUT`."""

WATCHDOG_INTERVAL = 0.25
"""Seconds between two looks at the connections in use."""


def set_deadline(seconds: float) -> None:
    """Give all further statements of this request together so many seconds."""
    if has_request_context():
        g.deadline = time.monotonic() + seconds


@contextmanager
def pause_deadline() -> Iterator[None]:
    """Exclude the time of the block, which waits for something other than the database, such as the request body."""
    started = time.monotonic()
    try:
        yield
    finally:
        if "deadline" in g:
            g.deadline += time.monotonic() - started


def next_deadline(response_timeout: float = RESPONSE_TIMEOUT) -> float:
    """Return the deadline of the next response, on the monotonic clock. It is infinite in a command."""
    if not has_request_context():
        return inf
    now = time.monotonic()
    deadline: float = g.setdefault("deadline", now + REQUEST_TIMEOUT)
    return min(deadline, now + response_timeout)


def time_remains() -> bool:
    """Return whether the request has time for another statement."""
    return next_deadline() > time.monotonic()


def is_closed_by_server(connection: extensions.connection) -> bool:
    """Return whether an idle connection has something to read: the server's last message, or the end of the stream."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Watchdog:
    """The connections in use with their deadlines, and the thread that watches them. Each process has its own."""

    def __init__(self) -> None:
        """Start empty, also after a fork. The thread starts with the first connection."""
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Drop all connections: after a fork they belong to the parent process."""
        self.deadlines: dict[extensions.connection, float] = {}
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def watch(self, connection: extensions.connection, response_timeout: float = RESPONSE_TIMEOUT) -> None:
        """Watch a connection, or extend its deadline to that of the next response."""
        deadline = next_deadline(response_timeout)
        if deadline == inf:
            return
        with self.lock:
            self.deadlines[connection] = deadline
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="database-watchdog", daemon=True)
                self.thread.start()

    def unwatch(self, connection: extensions.connection) -> None:
        """Stop watching a connection."""
        with self.lock:
            self.deadlines.pop(connection, None)

    def run(self) -> None:
        """Shut down the sockets of the connections that are past their deadlines, until the process ends."""
        while True:
            time.sleep(WATCHDOG_INTERVAL)
            with self.lock:
                now = time.monotonic()
                for connection in [key for key, deadline in self.deadlines.items() if deadline < now]:
                    del self.deadlines[connection]
                    shutdown_socket(connection)


def shutdown_socket(connection: extensions.connection) -> None:
    """Shut down the socket of a connection without the driver, which another thread may be waiting in."""
    with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


watchdog = Watchdog()
