"""Add recurrence rules to tasks."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

CHECKS = {
    "recurrence_length": "char_length(recurrence) <= 200",
    "recurrence_needs_due": "recurrence IS NULL OR num_nonnulls(due_on, due_at) = 1",
    "repeat_from": "repeat_from IN ('due', 'completion')",
    "timezone_length": "char_length(timezone) <= 64",
}


def new_columns() -> list[sa.Column[Any]]:
    """Return the new columns of a task. They are nullable, so that the migration writes no task."""
    return [
        sa.Column("recurrence", sa.Text),
        sa.Column("repeat_from", sa.Text),
        sa.Column("timezone", sa.Text),
        sa.Column("next_id", sa.BigInteger),
    ]


def upgrade() -> None:
    """Apply the migration. It reads every task for each check and locks the table meanwhile.

    The previous release completes a repeating task without a successor, and keeps its rule.
    """
    for column in new_columns():
        op.add_column("tasks", column)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_tasks_{name}"), "tasks", condition)


def downgrade() -> None:
    """Revert the migration, and drop the rules."""
    for column in new_columns():
        op.drop_column("tasks", column.name)
