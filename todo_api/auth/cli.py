"""The commands for accounts and sessions: `flask users …` and `flask sessions …`.

A password is never an argument, because other users of the machine can read arguments.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from marshmallow import Schema, ValidationError, fields
from sqlalchemy import column, func, select, table

from todo_api.auth import accounts
from todo_api.auth.directory import is_local
from todo_api.auth.models import Session, User
from todo_api.auth.passwords import reset
from todo_api.auth.schemas.sign_in import SignUpSchema
from todo_api.auth.sessions import store
from todo_api.auth.verification.verify_email import verify_email_of
from todo_api.database.execution import fetch_one
from todo_api.database.slices import slices
from todo_api.http.errors import InvalidInput
from todo_api.http.fields import Instant
from todo_api.http.request_body import flatten_errors
from todo_api.operations.cli import CommandGroup, count_up, pluralize, print_rows

if TYPE_CHECKING:
    from sqlalchemy import Select

USERS = CommandGroup("users", help="Create, list, change, verify and delete accounts.")
SESSIONS = CommandGroup("sessions", help="Maintain sessions.")

TASK_LISTS = table("task_lists", column("user_id"), column("live"), column("trashed"))
"""The counts of tasks. Named, not imported: auth does not import tasks."""

password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of a prompt."
)


class UserRowSchema(Schema):
    """A row of `flask users list`. The order of the fields is that of the columns."""

    id = fields.String()
    email = fields.String()
    name = fields.String()
    issuer = fields.String()
    created = Instant()
    sessions = fields.Integer()
    tasks = fields.Integer()


@USERS.command("create")
@click.argument("email")
@click.option("--name", help="The display name. The default is the part of EMAIL before the @.")
@password_stdin
def create_user(email: str, name: str | None, *, password_stdin: bool) -> None:
    """Create an account for EMAIL and print its id.

    Prompts for the password twice and hides the input. The rules are those of sign-up.
    """
    account = load_account(email=email) if name is None else load_account(email=email, name=name)
    click.echo(accounts.create_account(account | load_account(password=read_password(piped=password_stdin))))


@USERS.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of a table.")
def list_users(*, as_json: bool) -> None:
    """List all users, in the order of their ids.

    Prints a header line and one line per user, with columns separated by tabs: id, e-mail, name, issuer (of an external
    user), time of creation, number of live sessions, number of tasks.
    """
    print_rows(UserRowSchema(), slices(users_with_counts(), User.id), as_json=as_json)


@USERS.command("set-password")
@click.argument("email")
@password_stdin
def set_password(email: str, *, password_stdin: bool) -> None:
    """Set the password of the account of EMAIL.

    Ends all sessions of the account and voids its reset links. Prompts for the password twice and hides the input.
    """
    address = load_account(email=email)["email"]
    ended = reset.set_password(address, load_account(password=read_password(piped=password_stdin))["password"])
    if ended is None:
        raise unknown_account(address)
    click.echo(f"Set the password of {address} and ended {pluralize(ended, 'session')}.")


@USERS.command("verify")
@click.argument("email")
def verify(email: str) -> None:
    """Set the e-mail address EMAIL to verified.

    Use it for an owner whom you know, where REQUIRE_EMAIL_VERIFICATION is true and no mail can reach the owner.
    """
    address = load_account(email=email)["email"]
    if not verify_email_of(address):
        raise unknown_account(address)
    click.echo(f"Verified {address}.")


@USERS.command("delete")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def delete_user(email: str, *, yes: bool) -> None:
    """Delete the account of EMAIL, its sessions and its tasks.

    Prints the number of tasks and asks for confirmation first.
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
    """Delete ended sessions and expired password resets.

    They are not valid any more and only use disk space. They are deleted in slices, which a terminal counts: if the
    command is interrupted, run it again. Prints how many were deleted.
    """
    sessions = count_up("Deleted sessions", store.purge_sessions())
    resets = count_up("Deleted password resets", reset.purge_resets())
    click.echo(f"Deleted {pluralize(sessions, 'session')} and {pluralize(resets, 'password reset')}.")


def load_account(**values: str) -> dict[str, Any]:
    """Validate values of an account with the schema of sign-up.

    Raises:
        InvalidInput: with an error for each invalid field.

    """
    try:
        account: dict[str, Any] = SignUpSchema(only=list(values)).load(values)
    except ValidationError as error:
        raise InvalidInput(list(flatten_errors(error.messages_dict))) from None
    return account


def read_password(*, piped: bool) -> str:
    """Return the password from a prompt, or standard input without its last line break."""
    if piped:
        # Bytes that are not UTF-8 become lone surrogates, which `load_account` rejects.
        return sys.stdin.buffer.read().decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.UsageError("Standard input is not a terminal; use --password-stdin.")
    return click.prompt("Password", type=str, hide_input=True, confirmation_prompt=True, err=True)


def users_with_counts() -> Select[Any]:
    """Return the query of all users with the number of their live sessions and of their tasks."""
    sessions = select(func.count()).where(Session.user_id == User.id, store.is_live()).scalar_subquery()
    tasks = func.coalesce(TASK_LISTS.c.live + TASK_LISTS.c.trashed, 0)
    columns = (User.id, User.email, User.name, User.issuer, User.created_at.label("created"))
    users = User.__table__.outerjoin(TASK_LISTS, TASK_LISTS.c.user_id == User.id)
    return select(*columns, sessions.label("sessions"), tasks.label("tasks")).select_from(users)


def unknown_account(email: str) -> click.ClickException:
    """Return the error for an e-mail without an account."""
    return click.ClickException(f"No account has the e-mail address {email}.")
