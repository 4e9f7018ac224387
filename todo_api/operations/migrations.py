"""`flask db`: the commands of Flask-Migrate, and `distribute`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from todo_api.extensions import db
from todo_api.operations.distribution import distribute

if TYPE_CHECKING:
    from flask import Flask


def init_migrations(app: Flask) -> None:
    """Add `flask db`. A worker does without Flask-Migrate and Alembic, which take a tenth of its start."""
    from flask_migrate import Migrate  # noqa: PLC0415 - as the docstring says
    from flask_migrate.cli import db as commands  # noqa: PLC0415 - see above

    Migrate(app, db, render_as_batch=False)
    commands.add_command(distribute)
