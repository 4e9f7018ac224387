"""What the administration commands share.

A failure is one line on standard error and exit code 1. A usage error is exit code 2.
"""

from __future__ import annotations

from typing import Any

import click
import psycopg2
from flask.cli import AppGroup
from psycopg2 import errorcodes

from todo_api.http.error_handlers import database_message
from todo_api.http.errors import Problem

UNDEFINED_OBJECT = {errorcodes.UNDEFINED_TABLE, errorcodes.UNDEFINED_COLUMN}


class CommandGroup(AppGroup):
    """A group of commands that report a failure in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            raise click.ClickException(one_line(problem.detail)) from None
        except psycopg2.Error as error:
            if error.pgcode in UNDEFINED_OBJECT:
                raise click.ClickException(
                    "The database schema does not match this release. Run: flask db upgrade"
                ) from None
            message = one_line(database_message(error).partition("\n")[0])
            raise click.ClickException(f"The database cannot be used: {message}") from None


def pluralize(number: int, noun: str) -> str:
    """Return the number and the noun, in the plural unless the number is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def one_line(text: str) -> str:
    """Escape all characters that would break a line or a column, or control a terminal."""
    return "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
