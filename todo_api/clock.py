"""The clock of the application. Rows take their timestamps from PostgreSQL's clock, which all hosts share."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, as an aware datetime."""
    return datetime.now(UTC)
