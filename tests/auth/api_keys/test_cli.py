"""The commands for API keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.actors import Actor
from tests.support.api_keys import create_key, with_key
from tests.support.cli import CLI, fails
from tests.support.databases import application, execute
from tests.support.log_lines import HOSTILE
from tests.support.mail import read_mbox
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    return tmp_path / "mails"


@pytest.fixture
def ada(fresh_database: str, mbox: Path) -> Actor:
    return Actor.sign_up(application(fresh_database, mail_url=mbox.as_uri()), "Ada")


@pytest.fixture
def flask(ada: Actor) -> CLI:
    return CLI(ada.client.application)


def succeeds(result: Result) -> str:
    """Return what a command printed."""
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_create_prints_a_key_that_opens_the_tasks(flask: CLI, ada: Actor, mbox: Path) -> None:
    key = succeeds(flask("keys", "create", ada.email.upper())).removesuffix("\n")
    assert re.fullmatch("todo_[0-9A-Za-z]{82}", key)
    assert with_key(ada, key, "POST", "/tasks", json={"title": "x"}).status_code == 201
    outbox.queue.join()
    (mail,) = read_mbox(mbox)
    assert mail["To"] == ada.email
    assert key not in mbox.read_text()


def test_create_accepts_a_name_scopes_and_days(flask: CLI, ada: Actor, fresh_database: str) -> None:
    options = ["--name", "backup", "--scope", "tasks:read", "--scope", "tasks:read", "--days", "30"]
    key = succeeds(flask("keys", "create", ada.email, *options)).removesuffix("\n")
    assert with_key(ada, key, "GET", "/tasks").status_code == 200
    assert with_key(ada, key, "POST", "/tasks", json={"title": "x"}).status_code == 403
    columns = "name, scopes, expires_at - created_at = interval '30 days'"
    assert execute(fresh_database, f"SELECT {columns} FROM api_keys") == [("backup", ["tasks:read"], True)]


@pytest.mark.parametrize(
    "options", [["--scope", "tasks:manage"], ["--days", "0"], ["--days", "366"], ["--name", "x" * 65]]
)
def test_a_wrong_option_is_a_usage_error(flask: CLI, ada: Actor, options: list[str]) -> None:
    result = flask("keys", "create", ada.email, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert options[0] in result.stderr


@pytest.mark.parametrize("command", [["create"], ["list"], ["revoke"]])
def test_an_unknown_account_is_an_error(flask: CLI, command: list[str]) -> None:
    key_id = ["x"] if command == ["revoke"] else []
    assert fails(flask("keys", *command, "nobody@example.com", *key_id), "No account has the e-mail address")
    assert fails(flask("keys", *command, "nobody", *key_id), "email")


def test_the_limit_holds_for_commands(flask: CLI, ada: Actor, fresh_database: str) -> None:
    insert = "INSERT INTO api_keys (user_id, id, hash, scopes) SELECT %s, i::text, '', '{tasks:read}'"
    execute(fresh_database, f"{insert} FROM generate_series(1, 50) i", ada.id)
    assert fails(flask("keys", "create", ada.email), "50 API keys")


def test_list_prints_the_keys_of_all_accounts_or_of_one(flask: CLI, ada: Actor) -> None:
    assert succeeds(flask("keys", "list")) == "id\temail\tname\tscopes\tenabled\tcreated\texpires\tused\n"
    first = create_key(ada, name=HOSTILE.replace("\udc80", "").replace("\0", ""), expiresIn=86_400)
    bob = Actor.sign_up(flask.app, "Bob")
    second = create_key(bob, permissions={"tasks": ["read"]})
    with_key(bob, second["key"], "GET", "/tasks")
    header, *lines = succeeds(flask("keys", "list")).splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    rows.sort(key=lambda row: row["email"])
    assert [(row["id"], row["email"], row["scopes"]) for row in rows] == [
        (first["id"], ada.email, "tasks:read tasks:write"),
        (second["id"], bob.email, "tasks:read"),
    ]
    assert (rows[0]["expires"], rows[0]["used"], rows[1]["name"]) == (first["expiresAt"], "", "")
    assert rows[0]["name"].startswith("a\\nb\\r\\x1b")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", rows[1]["used"])
    printed = json.loads(succeeds(flask("keys", "list", bob.email, "--json")))
    assert [(row["id"], row["scopes"], row["enabled"]) for row in printed] == [(second["id"], ["tasks:read"], True)]
    assert second["key"] not in str(printed)


def test_revoke_deletes_a_key(flask: CLI, ada: Actor) -> None:
    key = create_key(ada)
    assert succeeds(flask("keys", "revoke", ada.email, key["key"][27:38])) == f"Revoked the key {key['id']}.\n"
    assert with_key(ada, key["key"], "GET", "/tasks").status_code == 401
    assert fails(flask("keys", "revoke", ada.email, key["id"]), "API Key not found")


def test_revoke_deletes_no_key_of_another_account(flask: CLI, ada: Actor) -> None:
    key = create_key(Actor.sign_up(flask.app, "Bob"))
    assert fails(flask("keys", "revoke", ada.email, key["id"]), "API Key not found")
