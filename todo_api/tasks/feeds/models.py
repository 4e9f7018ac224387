"""The table of calendar feeds."""

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, LargeBinary, PrimaryKeyConstraint, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from todo_api.extensions import Base
from todo_api.tasks.models import USER_ID, Task


class CalendarFeed(Base):
    """A feed of a user's tasks. Its token is the only credential that reads it; of the token's secret a hash is stored.

    `completed`, `priorities` and `tags` are its filter: null and the empty array match every task.
    """

    __tablename__ = "calendar_feeds"

    NAME_MAX: ClassVar[int] = 100
    COMPONENTS: ClassVar[tuple[str, ...]] = ("events", "todos")

    user_id: Mapped[str] = mapped_column(ForeignKey(USER_ID, ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str | None]
    component: Mapped[str]
    completed: Mapped[bool | None]
    priorities: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_read_on: Mapped[date | None]

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {NAME_MAX}", name="name_length"),
        CheckConstraint(f"component IN {COMPONENTS}", name="component"),
        CheckConstraint(f"priorities <@ ARRAY[{', '.join(map(repr, Task.PRIORITIES))}]", name="priorities"),
        CheckConstraint(f"cardinality(tags) <= {Task.TAGS_MAX} AND array_position(tags, NULL) IS NULL", name="tags"),
    )
