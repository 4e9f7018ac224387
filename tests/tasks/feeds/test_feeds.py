"""The feeds of a user: create, list and delete them, up to the limit."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.cli import CLI
from tests.support.databases import application, execute
from tests.support.feeds import create_feed, read_feed
from tests.support.locks import locking, wait_for_lock
from tests.support.problems import error_pointers, status_and_code
from tests.support.statements import record_statements
from todo_api.tasks.feeds.queries import FEEDS_MAX
from todo_api.tasks.sync import encryption

if TYPE_CHECKING:
    from flask import Flask

DEFAULTS = {"name": None, "filter": {"completed": False, "priority": [], "tag": []}, "as": "events"}
FEED_FIELDS = ["id", "name", "filter", "as", "created_at", "last_read_on"]


def test_a_new_feed_has_its_url_and_the_defaults(alice: Actor) -> None:
    response = alice.post("/feeds", json={})
    feed = response.get_json()
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert list(feed) == [*FEED_FIELDS, "url"]
    assert {name: feed[name] for name in DEFAULTS} == DEFAULTS
    assert feed["last_read_on"] is None
    assert re.fullmatch(r"http://localhost:8000/api/feeds/[\w-]{90,}\.ics", feed["url"])


def test_a_feed_has_the_given_fields(alice: Actor) -> None:
    fields = {
        "name": "Home",
        "filter": {"completed": None, "priority": ["low", "high"], "tag": ["home", "ü"]},
        "as": "todos",
    }
    feed = alice.post("/feeds", json={**fields, "id": 7, "url": "x", "unknown": 1}).get_json()
    assert {name: feed[name] for name in fields} == fields
    assert feed["id"] != 7


def test_a_list_has_the_feeds_without_their_urls(alice: Actor) -> None:
    assert alice.get("/feeds").json == []
    created = [alice.post("/feeds", json={"name": name}).get_json() for name in ("b", "a")]
    response = alice.get("/feeds")
    assert response.get_json() == [{name: feed[name] for name in FEED_FIELDS} for feed in created]
    assert "url" not in response.text


def test_a_deleted_feed_is_not_found(alice: Actor) -> None:
    path = create_feed(alice)
    (feed,) = alice.get("/feeds").get_json()
    response = alice.delete(f"/feeds/{feed['id']}")
    assert (response.status_code, response.data) == (204, b"")
    assert read_feed(alice, path).status_code == 404
    assert alice.get("/feeds").json == []
    assert status_and_code(alice.delete(f"/feeds/{feed['id']}")) == (404, "FEED_NOT_FOUND")


@pytest.mark.parametrize("spelling", ["07", "+7", "7.0", "0", "x", "9" * 19, "9" * 400, "%00"])
def test_a_noncanonical_id_is_404(alice: Actor, spelling: str) -> None:
    assert status_and_code(alice.delete(f"/feeds/{spelling}")) == (404, "FEED_NOT_FOUND")


@pytest.mark.shows("API1:2023")
def test_a_feed_belongs_to_its_user(alice: Actor, bob: Actor) -> None:
    path = create_feed(alice)
    (feed,) = alice.get("/feeds").get_json()
    assert bob.get("/feeds").json == []
    assert status_and_code(bob.delete(f"/feeds/{feed['id']}")) == (404, "FEED_NOT_FOUND")
    assert read_feed(alice, path).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"name": 7}, "#/name"),
        ({"name": "nul\0"}, "#/name"),
        ({"as": "events,todos"}, "#/as"),
        ({"as": "VEVENT"}, "#/as"),
        ({"as": None}, "#/as"),
        ({"component": "x", "as": 1}, "#/as"),
        ({"filter": None}, "#/filter"),
        ({"filter": []}, "#/filter"),
        ({"filter": "completed"}, "#/filter"),
        ({"filter": {"completed": "true"}}, "#/filter/completed"),
        ({"filter": {"completed": 1}}, "#/filter/completed"),
        ({"filter": {"priority": "high"}}, "#/filter/priority"),
        ({"filter": {"priority": ["urgent"]}}, "#/filter/priority/0"),
        ({"filter": {"priority": ["high", "high"]}}, "#/filter/priority"),
        ({"filter": {"priority": [None]}}, "#/filter/priority/0"),
        ({"filter": {"priority": None}}, "#/filter/priority"),
        ({"filter": {"tag": "home"}}, "#/filter/tag"),
        ({"filter": {"tag": [""]}}, "#/filter/tag/0"),
        ({"filter": {"tag": ["x" * 51]}}, "#/filter/tag/0"),
        ({"filter": {"tag": ["u\u0308", "ü"]}}, "#/filter/tag"),
        ({"filter": {"tag": ["a\0"]}}, "#/filter/tag/0"),
        ({"filter": {"tag": [str(number) for number in range(21)]}}, "#/filter/tag"),
        ({"filter": {"tags": ["home"]}}, "#/filter/tags"),
        ({"filter": {"due": "none"}}, "#/filter/due"),
        ([], "#"),
        (None, "#"),
    ],
    ids=str,
)
def test_an_invalid_field_is_named(alice: Actor, body: Any, pointer: str) -> None:
    response = alice.post("/feeds", data=json.dumps(body), content_type="application/json")
    assert status_and_code(response) == (422, "VALIDATION_ERROR")
    assert error_pointers(response) == [pointer]
    assert alice.get("/feeds").json == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/feeds"), ("GET", "/feeds"), ("DELETE", "/feeds/1")])
def test_parameters_are_rejected(alice: Actor, method: str, path: str) -> None:
    assert alice.request(method, f"{path}?x=1", json={}).status_code == 422
    assert alice.get("/feeds?_x=1").json == []


def test_a_user_has_a_limited_number_of_feeds(alice: Actor, bob: Actor) -> None:
    for _ in range(FEEDS_MAX):
        create_feed(alice)
    assert status_and_code(alice.post("/feeds", json={})) == (403, "FEED_LIMIT_REACHED")
    create_feed(bob)
    (first, *_others) = alice.get("/feeds").get_json()
    alice.delete(f"/feeds/{first['id']}")
    create_feed(alice)


def test_the_limit_is_exact_under_concurrent_requests(database: str, alice: Actor) -> None:
    for _ in range(FEEDS_MAX - 1):
        create_feed(alice)
    lock = "SELECT FROM users WHERE id = %s FOR UPDATE"
    with locking(database, lock, alice.id) as commit, ThreadPoolExecutor(3) as threads:
        responses = [threads.submit(alice.post, "/feeds", json={}) for _ in range(3)]
        wait_for_lock(database, statements=3)
        commit()
        statuses = sorted(response.result().status_code for response in responses)
    assert statuses == [201, 403, 403]
    assert len(alice.get("/feeds").get_json()) == FEEDS_MAX


def test_the_number_of_statements_of_each_route(app: Flask, alice: Actor) -> None:
    alice.create_task()
    with record_statements() as statements:
        path = create_feed(alice)
    assert [text.split()[0] for text in statements] == ["transaction", "WITH", "WITH", "WITH"]
    headers = {"Authorization": f"Bearer {alice.token}"}
    for method, url, number in (
        ("GET", "/api/me/feeds", 1),
        ("GET", path, 2),
        ("GET", "/api/feeds/x.ics", 1),
        ("DELETE", "/api/me/feeds/1", 1),
    ):
        with record_statements() as statements:
            alice.client.open(url, method=method, headers=headers)
        assert len(statements) == number, statements


def test_every_statement_is_limited_to_the_user(app: Flask, alice: Actor) -> None:
    with record_statements() as statements:
        path = create_feed(alice)
        alice.get("/feeds")
        read_feed(alice, path)
        alice.delete("/feeds/1")
    for statement in statements[2:]:
        for table in re.findall(r"\b(?:FROM|JOIN|UPDATE) (calendar_feeds|tasks|task_lists)\b", statement):
            assert f" {table}.user_id = %(owner_id)s" in statement


def test_a_writer_beyond_the_write_limit_is_429(database: str) -> None:
    ada = Actor.sign_up(application(database, rate_limit_user_scale=0.0001), "Ada")
    create_feed(ada)
    assert status_and_code(ada.post("/feeds", json={})) == (429, "TOO_MANY_REQUESTS")
    assert status_and_code(ada.delete("/feeds/1")) == (429, "TOO_MANY_REQUESTS")


def test_a_retry_with_a_key_gets_the_same_url(alice: Actor) -> None:
    first, second = (alice.post("/feeds", json={"name": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.get_json() == second.get_json()
    assert len(alice.get("/feeds").get_json()) == 1
    other = alice.post("/feeds", json={"name": "y"}, headers={"Idempotency-Key": "k"})
    assert status_and_code(other) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.shows("feeds: at rest")
def test_the_database_has_nothing_that_reads_a_feed(database: str, alice: Actor) -> None:
    response = alice.post("/feeds", json={}, headers={"Idempotency-Key": "k"})
    token = response.get_json()["url"].rpartition("/")[2].removesuffix(".ics")
    stored = str(execute(database, "SELECT * FROM idempotency_keys WHERE user_id = %s", alice.id))
    stored += str(execute(database, "SELECT * FROM calendar_feeds WHERE user_id = %s", alice.id))
    assert alice.id in stored
    assert token[:40] not in stored
    assert '"url"' not in stored


def test_a_saved_response_is_read_with_the_previous_secret_and_not_without(database: str) -> None:
    key = {"Idempotency-Key": "k"}
    old, new = "an old secret of the tests, long enough", "a new secret of the tests, long enough"
    ada = Actor.sign_up(application(database, better_auth_secret=old), "Ada")
    created = ada.post("/feeds", json={}, headers=key).get_json()
    ada.client = application(database, better_auth_secret=new, better_auth_secret_previous=old).test_client(
        use_cookies=False
    )
    assert ada.post("/feeds", json={}, headers=key).get_json() == created
    ada.client = application(database, better_auth_secret=new).test_client(use_cookies=False)
    account = {"email": ada.email, "password": PASSWORD}
    ada.token = ada.client.post("/api/auth/sign-in/email", json=account).get_json()["token"]
    response = ada.post("/feeds", json={}, headers=key)
    assert status_and_code(response) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(ada.get("/feeds").get_json()) == 1


def test_encryption_hides_the_text(app: Flask) -> None:
    with app.app_context():
        encrypted = encryption.encrypt("secret")
        assert "secret" not in encrypted
        assert encryption.decrypt(encrypted) == "secret"
        assert encryption.decrypt("secret") is None


@pytest.mark.parametrize(
    ("url", "start"),
    [
        (None, "http://localhost:8000/api/feeds/"),
        ("https://example.com", "https://example.com/api/feeds/"),
        ("https://example.com/todo", "https://example.com/todo/api/feeds/"),
    ],
)
def test_the_url_begins_with_the_public_url(database: str, url: str | None, start: str) -> None:
    ada = Actor.sign_up(application(database, better_auth_url=url), "Ada")
    assert ada.post("/feeds", json={}).get_json()["url"].startswith(start)


def test_the_deletion_of_the_user_deletes_the_feeds(app: Flask, database: str, alice: Actor) -> None:
    alice.create_task(title="x", due="2026-10-01")
    path = create_feed(alice)
    assert read_feed(alice, path).status_code == 200
    assert CLI(app)("users", "delete", alice.email, "--yes").exit_code == 0
    assert read_feed(alice, path).status_code == 404
    assert execute(database, "SELECT count(*) FROM calendar_feeds WHERE user_id = %s", alice.id) == [(0,)]
