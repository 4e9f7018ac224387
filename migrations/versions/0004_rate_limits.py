"""The counters of the rate limits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply the step. The table is unlogged: what it counts need not outlive a crash."""
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("ends_at", TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_limits")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_rate_limits_ends_at", "rate_limits", ["ends_at"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("rate_limits")
