"""Calendar feeds, as a calendar program reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from icalendar import Calendar

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor


def today() -> date:
    return datetime.now(UTC).date()


def in_days(days: int) -> str:
    """Return the date of a day from today, in UTC."""
    return (today() + timedelta(days)).isoformat()


def create_feed(actor: Actor, **fields: Any) -> str:
    """Create a feed and return the path of its URL."""
    response = actor.post("/feeds", json=fields)
    assert response.status_code == 201, response.text
    url: str = response.get_json()["url"]
    return urlsplit(url).path


def read_feed(actor: Actor, path: str, **headers: str) -> TestResponse:
    """Read a feed without a credential but its path."""
    return actor.client.get(path, headers=headers)


def components(actor: Actor, path: str) -> list[Any]:
    """Return the components of a feed."""
    response = read_feed(actor, path)
    assert response.status_code == 200, response.text
    return Calendar.from_ical(response.data).subcomponents


def summaries(actor: Actor, path: str) -> list[str]:
    return [str(component["summary"]) for component in components(actor, path)]
