"""Index the expiry of password resets, for their purge."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply the migration. The table is small: a link lasts an hour, and the purge deletes it."""
    op.create_index(op.f("ix_password_resets_expires_at"), "password_resets", ["expires_at"])


def downgrade() -> None:
    """Revert the migration."""
    op.drop_index(op.f("ix_password_resets_expires_at"), "password_resets")
