"""The table that belongs to no feature."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from todo_api.extensions import Base


class RateLimitCounter(Base):
    """How much of a quota is used, up to when.

    The table is unlogged: it costs no write-ahead log, and a server that crashed counts anew.
    """

    __tablename__ = "rate_limits"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = {"prefixes": ["UNLOGGED"]}
