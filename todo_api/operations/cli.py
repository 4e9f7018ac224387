"""What the commands of whoever runs the service have in common.

A failure is one line on standard error and exit code 1, a wrong call is 2.
"""

from __future__ import annotations

from typing import Any

import click
import psycopg2
from flask.cli import AppGroup

from todo_api.http.error_handlers import database_message
from todo_api.http.errors import Problem

UNDEFINED_OBJECT = {"42P01", "42703"}
"""PostgreSQL's codes for a table and for a column that is not there."""


class CommandGroup(AppGroup):
    """Commands whose failures are told in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is asked for."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            raise click.ClickException(one_line(problem.detail)) from None
        except psycopg2.Error as error:
            if error.pgcode in UNDEFINED_OBJECT:
                raise click.ClickException(
                    "The database is not up to date; bring it there by: flask db upgrade"
                ) from None
            words = one_line(database_message(error).partition("\n")[0])
            raise click.ClickException(f"The database cannot be used: {words}") from None


def pluralize(number: int, noun: str) -> str:
    """Return the number and the noun, in the plural unless it is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def one_line(text: str) -> str:
    """Escape what would break a line or a column, or steer a terminal."""
    return "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
