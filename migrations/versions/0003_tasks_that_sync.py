"""Add due, priority, tags, order, versions and trash to tasks; add task lists, tombstones and idempotency keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

revision = "0003"
down_revision = "0002"

MOMENT = TIMESTAMP(timezone=True, precision=3)
NOW = sa.func.now()
CHECKS = {
    "one_due": "num_nonnulls(due_on, due_at) <= 1",
    "priority": "priority IN ('low', 'medium', 'high')",
    "tags": "cardinality(tags) <= 20 AND array_position(tags, NULL) IS NULL",
    "order_finite": "\"order\" > '-Infinity' AND \"order\" < 'Infinity'",
}
PLACE_IN_ORDER = """
UPDATE tasks SET "order" = 1024 * place, completed_at = CASE WHEN completed THEN updated_at END
  FROM (SELECT user_id AS owner, id AS number, row_number() OVER (PARTITION BY user_id ORDER BY id) AS place
          FROM tasks) AS placed
 WHERE user_id = owner AND id = number
"""
COUNT = "INSERT INTO task_lists (user_id, live) SELECT user_id, count(*) FROM tasks GROUP BY user_id"


def new_columns() -> list[sa.Column[Any]]:
    """Return the new columns of a task."""
    return [
        sa.Column("due_on", sa.Date),
        sa.Column("due_at", MOMENT),
        sa.Column("priority", sa.Text),
        sa.Column("tags", ARRAY(sa.Text), server_default="{}", nullable=False),
        sa.Column("order", sa.Double, server_default="0", nullable=False),
        sa.Column("completed_at", MOMENT),
        sa.Column("deleted_at", MOMENT),
        sa.Column("version", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("uid", sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False),
    ]


def upgrade() -> None:
    """Apply the migration. It writes every task twice and locks the table meanwhile.

    Tasks that the previous release changes afterwards get no version: `flask tasks recount` counts them, but the route
    `/tasks/changes` does not return them.
    """
    for column in new_columns():
        op.add_column("tasks", column)
    op.execute(PLACE_IN_ORDER)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_tasks_{name}"), "tasks", condition)
    op.create_unique_constraint(op.f("uq_tasks_user_id_uid"), "tasks", ["user_id", "uid"])
    op.create_index("ix_tasks_user_id_version_id", "tasks", ["user_id", "version", "id"])
    live, trashed = sa.text("deleted_at IS NULL"), sa.text("deleted_at IS NOT NULL")
    op.create_index("ix_tasks_user_id_order_id", "tasks", ["user_id", "order", "id"], postgresql_where=live)
    op.create_index("ix_tasks_deleted_at", "tasks", ["deleted_at"], postgresql_where=trashed)
    create_tables()
    op.execute(COUNT)


def create_tables() -> None:
    """Create the other tables."""
    op.create_table(
        "task_lists",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("live", sa.Integer, server_default="0", nullable=False),
        sa.Column("trashed", sa.Integer, server_default="0", nullable=False),
        sa.Column("purged", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_task_lists")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "task_tombstones",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", MOMENT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_task_tombstones")),
    )
    op.create_index("ix_task_tombstones_user_id_version_id", "task_tombstones", ["user_id", "version", "id"])
    op.create_index("ix_task_tombstones_deleted_at", "task_tombstones", ["deleted_at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    for table in ("task_lists", "task_tombstones", "idempotency_keys"):
        op.create_foreign_key(f"fk_{table}_user_id_users", table, "users", ["user_id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    """Revert the migration, and delete the tasks in the trash, which the older release would show."""
    for table in ("task_lists", "task_tombstones", "idempotency_keys"):
        op.drop_table(table)
    op.execute("DELETE FROM tasks WHERE deleted_at IS NOT NULL")
    for column in new_columns():
        op.drop_column("tasks", column.name)
