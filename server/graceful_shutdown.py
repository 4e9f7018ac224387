"""How the service ends: nobody who has been let in is cut off. For gunicorn's master, which alone imports it."""

from __future__ import annotations

import ctypes
import signal
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from server import draining

if TYPE_CHECKING:
    from datetime import timedelta
    from types import FrameType

    from gunicorn.arbiter import Arbiter

DROP_SYN_FILTER = ((0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""For the kernel: read byte 13 of a TCP packet, its flags; with SYN among them drop it, else take it whole."""

SO_ATTACH_FILTER = 26
"""Linux's, which Python does not name."""

ACCEPT_TIME = 0.2
"""Seconds for who has been let in by the kernel to be accepted by a worker, who needs a thousandth of that."""


def install_signal_handlers(server: Arbiter, delay: timedelta) -> None:
    """Let TERM begin an end in steps; each further one ends the pause between two of them.

    Who asks /readyz has time to send nobody here any more. Then nobody new is let in, since those that the kernel has
    let in and no worker has accepted would be cut off when the last worker closes the door. Then gunicorn ends.
    """
    steps = iter(
        [
            (draining.start_draining, delay.total_seconds()),
            (lambda: stop_accepting(server.LISTENERS), ACCEPT_TIME),
            (lambda: server.signal(signal.SIGTERM, None), 0.0),
        ]
    )

    def go_on(_number: int, _frame: FrameType | None) -> None:
        for step, seconds in steps:
            step()
            if seconds:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                return

    signal.signal(signal.SIGTERM, go_on)
    signal.signal(signal.SIGALRM, go_on)


def stop_accepting(listeners: list[socket.socket]) -> None:
    """Have the kernel ignore who knocks: they knock again, and are refused as soon as the door is closed."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in DROP_SYN_FILTER))
    program = struct.pack("HL", len(DROP_SYN_FILTER), ctypes.addressof(code))
    for listener in listeners:
        with suppress(OSError):  # Linux alone can do it
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
