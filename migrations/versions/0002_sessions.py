"""Add sessions, password resets, and users of an external issuer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0002"
down_revision = "0001"

MOMENT = TIMESTAMP(timezone=True, precision=3)
NOW = sa.func.now()


def upgrade() -> None:
    """Apply the migration."""
    op.add_column("users", sa.Column("issuer", sa.Text))
    op.alter_column("users", "email", nullable=True)
    op.alter_column("users", "password_hash", nullable=True)
    op.create_check_constraint(
        op.f("ck_users_local"),
        "users",
        "issuer IS NOT NULL OR (email IS NOT NULL AND password_hash IS NOT NULL)",
    )
    op.create_check_constraint(op.f("ck_users_image_length"), "users", "char_length(image) <= 2048")
    op.create_index(
        "uq_users_local_email",
        "users",
        [sa.text("lower(email)")],
        unique=True,
        postgresql_where=sa.text("issuer IS NULL"),
    )
    op.drop_index("uq_users_lower_email", "users")
    op.create_table(
        "sessions",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("remembered", sa.Boolean, nullable=False),
        sa.Column("generation", sa.Integer, server_default="0", nullable=False),
        sa.Column("rotated_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("parent_rotated_at", MOMENT),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("ip_address", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_sessions")),
        sa.CheckConstraint("char_length(user_agent) <= 512", name=op.f("ck_sessions_user_agent_length")),
    )
    op.create_index("ix_sessions_ends_at", "sessions", ["ends_at"])
    op.create_table(
        "password_resets",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "token_hash", name=op.f("pk_password_resets")),
    )
    for table in ("sessions", "password_resets"):
        op.create_foreign_key(f"fk_{table}_user_id_users", table, "users", ["user_id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    """Revert the migration, and delete the users of an external issuer, which the older schema cannot store."""
    op.drop_table("password_resets")
    op.drop_table("sessions")
    op.execute("DELETE FROM users WHERE issuer IS NOT NULL")
    op.create_index("uq_users_lower_email", "users", [sa.text("lower(email)")], unique=True)
    op.drop_index("uq_users_local_email", "users")
    op.drop_constraint("ck_users_image_length", "users")
    op.drop_constraint("ck_users_local", "users")
    op.alter_column("users", "password_hash", nullable=False)
    op.alter_column("users", "email", nullable=False)
    op.drop_column("users", "issuer")
