"""Add API keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "0007"
down_revision = "0006"

MOMENT = TIMESTAMP(timezone=True, precision=3)


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "api_keys",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("enabled", sa.Boolean, server_default="true", nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("last_used_on", sa.Date),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_api_keys")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id_users"), ondelete="CASCADE"),
        sa.CheckConstraint("char_length(name) <= 64", name=op.f("ck_api_keys_name_length")),
        sa.CheckConstraint("cardinality(scopes) > 0", name=op.f("ck_api_keys_has_scope")),
    )


def downgrade() -> None:
    """Revert the migration, and delete the keys."""
    op.drop_table("api_keys")
