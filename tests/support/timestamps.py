"""The timestamps of responses."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def is_in(text: str, interval: timedelta) -> bool:
    """Return whether a timestamp is about this far in the future."""
    assert re.fullmatch(TIMESTAMP, text)
    return abs(datetime.fromisoformat(text) - datetime.now(UTC) - interval) < timedelta(seconds=20)
