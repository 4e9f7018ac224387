"""Read a calendar from standard input with recurring-ical-events, and print its occurrences as JSON.

Usage: python read_feed.py VEVENT|VTODO 2026-12-01 2027-01-01
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime

import recurring_ical_events
from icalendar import Calendar

kind, first, last = sys.argv[1], date.fromisoformat(sys.argv[2]), date.fromisoformat(sys.argv[3])
calendar = Calendar.from_ical(sys.stdin.buffer.read())
occurrences = recurring_ical_events.of(calendar, components=[kind]).between(first, last)


def text(time: date) -> str:
    """Return the day, or the time in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(time, datetime) else time.isoformat()


result = [
    {
        "uid": str(component["uid"]),
        "start": text(component["dtstart" if kind == "VEVENT" else "due"].dt),
        "summary": str(component["summary"]),
        "description": str(component.get("description", "")),
        "categories": [str(category) for category in component["categories"].cats] if "categories" in component else [],
    }
    for component in occurrences
]
json.dump({"name": str(calendar["x-wr-calname"]), "occurrences": result}, sys.stdout)
