"""Count the writes of a user in the task list, and let the tables of tasks refer to it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0005"
down_revision = "0004"

TABLES = ("tasks", "task_tombstones")
MISSING_LISTS = "INSERT INTO task_lists (user_id) SELECT DISTINCT user_id FROM {} ON CONFLICT DO NOTHING"


def upgrade() -> None:
    """Apply the migration. Writes wait while it checks that every task has a list.

    The previous release keeps counting its writes in `rate_limits`.
    """
    op.add_column("task_lists", sa.Column("write_count", sa.Integer, server_default="0", nullable=False))
    ends_at = TIMESTAMP(timezone=True, precision=3)
    op.add_column("task_lists", sa.Column("write_count_ends_at", ends_at, server_default="epoch", nullable=False))
    for table in TABLES:
        op.execute(MISSING_LISTS.format(table))
        refer(table, "task_lists", "user_id", instead_of="users")


def downgrade() -> None:
    """Revert the migration."""
    for table in TABLES:
        refer(table, "users", "id", instead_of="task_lists")
    op.drop_column("task_lists", "write_count_ends_at")
    op.drop_column("task_lists", "write_count")


def refer(table: str, target: str, column: str, *, instead_of: str) -> None:
    """Let the user of a table's rows be that of another table."""
    name = f"fk_{table}_user_id"
    op.create_foreign_key(op.f(f"{name}_{target}"), table, target, ["user_id"], [column], ondelete="CASCADE")
    op.drop_constraint(op.f(f"{name}_{instead_of}"), table, type_="foreignkey")
