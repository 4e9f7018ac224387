"""The table of tasks."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, PrimaryKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from todo_api.extensions import Base


class Task(Base):
    """Something to do.

    The key begins with the user, so that a user's tasks lie together and the table can be distributed by user_id.
    """

    __tablename__ = "tasks"

    TITLE_MAX: ClassVar[int] = 255
    DESCRIPTION_MAX: ClassVar[int] = 10_000

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    title: Mapped[str]
    description: Mapped[str | None]
    completed: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),
        CheckConstraint(f"char_length(title) BETWEEN 1 AND {TITLE_MAX}", name="title_length"),
        CheckConstraint(f"char_length(description) <= {DESCRIPTION_MAX}", name="description_length"),
    )
