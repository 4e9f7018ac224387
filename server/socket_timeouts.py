"""A client's connection, on which nothing takes for ever. For `worker.py`."""

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
"""Seconds for a request to come in, and for its answer to be taken."""
MIN_RATE = 16 * 1024
"""For so many bytes of either there is one second more: 1 MiB may take 74."""
COALESCE_MAX = 64 * 1024
"""Bytes up to which a copy costs less than another system call."""
LINGER_TIMEOUT = 1.0
"""Seconds for a client to hang up, and for what it still sends to be thrown away."""


class DeadlineSocket(socket.socket):
    """A client's connection, on which nothing takes for ever.

    The kernel lets nobody wait on it. Who must wait does so in `wait`, which alone knows for how long; who need not
    pays no system call for it, neither to set a time nor to ask whether there is something to read.
    """

    receive_deadline = 0.0
    send_deadline = 0.0
    timeout: float | None = None
    coalesced: list[bytes] | None = None

    def __init__(self, accepted: socket.socket) -> None:
        """Take over what was accepted."""
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        super().settimeout(0.0)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the library's
        """Stay as it is: gunicorn's loop and its threads ask for the one and the other by turns, in each request."""

    def settimeout(self, value: float | None) -> None:
        """Let nobody wait for more seconds at a time: gunicorn has five of patience with a body that nobody reads."""
        self.timeout = value

    def gettimeout(self) -> float | None:
        """Return what was set."""
        return self.timeout

    def start_request(self) -> None:
        """Begin to wait for a request. The time of its answer begins with the first piece."""
        self.receive_deadline = time.monotonic() + IO_TIMEOUT
        self.send_deadline = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what comes, while the request's time lasts."""
        while (now := time.monotonic()) < self.receive_deadline:
            try:
                data = super().recv(size, flags)
            except BlockingIOError:
                self.wait_for(select.POLLIN, self.receive_deadline)
            else:
                # Speed earns time, but never more than there was at first.
                self.receive_deadline = min(self.receive_deadline + len(data) / MIN_RATE, now + IO_TIMEOUT)
                return data
        raise timed_out()

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of it, while the request's time lasts: gunicorn asks for a body so (`100 Continue`)."""
        self.send_until(data, self.receive_deadline)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it, while the answer's time lasts."""
        if self.coalesced is not None:
            self.coalesced.append(data)
            return
        end = (self.send_deadline or time.monotonic() + IO_TIMEOUT) + len(data) / MIN_RATE
        self.send_until(data, end)
        self.send_deadline = min(end, time.monotonic() + IO_TIMEOUT)

    def coalesce(self, action: Callable[[bytes], None], data: bytes) -> None:
        """Do what sends several pieces, and send them as one."""
        self.coalesced = []
        try:
            action(data)
        finally:
            pieces, self.coalesced = self.coalesced, None
            if pieces:
                self.sendall(b"".join(pieces))

    def send_until(self, data: Any, end: float) -> None:
        """Send all of it until then."""
        rest = memoryview(data)
        while rest:
            if time.monotonic() >= end:
                raise timed_out()
            try:
                rest = rest[super().send(rest) :]
            except BlockingIOError:
                self.wait_for(select.POLLOUT, end)

    def wait_for(self, event: int, end: float) -> None:
        """Wait until the connection is ready for it, until then at the latest."""
        seconds = end - time.monotonic()
        if self.timeout is not None:
            seconds = min(seconds, self.timeout)
        ready = select.poll()
        ready.register(self, event)
        if seconds <= 0 or not ready.poll(seconds * 1000):
            raise timed_out()

    def linger(self) -> None:
        """Let the client hang up first: bytes that nobody read would make the kernel throw the answer away."""
        end = time.monotonic() + LINGER_TIMEOUT
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            self.wait_for(select.POLLIN, end)
            while super().recv(MIN_RATE):
                self.wait_for(select.POLLIN, end)
        self.receive_deadline = 0.0  # gunicorn's loop does the same once more, and is not to wait for anybody


def timed_out() -> TimeoutError:
    """Return what ends a connection, with the number of a lost one, which gunicorn passes over in silence."""
    return TimeoutError(errno.ECONNRESET, "The client's time is up.")
