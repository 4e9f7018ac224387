"""The Alembic environment of `flask db`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context
from flask import current_app

from todo_api.extensions import db

if TYPE_CHECKING:
    from alembic.operations import MigrationScript
    from alembic.runtime.migration import MigrationContext

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
"""Fail rather than queue behind a long transaction, because every request would queue behind the migration."""
STATEMENT_TIMEOUT = "SET LOCAL statement_timeout = 0"
"""The service's own timeout would cancel the creation of an index. A pooler shares the settings of a session."""


def number_revision(ctx: MigrationContext, _revision: object, scripts: list[MigrationScript]) -> None:
    """Give a new revision the number after the newest one. `flask db migrate` drops a draft that changes nothing."""
    (script,) = scripts
    newest = ctx.script.get_current_head() if ctx.script else None
    script.rev_id = f"{int(newest or 0) + 1:04}"
    if getattr(context.config.cmd_opts, "autogenerate", False) and script.upgrade_ops and script.upgrade_ops.is_empty():
        scripts.clear()


def run_offline() -> None:
    """Print the SQL, for `flask db upgrade --sql`."""
    context.configure(url=db.engine.url, target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the migrations in one transaction. One that commits by itself, as 0010 does, ends the timeouts too."""
    options = current_app.extensions["migrate"].configure_args
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            **options | {"process_revision_directives": number_revision},
        )
        with context.begin_transaction():
            connection.exec_driver_sql(LOCK_TIMEOUT)
            connection.exec_driver_sql(STATEMENT_TIMEOUT)
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
