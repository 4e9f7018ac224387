"""A client connection with timeouts for each request and each response."""

from __future__ import annotations

import errno
import select
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

IO_TIMEOUT = 10.0
"""Seconds to receive a request, and seconds to send a response."""
MIN_RATE = 16 * 1024
"""Bytes per second. Each such number of bytes adds a second to the deadline: 1 MiB may take 74 seconds."""
COALESCE_MAX = 64 * 1024
"""Bytes up to which copying the body is cheaper than a second system call."""
LINGER_TIMEOUT = 1.0
"""Seconds in which the client may close the connection first, while its remaining data is discarded."""


class DeadlineSocket(socket.socket):
    """A non-blocking client socket. Every wait has a timeout.

    Only `wait_for` waits. An operation that can proceed makes a single system call: none to set a timeout, and none to
    ask whether the socket is ready.
    """

    receive_deadline = 0.0
    send_deadline = 0.0
    timeout: float | None = None
    coalesced: list[bytes] | None = None

    def __init__(self, accepted: socket.socket) -> None:
        """Take over the file descriptor of an accepted socket."""
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        super().settimeout(0.0)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the library's signature
        """Ignore the call. gunicorn makes it several times per request; the socket stays non-blocking."""

    def settimeout(self, value: float | None) -> None:
        """Limit each single wait, as gunicorn does with five seconds when it discards an unread body."""
        self.timeout = value

    def gettimeout(self) -> float | None:
        """Return the limit of a single wait."""
        return self.timeout

    def start_request(self) -> None:
        """Start the deadline of a request. The deadline of its response starts with the first bytes sent."""
        self.receive_deadline = time.monotonic() + IO_TIMEOUT
        self.send_deadline = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive before the request's deadline.

        Raises:
            TimeoutError: the deadline has passed.

        """
        while (now := time.monotonic()) < self.receive_deadline:
            try:
                data = super().recv(size, flags)
            except BlockingIOError:
                self.wait_for(select.POLLIN, self.receive_deadline)
            else:
                # Received bytes extend the deadline, to at most the full timeout from now.
                self.receive_deadline = min(self.receive_deadline + len(data) / MIN_RATE, now + IO_TIMEOUT)
                return data
        raise timed_out()

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of the data before the request's deadline. gunicorn sends `100 Continue` with this method."""
        self.send_until(data, self.receive_deadline)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of the data before the response's deadline, which its length extends."""
        if self.coalesced is not None:
            self.coalesced.append(data)
            return
        deadline = (self.send_deadline or time.monotonic() + IO_TIMEOUT) + len(data) / MIN_RATE
        self.send_until(data, deadline)
        self.send_deadline = min(deadline, time.monotonic() + IO_TIMEOUT)

    def coalesce(self, write: Callable[[bytes], None], data: bytes) -> None:
        """Call `write`, which sends several parts, and send the parts as one."""
        self.coalesced = []
        try:
            write(data)
        finally:
            parts, self.coalesced = self.coalesced, None
            if parts:
                self.sendall(b"".join(parts))

    def send_until(self, data: Any, deadline: float) -> None:
        """Send all of the data before the deadline.

        Raises:
            TimeoutError: the deadline has passed.

        """
        remaining = memoryview(data)
        while remaining:
            if time.monotonic() >= deadline:
                raise timed_out()
            try:
                remaining = remaining[super().send(remaining) :]
            except BlockingIOError:
                self.wait_for(select.POLLOUT, deadline)

    def wait_for(self, event: int, deadline: float) -> None:
        """Wait until the socket is ready for the event.

        Raises:
            TimeoutError: the deadline or the limit of a single wait has passed.

        """
        seconds = deadline - time.monotonic()
        if self.timeout is not None:
            seconds = min(seconds, self.timeout)
        poll = select.poll()
        poll.register(self, event)
        if seconds <= 0 or not poll.poll(seconds * 1000):
            raise timed_out()

    def linger(self) -> None:
        """Let the client close first. Closing with unread data would reset the connection and lose the response."""
        deadline = time.monotonic() + LINGER_TIMEOUT
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            self.wait_for(select.POLLIN, deadline)
            while super().recv(MIN_RATE):
                self.wait_for(select.POLLIN, deadline)
        self.receive_deadline = 0.0  # gunicorn's loop drains the socket again; then it must not wait


def timed_out() -> TimeoutError:
    """Return the error that ends a connection. gunicorn ignores an error with this number: the client is gone."""
    return TimeoutError(errno.ECONNRESET, "The client has timed out.")
