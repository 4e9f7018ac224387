"""The commands for API keys: `flask keys …`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click
from marshmallow import Schema, fields
from sqlalchemy import select

from todo_api.auth.api_keys import store
from todo_api.auth.api_keys.notice import mail_notice
from todo_api.auth.api_keys.scopes import DEFAULT_SCOPES, SCOPES
from todo_api.auth.cli import load_account, unknown_account
from todo_api.auth.directory import is_local
from todo_api.auth.models import APIKey, User
from todo_api.database.execution import fetch_one
from todo_api.database.slices import slices
from todo_api.http.fields import Instant
from todo_api.operations.cli import CommandGroup, print_rows

if TYPE_CHECKING:
    from todo_api.database.statements import Row

KEYS = CommandGroup("keys", help="Create, list and revoke API keys.")


class KeyRowSchema(Schema):
    """A row of `flask keys list`. The order of the fields is that of the columns."""

    id = fields.String()
    email = fields.String()
    name = fields.String()
    scopes = fields.List(fields.String())
    enabled = fields.Boolean()
    created = Instant()
    expires = Instant()
    used = fields.Date()


@KEYS.command("create")
@click.argument("email")
@click.option("--name", help="What the key is for.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="Repeatable. The default is all of tasks."
)
@click.option("--days", type=click.IntRange(1, 365), help="Days until the key expires. By default it does not.")
def create_key(email: str, name: str | None, scopes: tuple[str, ...], days: int | None) -> None:
    """Create an API key for the account of EMAIL and print it.

    It is not shown again. If the service sends mail, the user is told.
    """
    user = find_account(email)
    if name and len(name) > APIKey.NAME_MAX:
        raise click.BadParameter(f"at most {APIKey.NAME_MAX} characters", param_hint="--name")
    values = {
        "name": name,
        "scopes": [scope for scope in SCOPES if scope in (scopes or DEFAULT_SCOPES)],
        "expires_in": days and timedelta(days=days).total_seconds(),
    }
    key = store.create_key(user["id"], None, values)
    mail_notice(user["email"], key.row)
    click.echo(key.text)


@KEYS.command("list")
@click.argument("email", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of a table.")
def list_keys(email: str | None, *, as_json: bool) -> None:
    """List the API keys of all accounts, or of that of EMAIL, account by account.

    Prints a header line and one line per key, with columns separated by tabs: id, e-mail, name, scopes, whether it is
    enabled, time of creation, time of expiry, day of last use.
    """
    columns = (
        APIKey.created_at.label("created"),
        APIKey.expires_at.label("expires"),
        APIKey.last_used_on.label("used"),
    )
    keys = select(APIKey.user_id, APIKey.id, User.email, APIKey.name, APIKey.scopes, APIKey.enabled, *columns)
    keys = keys.join(User, User.id == APIKey.user_id)
    if email:
        keys = keys.where(APIKey.user_id == find_account(email)["id"])
    print_rows(KeyRowSchema(), slices(keys, APIKey.user_id, APIKey.id), as_json=as_json)


@KEYS.command("revoke")
@click.argument("email")
@click.argument("key_id")
def revoke_key(email: str, key_id: str) -> None:
    """Delete the API key KEY_ID of the account of EMAIL.

    The key is refused from the next request on. Its id is in `flask keys list`, and in a key the characters 28 to 38.
    """
    store.delete_key(find_account(email)["id"], key_id)
    click.echo(f"Revoked the key {key_id}.")


def find_account(email: str) -> Row:
    """Return the row of an account.

    Raises:
        ClickException: no account has the e-mail.

    """
    address = load_account(email=email)["email"]
    user = fetch_one(select(User.id, User.email).where(is_local(address)))
    if user is None:
        raise unknown_account(address)
    return user
