"""The table of users."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from todo_api.extensions import Base


class User(Base):
    """Somebody who signs in. Ids are opaque text: a UUID here, whatever the issuer chose elsewhere."""

    __tablename__ = "users"

    EMAIL_MAX: ClassVar[int] = 254
    NAME_MAX: ClassVar[int] = 255

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column()
    password_hash: Mapped[str]
    name: Mapped[str]
    email_verified: Mapped[bool] = mapped_column(server_default="false")
    image: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("uq_users_lower_email", text("lower(email)"), unique=True),
        CheckConstraint(f"char_length(email) BETWEEN 3 AND {EMAIL_MAX}", name="email_length"),
        CheckConstraint(f"char_length(name) <= {NAME_MAX}", name="name_length"),
    )
