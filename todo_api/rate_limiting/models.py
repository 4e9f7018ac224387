"""The table of the rate limit counters."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from todo_api.extensions import Base


class RateLimitCounter(Base):
    """The number of requests counted for a limit in its current period.

    The table is unlogged: it writes no write-ahead log, and after a crash the counters start again.
    """

    __tablename__ = "rate_limits"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = {"prefixes": ["UNLOGGED"]}
