"""Add calendar feeds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "0006"
down_revision = "0005"

CHECKS = {
    "name_length": "char_length(name) BETWEEN 1 AND 100",
    "component": "component IN ('events', 'todos')",
    "priorities": "priorities <@ ARRAY['low', 'medium', 'high']",
    "tags": "cardinality(tags) <= 20 AND array_position(tags, NULL) IS NULL",
}


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "calendar_feeds",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("completed", sa.Boolean),
        sa.Column("priorities", ARRAY(sa.Text), nullable=False),
        sa.Column("tags", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True, precision=3), server_default=sa.func.now(), nullable=False),
        sa.Column("last_read_on", sa.Date),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_calendar_feeds")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_calendar_feeds_user_id_users"), ondelete="CASCADE"
        ),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_calendar_feeds_{name}")) for name, condition in CHECKS.items()),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("calendar_feeds")
