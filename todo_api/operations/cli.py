"""What the administration commands share.

A failure is one line on standard error and exit code 1. A usage error is exit code 2.
"""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import click
import psycopg2
from flask import current_app
from flask.cli import AppGroup
from psycopg2 import errorcodes

from todo_api.http.error_handlers import database_message
from todo_api.http.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from marshmallow import Schema

    from todo_api.database.statements import Row

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
            raise failure(error) from None


def failure(error: psycopg2.Error) -> click.ClickException:
    """Return the error of a command for an error of the database."""
    if error.pgcode in UNDEFINED_OBJECT:
        return click.ClickException("The database schema does not match this release. Run: flask db upgrade")
    message = one_line(database_message(error).partition("\n")[0])
    return click.ClickException(f"The database cannot be used: {message}")


def count_up(label: str, numbers: Iterable[int]) -> int:
    """Return the sum of the numbers. A terminal shows the progress."""
    total = 0
    for number in numbers:
        total += number
        if sys.stderr.isatty():
            click.echo(f"\r{label}: {total}", err=True, nl=False)
    if total and sys.stderr.isatty():
        click.echo(err=True)
    return total


def print_rows(schema: Schema, slices: Iterable[list[Row]], *, as_json: bool) -> None:
    """Print rows slice by slice, as a JSON array or as lines.

    The first line has the names of the fields. The columns are separated by tabs. If the first slice cannot be read,
    nothing is printed.
    """
    remaining = iter(slices)
    first = next(remaining, [])
    rows = (row for rows in chain([first], remaining) for row in schema.dump(rows, many=True))
    if as_json:
        print_json(rows)
        return
    click.echo("\t".join(schema.fields))
    for row in rows:
        click.echo("\t".join(map(cell, row.values())))


def print_json(rows: Iterable[Row]) -> None:
    """Print rows as a JSON array, each on a line of its own."""
    separator = "["
    for row in rows:
        click.echo(separator + current_app.json.dumps(row), nl=False)
        separator = ","
    click.echo("]" if separator == "," else "[]")


def cell(value: object) -> str:
    """Return a value as the text of a column."""
    if value is None:
        return ""
    return one_line(" ".join(value) if isinstance(value, list) else str(value))


def pluralize(number: int, noun: str) -> str:
    """Return the number and the noun, in the plural unless the number is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def one_line(text: str) -> str:
    """Escape all characters that would break a line or a column, or control a terminal."""
    return "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
