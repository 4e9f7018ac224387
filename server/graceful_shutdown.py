"""Graceful shutdown in the master process: no accepted connection is cut off."""

from __future__ import annotations

import ctypes
import signal
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from server import draining

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta
    from types import FrameType

DROP_SYN_FILTER = ((0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""BPF instructions: load byte 13 of the TCP header, its flags; drop the packet if SYN is set, else accept all of it."""

SO_ATTACH_FILTER = 26
"""A socket option of Linux that Python does not define."""

ACCEPT_TIME = 0.2
"""Seconds for the workers to accept the connections in the listen queue. They need about a millisecond."""


def install_signal_handlers(listeners: Sequence[socket.socket], stop: Callable[[], None], delay: timedelta) -> None:
    """Make SIGTERM stop the service in three steps. A further SIGTERM skips the pause before the next step.

    1. /readyz returns 503, and a load balancer has `delay` to notice.
    2. The listeners ignore new clients. The workers accept the connections that are in the listen queue already: they
       would be reset when the last worker closes the socket.
    3. `stop` is called: the server waits for running requests and exits.
    """
    steps = iter(
        [
            (draining.start_draining, delay.total_seconds()),
            (lambda: stop_accepting(listeners), ACCEPT_TIME),
            (stop, 0.0),
        ]
    )

    def run_steps(_number: int, _frame: FrameType | None) -> None:
        for step, pause in steps:
            step()
            if pause:
                signal.setitimer(signal.ITIMER_REAL, pause)
                return

    signal.signal(signal.SIGTERM, run_steps)
    signal.signal(signal.SIGALRM, run_steps)


def stop_accepting(listeners: Sequence[socket.socket]) -> None:
    """Drop the SYN packets of new clients. A client repeats its SYN, and is refused once the listener is closed."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in DROP_SYN_FILTER))
    program = struct.pack("HL", len(DROP_SYN_FILTER), ctypes.addressof(code))
    for listener in listeners:
        with suppress(OSError):  # socket filters exist on Linux only
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
