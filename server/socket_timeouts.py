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

PATIENCE = 10.0
"""Seconds for a request to come in, and for its answer to be taken."""
RATE = 16 * 1024
"""For so many bytes of either there is one second more: 1 MiB may take 74."""
ONE_PIECE = 64 * 1024
"""Bytes up to which a copy costs less than another system call."""
LINGER = 1.0
"""Seconds for a client to hang up, and for what it still sends to be thrown away."""


class Patient(socket.socket):
    """A client's connection, on which nothing takes for ever.

    The kernel lets nobody wait on it. Who must wait does so in `wait`, which alone knows for how long; who need not
    pays no system call for it, neither to set a time nor to ask whether there is something to read.
    """

    received_by = 0.0
    sent_by = 0.0
    bound: float | None = None
    held: list[bytes] | None = None

    def __init__(self, accepted: socket.socket) -> None:
        """Take over what was accepted."""
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        super().settimeout(0.0)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the library's
        """Stay as it is: gunicorn's loop and its threads ask for the one and the other by turns, in each request."""

    def settimeout(self, value: float | None) -> None:
        """Let nobody wait for more seconds at a time: gunicorn has five of patience with a body that nobody reads."""
        self.bound = value

    def gettimeout(self) -> float | None:
        """Return what was set."""
        return self.bound

    def expect(self) -> None:
        """Begin to wait for a request. The time of its answer begins with the first piece."""
        self.received_by = time.monotonic() + PATIENCE
        self.sent_by = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what comes, while the request's time lasts."""
        while (now := time.monotonic()) < self.received_by:
            try:
                data = super().recv(size, flags)
            except BlockingIOError:
                self.wait(select.POLLIN, self.received_by)
            else:
                # Speed earns time, but never more than there was at first.
                self.received_by = min(self.received_by + len(data) / RATE, now + PATIENCE)
                return data
        raise late()

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of it, while the request's time lasts: gunicorn asks for a body so (`100 Continue`)."""
        self.deliver(data, self.received_by)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it, while the answer's time lasts."""
        if self.held is not None:
            self.held.append(data)
            return
        end = (self.sent_by or time.monotonic() + PATIENCE) + len(data) / RATE
        self.deliver(data, end)
        self.sent_by = min(end, time.monotonic() + PATIENCE)

    def together(self, action: Callable[[bytes], None], data: bytes) -> None:
        """Do what sends several pieces, and send them as one."""
        self.held = []
        try:
            action(data)
        finally:
            pieces, self.held = self.held, None
            if pieces:
                self.sendall(b"".join(pieces))

    def deliver(self, data: Any, end: float) -> None:
        """Send all of it until then."""
        rest = memoryview(data)
        while rest:
            if time.monotonic() >= end:
                raise late()
            try:
                rest = rest[super().send(rest) :]
            except BlockingIOError:
                self.wait(select.POLLOUT, end)

    def wait(self, event: int, end: float) -> None:
        """Wait until the connection is ready for it, until then at the latest."""
        seconds = end - time.monotonic()
        if self.bound is not None:
            seconds = min(seconds, self.bound)
        ready = select.poll()
        ready.register(self, event)
        if seconds <= 0 or not ready.poll(seconds * 1000):
            raise late()

    def leave(self) -> None:
        """Let the client hang up first: bytes that nobody read would make the kernel throw the answer away."""
        end = time.monotonic() + LINGER
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            self.wait(select.POLLIN, end)
            while super().recv(RATE):
                self.wait(select.POLLIN, end)
        self.received_by = 0.0  # gunicorn's loop does the same once more, and is not to wait for anybody


def late() -> TimeoutError:
    """Return what ends a connection, with the number of a lost one, which gunicorn passes over in silence."""
    return TimeoutError(errno.ECONNRESET, "The client's time is up.")
