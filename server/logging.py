"""How a line of the log is made, for the service and for gunicorn alike; it knows neither.

An event has a name and members, such as those of a request. Everything else that is logged is a message. What is
known of a request, as its id, is a member of every line that is written meanwhile.
"""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

CONTEXT: ContextVar[dict[str, Any] | None] = ContextVar("CONTEXT", default=None)
"""What every line of the request in hand says."""

TEXT_MAX = 3_000
"""Characters of a member of which the rest is left out, so that a line as a rule fits into the 4096 bytes that a pipe
takes as a whole from each of several processes. A traceback's end is what tells the cause."""

SIMPLE = re.compile(r"[!#-~]+")

encode = json.JSONEncoder(default=str).encode
logger = logging.getLogger("todo_api.events")


def bind_context(**facts: object) -> None:
    """Remember what is known of the request in hand, for this line and those after it."""
    context = CONTEXT.get()
    if context is not None:
        context.update(facts)


def log_event(event: str, level: int = logging.INFO, **members: object) -> None:
    """Log that something has happened."""
    logger.log(level, event, extra={"members": members})


class JSONFormatter(logging.Formatter):
    """One JSON object per line, all of it ASCII: nothing in it breaks a line or steers a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        time = timestamp(record).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": record.levelname.lower(), **fields(record)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        written = encode(line)
        # As most lines: no text in it is too long, nor has a character that is escaped.
        if len(written) <= TEXT_MAX and "\\u" not in written:
            return written
        return encode({name: sanitize(value) for name, value in line.items()})


class TextFormatter(logging.Formatter):
    """A line that is short to read, for whoever develops; a traceback takes lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        shown = fields(record)
        head = f"{timestamp(record).astimezone():%H:%M:%S} {record.levelname.lower():<7} {shown.pop('event')}"
        pairs = [f"{name}={quoted(value)}" for name, value in shown.items() if value is not None]
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n".join([" ".join([head, *pairs]), *(quoted(line) for line in trace.splitlines())])


FORMATS = {"json": JSONFormatter, "text": TextFormatter}


def timestamp(record: logging.LogRecord) -> datetime:
    """Return when it was."""
    return datetime.fromtimestamp(record.created, UTC)


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what the line says beside its time and level."""
    own: dict[str, Any] | None = getattr(record, "members", None)
    context = CONTEXT.get() or {}
    if own is None:
        return {"event": "message", **context, "logger": record.name, "message": record.getMessage()}
    return {"event": record.msg, **context, **own}


def sanitize(value: object) -> object:
    """Return a text without lone surrogates, which no parser of JSON need take, and of a length that fits."""
    if not isinstance(value, str) or (value.isascii() and len(value) <= TEXT_MAX):
        return value
    kept = value if len(value) <= TEXT_MAX else f"…{value[-TEXT_MAX:]}"
    return kept.encode(errors="replace").decode()


def quoted(value: object) -> str:
    """Return a value as it is read best: in quotes where it has spaces or what a terminal would obey."""
    plain = str(value)
    return plain if SIMPLE.fullmatch(plain) else json.dumps(plain)


def configure(log_format: str) -> None:
    """Write the lines of this process and of those that it forks to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[log_format]())
    logging.basicConfig(handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("todo_api").setLevel(logging.INFO)
