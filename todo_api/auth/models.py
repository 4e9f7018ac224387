"""The tables of users, their e-mail addresses, sessions, API keys and password resets."""

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from todo_api.extensions import Base


class User(Base):
    """A local account, or a user of the external issuer.

    Ids are opaque text: a UUID for a local account, the token's `sub` for an external user. An external user has no
    password, and an unverified e-mail that the issuer has stated: it is never matched with a local account's.

    Each change of the e-mail raises its generation. A mailed link names the generation for which it is valid.
    """

    __tablename__ = "users"

    EMAIL_MAX: ClassVar[int] = 254
    NAME_MAX: ClassVar[int] = 255
    IMAGE_MAX: ClassVar[int] = 2048

    id: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str | None]
    email: Mapped[str | None]
    password_hash: Mapped[str | None]
    name: Mapped[str]
    email_verified: Mapped[bool] = mapped_column(server_default="false")
    email_generation: Mapped[int] = mapped_column(server_default="0")
    image: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("uq_users_local_email", text("lower(email)"), unique=True, postgresql_where=text("issuer IS NULL")),
        CheckConstraint("issuer IS NOT NULL OR (email IS NOT NULL AND password_hash IS NOT NULL)", name="local"),
        CheckConstraint(f"char_length(email) BETWEEN 3 AND {EMAIL_MAX}", name="email_length"),
        CheckConstraint(f"char_length(name) <= {NAME_MAX}", name="name_length"),
        CheckConstraint(f"char_length(image) <= {IMAGE_MAX}", name="image_length"),
    )


class EmailAddress(Base):
    """The directory of e-mail addresses: the lower case of a local account's address, and its user.

    It decides who has an address, so that `users` can be distributed by id. Its rows are written by the statement that
    writes the user's. The unique index on `users` remains for the previous release.
    """

    __tablename__ = "emails"

    email: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)

    __table_args__ = (CheckConstraint("email = lower(email)", name="lower_case"),)


class Session(Base):
    """A sign-in and its credentials. Deleting the row ends all of them.

    The opaque token is stored as a hash. Refresh tokens are not stored: each names its session and its generation, and
    the session stores the newest generation.
    """

    __tablename__ = "sessions"

    USER_AGENT_MAX: ClassVar[int] = 512

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    id: Mapped[str]
    token_hash: Mapped[bytes]
    remembered: Mapped[bool]
    generation: Mapped[int] = mapped_column(server_default="0")
    rotated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    parent_rotated_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ip_address: Mapped[str]
    user_agent: Mapped[str]

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),
        CheckConstraint(f"char_length(user_agent) <= {USER_AGENT_MAX}", name="user_agent_length"),
        Index("ix_sessions_ends_at", "ends_at"),
    )


class APIKey(Base):
    """A credential for scripts, which lasts until it expires or is deleted. The key is stored as a hash.

    A key opens nothing but what its scopes name. `last_used_on` is the day of its last use, in UTC.
    """

    __tablename__ = "api_keys"

    NAME_MAX: ClassVar[int] = 64
    NUMBER_MAX: ClassVar[int] = 50

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    id: Mapped[str]
    hash: Mapped[bytes]
    name: Mapped[str | None]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    enabled: Mapped[bool] = mapped_column(server_default="true")
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_on: Mapped[date | None]

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),
        CheckConstraint(f"char_length(name) <= {NAME_MAX}", name="name_length"),
        CheckConstraint("cardinality(scopes) > 0", name="has_scope"),
    )


class PasswordReset(Base):
    """A mailed link that sets a new password, once."""

    __tablename__ = "password_resets"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (PrimaryKeyConstraint("user_id", "token_hash"),)
