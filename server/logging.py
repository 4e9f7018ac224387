"""The log format, for the application and for gunicorn. It imports neither.

A line is an event, such as `request`, with fields of its own, or a message of a library. A line that is written during
a request also has the fields of its context, such as the request id.
"""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

CONTEXT: ContextVar[dict[str, Any] | None] = ContextVar("CONTEXT", default=None)
"""The fields of every line of the current request."""

TEXT_MAX = 3_000
"""Characters kept of a text. A line then fits into 4096 bytes, which a pipe writes atomically. The end of a text is
kept, because the end of a traceback names the cause."""

SIMPLE = re.compile(r"[!#-~]+")

encode = json.JSONEncoder(default=str).encode
logger = logging.getLogger("todo_api.events")


def bind_context(**fields: object) -> None:
    """Add fields to this and every later line of the current request."""
    context = CONTEXT.get()
    if context is not None:
        context.update(fields)


def log_event(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event with its fields."""
    logger.log(level, event, extra={"fields": fields})


class JSONFormatter(logging.Formatter):
    """Writes one JSON object per line, in ASCII: no text breaks a line or controls a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = timestamp(record).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": record.levelname.lower(), **fields_of(record)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = encode(line)
        # The usual case: no value is too long or has a character that JSON escapes.
        if len(text) <= TEXT_MAX and "\\u" not in text:
            return text
        return encode({name: sanitize(value) for name, value in line.items()})


class TextFormatter(logging.Formatter):
    """Writes a short line for developers, and a traceback on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = fields_of(record)
        head = f"{timestamp(record).astimezone():%H:%M:%S} {record.levelname.lower():<7} {fields.pop('event')}"
        pairs = [f"{name}={quoted(value)}" for name, value in fields.items() if value is not None]
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n".join([" ".join([head, *pairs]), *(quoted(line) for line in traceback.splitlines())])


FORMATTERS = {"json": JSONFormatter, "text": TextFormatter}


def timestamp(record: logging.LogRecord) -> datetime:
    """Return the time of the record in UTC."""
    return datetime.fromtimestamp(record.created, UTC)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of the line, except time and level."""
    fields: dict[str, Any] | None = getattr(record, "fields", None)
    context = CONTEXT.get() or {}
    if fields is None:
        return {"event": "message", **context, "logger": record.name, "message": record.getMessage()}
    return {"event": record.msg, **context, **fields}


def sanitize(value: object) -> object:
    """Return a text cut to `TEXT_MAX` and without lone surrogates, which JSON parsers may reject (RFC 8259 8.2)."""
    if not isinstance(value, str) or (value.isascii() and len(value) <= TEXT_MAX):
        return value
    text = value if len(value) <= TEXT_MAX else f"…{value[-TEXT_MAX:]}"
    return text.encode(errors="replace").decode()


def quoted(value: object) -> str:
    """Return the value as text, quoted if it has spaces or control characters."""
    text = str(value)
    return text if SIMPLE.fullmatch(text) else json.dumps(text)


def configure(log_format: str) -> None:
    """Write the log of this process and of its forks to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATTERS[log_format]())
    logging.basicConfig(handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("todo_api").setLevel(logging.INFO)
