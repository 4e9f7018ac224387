"""The only clock of the application code; rows are dated by PostgreSQL's, which every host shares."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return datetime.now(UTC)
