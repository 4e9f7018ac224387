"""The creation of API keys: what is shown, stored, mailed and logged of a new key, and how many there can be."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.actors import Actor
from tests.support.api_keys import API_KEY, DAY, FULL, READ, create_key, list_keys, send, with_key, without_text
from tests.support.credentials import bearer
from tests.support.databases import application, execute
from tests.support.locks import LOCK_USER, locking, wait_for_lock
from tests.support.mail import read_mbox
from tests.support.problems import status_and_code
from tests.support.timestamps import instant
from todo_api.mail.outbox import outbox

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_key_has_the_properties_of_better_auth(alice: Actor) -> None:
    key = create_key(alice, name="backup", expiresIn=2 * DAY)
    assert key["key"].startswith(key["start"])
    assert len(key["key"]) == 87
    assert (key["name"], key["prefix"], key["enabled"], key["permissions"]) == ("backup", "todo_", True, FULL)
    assert (key["referenceId"], key["configId"], key["lastRequest"]) == (alice.id, "default", None)
    assert instant(key["expiresAt"]) - instant(key["createdAt"]) == timedelta(days=2)
    unused = ("metadata", "remaining", "refillAmount", "refillInterval", "lastRefillAt", "rateLimitMax")
    assert {key[name] for name in unused} == {None}


@pytest.mark.shows("API keys at rest")
def test_the_text_of_a_key_is_shown_once_and_stored_as_a_hash(database: str, alice: Actor) -> None:
    key = create_key(alice)
    shown = alice.client.get(f"{API_KEY}/get?id={key['id']}", headers=bearer(alice.token))
    assert shown.get_json() == without_text(key)
    assert list_keys(alice)["apiKeys"] == [without_text(key)]
    updated = send(alice, "update", keyId=key["id"], name="x").get_json()
    assert "key" not in updated
    ((row,),) = execute(database, "SELECT api_keys::text FROM api_keys WHERE user_id = %s", alice.id)
    assert isinstance(row, str)
    assert key["key"] not in row
    assert key["key"][38:81] not in row


def test_a_session_that_ends_meanwhile_creates_no_key(database: str, alice: Actor) -> None:
    with locking(database, LOCK_USER, alice.id) as commit, ThreadPoolExecutor(1) as thread:
        created = thread.submit(send, alice, "create")
        wait_for_lock(database)
        execute(database, "DELETE FROM sessions WHERE user_id = %s", alice.id)
        commit()
        assert status_and_code(created.result()) == (401, "UNAUTHORIZED_SESSION")
    assert execute(database, "SELECT FROM api_keys WHERE user_id = %s", alice.id) == []


def test_the_fifty_first_key_is_403(alice: Actor, database: str) -> None:
    key = create_key(alice)
    insert = "INSERT INTO api_keys (user_id, id, hash, scopes) SELECT %s, i::text, '', '{tasks:read}'"
    execute(database, f"{insert} FROM generate_series(1, 49) i", alice.id)
    assert status_and_code(send(alice, "create")) == (403, "API_KEY_LIMIT_REACHED")
    assert send(alice, "delete", keyId=key["id"]).status_code == 200
    assert send(alice, "create").status_code == 200


def test_keys_are_limited_per_account(alice: Actor) -> None:
    responses = [send(alice, "create") for _ in range(6)]
    assert [response.status_code for response in responses] == [200] * 5 + [429]
    assert int(responses[-1].headers["Retry-After"]) > 0


@pytest.mark.shows("API keys notice")
def test_a_mail_tells_the_owner_of_a_new_key_and_has_no_secret(fresh_database: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    ada = Actor.sign_up(application(fresh_database, mail_url=mails.as_uri()), "Ada")
    key = create_key(ada, name="see https://evil.example", permissions=READ)
    outbox.queue.join()
    (mail,) = read_mbox(mails)
    text = mail.get_content()
    assert mail["To"] == ada.email
    assert key["id"] in text
    assert "tasks:read" in text
    for secret in (key["key"], key["key"][38:81], key["start"], "evil"):
        assert secret not in mails.read_text()


def test_the_log_names_the_key_by_its_id(alice: Actor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "todo_api.events"):
        key = create_key(alice)
        with_key(alice, key["key"], "GET", "/tasks/0")
        with_key(alice, key["key"][:-1] + "-", "GET", "/tasks")
    events = [record.getMessage() for record in caplog.records]
    assert "create_api_key" in events
    assert key["key"] not in caplog.text


def test_times_are_those_of_the_service(alice: Actor) -> None:
    created = instant(create_key(alice)["createdAt"])
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=5)
