"""Add the directory of e-mail addresses, and keep it filled while the previous release writes to `users` alone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

FUNCTION = """
CREATE OR REPLACE FUNCTION record_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO emails (email, user_id) VALUES (lower(NEW.email), NEW.id)
        ON CONFLICT (user_id) DO UPDATE SET email = excluded.email WHERE emails.email <> excluded.email;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE OR REPLACE TRIGGER record_email AFTER INSERT OR UPDATE OF email ON users
    FOR EACH ROW WHEN (NEW.issuer IS NULL) EXECUTE FUNCTION record_email()
"""
COPY = """
WITH slice AS (SELECT id, email, issuer FROM users WHERE id > :copied ORDER BY id LIMIT {limit} FOR KEY SHARE),
     copied AS (
         INSERT INTO emails (email, user_id) SELECT lower(email), id FROM slice WHERE issuer IS NULL
             ON CONFLICT DO NOTHING
     )
SELECT max(id) FROM slice
"""


def upgrade() -> None:
    """Apply the migration. It can be run again if it was interrupted.

    The trigger is committed before the copy, so that the copy misses no account. Slices of a thousand accounts are
    committed one by one: no change of an e-mail and no deletion of an account waits for more than one of them. A
    million accounts take about a minute and a half.

    A later release drops the trigger, and the index on `users`, once no process of the previous release runs.
    """
    op.create_table(
        "emails",
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_emails")),
        sa.UniqueConstraint("user_id", name=op.f("uq_emails_user_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_emails_user_id_users"), ondelete="CASCADE"),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_emails_lower_case")),
        if_not_exists=True,
    )
    op.execute(FUNCTION)
    op.execute(TRIGGER)
    with op.get_context().autocommit_block():
        copy_accounts()


def copy_accounts() -> None:
    """Copy the addresses in slices. Each is a statement of its own, within the timeout of statements."""
    if op.get_context().as_sql:
        op.execute(sa.text(COPY.format(limit="ALL")).bindparams(copied=""))
        return
    slice_statement = sa.text(COPY.format(limit=1_000))
    copied: str | None = ""
    while copied is not None:
        copied = op.get_bind().scalar(slice_statement, {"copied": copied})


def downgrade() -> None:
    """Revert the migration."""
    op.execute("DROP TRIGGER record_email ON users")
    op.execute("DROP FUNCTION record_email")
    op.drop_table("emails")
