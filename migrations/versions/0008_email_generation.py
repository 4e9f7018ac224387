"""Add the generation of a user's e-mail, which each change raises."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply the migration. The default is constant, so that no row is rewritten."""
    op.add_column("users", sa.Column("email_generation", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Revert the migration."""
    op.drop_column("users", "email_generation")
