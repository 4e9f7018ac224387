"""The commands for accounts and sessions: `flask users …` and `flask sessions …`.

A password is never an argument, which others on the machine could read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from marshmallow import Schema, ValidationError, fields
from sqlalchemy import column, func, select, table

from todo_api.auth import accounts
from todo_api.auth.models import Session, User, is_local
from todo_api.auth.passwords import reset
from todo_api.auth.schemas.sign_in import SignUpSchema
from todo_api.auth.sessions import store
from todo_api.database.execution import fetch_all, fetch_one
from todo_api.http.errors import InvalidInput
from todo_api.http.fields import Instant
from todo_api.http.request_body import flatten_errors
from todo_api.operations.cli import CommandGroup, one_line, pluralize

if TYPE_CHECKING:
    from sqlalchemy import Select

USERS = CommandGroup("users", help="Make, list, change and delete accounts.")
SESSIONS = CommandGroup("sessions", help="Look after the sessions.")

TASKS_USER_ID = table("tasks", column("user_id")).c.user_id
"""Named, not imported: auth knows nothing else of tasks."""

password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
)


class UserRowSchema(Schema):
    """A user as whoever runs the service sees it; the order of the fields is that of the columns."""

    id = fields.String()
    email = fields.String()
    name = fields.String()
    issuer = fields.String()
    created = Instant()
    sessions = fields.Integer()
    tasks = fields.Integer()


@USERS.command("create")
@click.argument("email")
@click.option("--name", help="The name to be shown; without it, the part of the address before the @.")
@password_stdin
def create_user(email: str, name: str | None, *, password_stdin: bool) -> None:
    """Make an account for EMAIL and print its id.

    The password is asked for twice and not shown. What sign-up refuses is refused here as well.
    """
    account = load_account(email=email) if name is None else load_account(email=email, name=name)
    click.echo(accounts.create_account(account | load_account(password=new_password(piped=password_stdin))))


@USERS.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of a table.")
def list_users(*, as_json: bool) -> None:
    """List all users, oldest first.

    One line each, after a line of heads, the columns separated by tabs: id, e-mail, name, issuer of a user whom another
    issuer vouches for, time of creation, number of live sessions and of tasks.
    """
    rows = UserRowSchema(many=True).dump(fetch_all(users_with_counts().order_by(User.created_at, User.id)))
    if as_json:
        click.echo(current_app.json.dumps(rows), nl=False)
        return
    for row in [list(UserRowSchema().fields), *(row.values() for row in rows)]:
        click.echo("\t".join("" if value is None else one_line(str(value)) for value in row))


@USERS.command("set-password")
@click.argument("email")
@password_stdin
def set_password(email: str, *, password_stdin: bool) -> None:
    """Set a new password for the account of EMAIL.

    All its sessions end, and mailed links to reset the password are void. The password is asked for twice and not
    shown.
    """
    address = load_account(email=email)["email"]
    ended = accounts.set_password(address, load_account(password=new_password(piped=password_stdin))["password"])
    if ended is None:
        raise unknown_account(address)
    click.echo(f"Set the password of {address} and ended {pluralize(ended, 'session')}.")


@USERS.command("delete")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_user(email: str, *, yes: bool) -> None:
    """Delete the account of EMAIL, its sessions and its tasks.

    It says how many tasks go with the account and asks first.
    """
    address = load_account(email=email)["email"]
    user = fetch_one(users_with_counts().where(is_local(address)))
    if user is None:
        raise unknown_account(address)
    tasks = pluralize(user["tasks"], "task")
    if not yes:
        click.confirm(f"Delete {address} and {tasks}?", abort=True, err=True)
    accounts.delete_user(user["id"])
    click.echo(f"Deleted {address} and {tasks}.")


@SESSIONS.command("purge")
def purge() -> None:
    """Delete sessions past their end and password resets past their hour.

    They open nothing any more and only take up room. It prints how many there were.
    """
    click.echo(
        f"Deleted {pluralize(store.purge_sessions(), 'session')}"
        f" and {pluralize(reset.purge_resets(), 'password reset')}."
    )


def load_account(**members: str) -> dict[str, Any]:
    """Read members of an account as sign-up does.

    Raises:
        InvalidInput: naming each that is wrong.

    """
    try:
        account: dict[str, Any] = SignUpSchema(only=list(members)).load(members)
    except ValidationError as error:
        raise InvalidInput(list(flatten_errors(error.messages_dict))) from None
    return account


def new_password(*, piped: bool) -> str:
    """Return the password that is typed twice, or all of standard input but the end of its last line."""
    if piped:
        # What is no UTF-8 becomes lone surrogates, which `load_account` refuses.
        return sys.stdin.buffer.read().decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.UsageError("Standard input is no terminal to ask at; use --password-stdin.")
    return click.prompt("Password", type=str, hide_input=True, confirmation_prompt=True, err=True)


def users_with_counts() -> Select[Any]:
    """Return the query of all users with the numbers of their live sessions and of their tasks."""
    live = select(func.count()).where(Session.user_id == User.id, store.is_live()).scalar_subquery()
    tasks = select(func.count()).where(User.id == TASKS_USER_ID).scalar_subquery()
    columns = (User.id, User.email, User.name, User.issuer, User.created_at.label("created"))
    return select(*columns, live.label("sessions"), tasks.label("tasks"))


def unknown_account(email: str) -> click.ClickException:
    """Return the failure that no account has the e-mail."""
    return click.ClickException(f"No account has the e-mail address {email}.")
