"""The tables of tasks."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from todo_api.extensions import Base
from todo_api.tasks.recurrence.rules import RULE_MAX

USER_ID, LIST_ID = "users.id", "task_lists.user_id"


class Task(Base):
    """A task.

    The primary key begins with user_id: the tasks of a user are adjacent in the index, and the table can be
    distributed by user_id. `due_on` is a due date and `due_at` a due timestamp; at most one of them is set. `version`
    is the value of the user's version counter at the last change. A task with `deleted_at` is in the trash.

    `recurrence` is a rule that starts at the due date. When the task is completed, the rule moves to its successor,
    whose id is `next_id`.
    """

    __tablename__ = "tasks"

    TITLE_MAX: ClassVar[int] = 255
    DESCRIPTION_MAX: ClassVar[int] = 10_000
    PRIORITIES: ClassVar[tuple[str, ...]] = ("low", "medium", "high")
    TAGS_MAX: ClassVar[int] = 20
    TAG_MAX: ClassVar[int] = 50
    REPEAT_FROM: ClassVar[tuple[str, ...]] = ("due", "completion")
    TIMEZONE_MAX: ClassVar[int] = 64

    user_id: Mapped[str] = mapped_column(ForeignKey(LIST_ID, ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    title: Mapped[str]
    description: Mapped[str | None]
    completed: Mapped[bool] = mapped_column(server_default="false")
    due_on: Mapped[date | None]
    due_at: Mapped[datetime | None]
    priority: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    order: Mapped[float] = mapped_column(Double, server_default="0")
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    uid: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    recurrence: Mapped[str | None]
    repeat_from: Mapped[str | None]
    timezone: Mapped[str | None]
    next_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),
        UniqueConstraint("user_id", "uid"),
        Index(None, "user_id", "version", "id"),
        Index(None, "user_id", "order", "id", postgresql_where=text("deleted_at IS NULL")),
        Index(None, "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
        CheckConstraint(f"char_length(title) BETWEEN 1 AND {TITLE_MAX}", name="title_length"),
        CheckConstraint(f"char_length(description) <= {DESCRIPTION_MAX}", name="description_length"),
        CheckConstraint("num_nonnulls(due_on, due_at) <= 1", name="one_due"),
        CheckConstraint(f"priority IN {PRIORITIES}", name="priority"),
        CheckConstraint(f"cardinality(tags) <= {TAGS_MAX} AND array_position(tags, NULL) IS NULL", name="tags"),
        CheckConstraint("\"order\" > '-Infinity' AND \"order\" < 'Infinity'", name="order_finite"),
        CheckConstraint(f"char_length(recurrence) <= {RULE_MAX}", name="recurrence_length"),
        CheckConstraint("recurrence IS NULL OR num_nonnulls(due_on, due_at) = 1", name="recurrence_needs_due"),
        CheckConstraint(f"repeat_from IN {REPEAT_FROM}", name="repeat_from"),
        CheckConstraint(f"char_length(timezone) <= {TIMEZONE_MAX}", name="timezone_length"),
    )


LIVE = Task.deleted_at.is_(None)
TRASHED = Task.deleted_at.is_not(None)


class TaskList(Base):
    """The version counter, the task counts and the write count of a user. The first write creates the row.

    Every change of the user's tasks locks this row first and raises `version` in the same statement, so that versions
    become visible in their order. `live` and `trashed` are numbers of tasks. `purged` is the highest version of a
    purged deletion: a client that has synchronised to a lower version only has missed a deletion. `write_count` is the
    number of writes in the period of the write limit that ends at `write_count_ends_at`.

    The tables of tasks refer to this row, and it refers to the user. So the deletion of an account locks it before any
    task, as a write does.
    """

    __tablename__ = "task_lists"

    user_id: Mapped[str] = mapped_column(ForeignKey(USER_ID, ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    live: Mapped[int] = mapped_column(server_default="0")
    trashed: Mapped[int] = mapped_column(server_default="0")
    purged: Mapped[int] = mapped_column(BigInteger, server_default="0")
    write_count: Mapped[int] = mapped_column(server_default="0")
    write_count_ends_at: Mapped[datetime] = mapped_column(server_default="epoch")

    # Every write updates the row: free space in its page allows heap-only updates (HOT).
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)


class Tombstone(Base):
    """A permanently deleted task, kept so that clients that synchronise learn of the deletion."""

    __tablename__ = "task_tombstones"

    user_id: Mapped[str] = mapped_column(ForeignKey(LIST_ID, ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),
        Index(None, "user_id", "version", "id"),
    )


class IdempotencyKey(Base):
    """The response to a request with an `Idempotency-Key`, saved in the transaction of the request's changes."""

    __tablename__ = "idempotency_keys"

    KEY_MAX: ClassVar[int] = 255

    user_id: Mapped[str] = mapped_column(ForeignKey(USER_ID, ondelete="CASCADE"))
    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    headers: Mapped[list[list[str]]] = mapped_column(JSONB)
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __table_args__ = (PrimaryKeyConstraint("user_id", "key"),)
