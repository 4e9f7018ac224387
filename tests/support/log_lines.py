"""The lines of the log, read as a log collector reads them."""

from __future__ import annotations

import json
import logging
from typing import Any

from server.logging import JSONFormatter

Line = dict[str, Any]

HOSTILE = "a\nb\r\x1b[31m\x9b31m\u2028\u202e\udc80\0"
"""Text that breaks a line, controls a terminal or is not valid Unicode."""


class LogLines(logging.Handler):
    """A handler that keeps each line as a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter())
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def of(self, event: str) -> list[Line]:
        return [line for line in self.lines if line["event"] == event]
