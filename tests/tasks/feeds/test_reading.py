"""Reading a feed: its credential, its filter and window, conditional requests and the limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.cli import CLI
from tests.support.databases import application, execute
from tests.support.feeds import components, create_feed, in_days, read_feed, summaries
from tests.support.problems import status_and_code
from tests.support.statements import record_statements
from todo_api.tasks.feeds.reading import ENTRIES_MAX, READ
from todo_api.tasks.feeds.tokens import format_token, parse_token

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

UNTIMELY = "UPDATE calendar_feeds SET last_read_on = last_read_on - 1 WHERE user_id = %s"
LAST_READ = "SELECT last_read_on = current_date, xmin::text FROM calendar_feeds WHERE user_id = %s"


def token_of(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".ics")


def test_a_feed_is_read_by_its_path_alone(alice: Actor) -> None:
    task = alice.create_task(due=in_days(3))
    path = create_feed(alice, name="Home")
    response = read_feed(alice, path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert response.headers["ETag"].startswith('"')
    assert task["title"] in response.text
    alice.sign_out()
    assert read_feed(alice, path).data == response.data


def test_head_is_get_without_a_body(alice: Actor) -> None:
    alice.create_task(due=in_days(3))
    path = create_feed(alice)
    get, head = (alice.client.open(path, method=method, headers={"X-Request-Id": "same"}) for method in ("GET", "HEAD"))
    assert (head.status_code, head.data) == (get.status_code, b"")
    assert dict(head.headers) == dict(get.headers)
    condition = {"If-None-Match": get.headers["ETag"]}
    assert alice.client.head(path, headers=condition).status_code == 304


def wrong_paths(app: Flask, alice: Actor, bob: Actor) -> dict[str, str]:
    """Return the paths that are wrong, by what is wrong with them."""
    key = parse_token(token_of(create_feed(alice)))
    other = parse_token(token_of(create_feed(bob)))
    revoked = create_feed(alice)
    alice.delete(f"/feeds/{parse_token(token_of(revoked)).feed_id}")
    carol = Actor.sign_up(app, "Carol")
    deleted = create_feed(carol)
    assert CLI(app)("users", "delete", carol.email, "--yes").exit_code == 0
    tokens = {
        "unknown user": format_token(key._replace(user_id="nobody")),
        "unknown feed": format_token(key._replace(feed_id=2**62)),
        "other secret": format_token(key._replace(secret=bytes(32))),
        "secret of another feed": format_token(key._replace(secret=other.secret)),
        "user of another feed": format_token(key._replace(user_id=other.user_id)),
        "malformed": "x",
        "base64": "!" * 102,
        "nul": "%00",
        "bytes": "%FF",
        "long": "A" * 3000,
        "spelling": f"{format_token(key)}=",
    }
    paths = {name: f"/api/feeds/{token}.ics" for name, token in tokens.items()}
    return {**paths, "revoked": revoked, "deleted user": deleted}


@pytest.mark.shows("feeds: one 404")
def test_every_wrong_path_gets_the_same_response_for_the_same_work(app: Flask, alice: Actor, bob: Actor) -> None:
    responses = {}
    for name, path in wrong_paths(app, alice, bob).items():
        with record_statements() as statements:
            response = alice.client.get(path, headers={"X-Request-Id": "same"})
        assert statements == [READ.text], name
        responses[name] = (response.status_code, response.text, dict(response.headers))
    first = responses["unknown user"]
    assert first[0] == 404
    assert [name for name, response in responses.items() if response != first] == []
    unrouted = alice.client.get("/api/feeds/x", headers={"X-Request-Id": "same"})
    assert (unrouted.status_code, unrouted.text, dict(unrouted.headers)) == first


def test_a_credential_of_the_user_does_not_replace_the_secret(alice: Actor) -> None:
    key = parse_token(token_of(create_feed(alice)))
    path = f"/api/feeds/{format_token(key._replace(secret=bytes(32)))}.ics"
    assert read_feed(alice, path, Authorization=f"Bearer {alice.token}").status_code == 404


def test_a_feed_opens_nothing_else(alice: Actor) -> None:
    token = token_of(create_feed(alice))
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"better-auth.session_token={token}"}):
        assert alice.client.get("/api/me/tasks", headers=headers).status_code == 401
        assert alice.client.get("/api/me/feeds", headers=headers).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_feed_is_only_read(alice: Actor, method: str) -> None:
    response = alice.client.open(create_feed(alice), method=method)
    assert status_and_code(response) == (405, "METHOD_NOT_ALLOWED")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_parameters_are_ignored(alice: Actor) -> None:
    path = create_feed(alice)
    assert read_feed(alice, f"{path}?nocache=1&nocache=2&x=").status_code == 200


@pytest.mark.shows("feeds: no CORS")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_no_page_of_another_origin_reads_a_feed(alice: Actor, method: str) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
    for path in (create_feed(alice), "/api/feeds/x.ics"):
        response = alice.client.open(path, method=method, headers=headers)
        assert [name for name in response.headers.keys() if name.startswith("Access-Control")] == []  # noqa: SIM118
    assert "Access-Control-Allow-Origin" in alice.get("/feeds", headers=headers).headers


WINDOW = {-31: False, -30: True, -1: True, 0: True, 400: True, 401: False}


@pytest.mark.parametrize("time", ["", "T00:00:00Z", "T23:59:59.999Z"])
def test_a_feed_has_a_window_of_days(alice: Actor, time: str) -> None:
    for days in WINDOW:
        alice.create_task(title=str(days), due=in_days(days) + time)
    alice.create_task(title="without a due date")
    assert summaries(alice, create_feed(alice)) == [str(days) for days, is_in in WINDOW.items() if is_in]


def test_a_feed_has_no_tasks_of_the_trash_and_of_others(alice: Actor, bob: Actor) -> None:
    task = alice.create_task(title="deleted", due=in_days(1))
    alice.delete(f"/tasks/{task['id']}")
    bob.create_task(title="of another", due=in_days(1))
    assert summaries(alice, create_feed(alice)) == []


TASKS: dict[str, dict[str, Any]] = {
    "open": {},
    "completed": {"completed": True},
    "low": {"priority": "low"},
    "high": {"priority": "high"},
    "home": {"tags": ["home"]},
    "both": {"tags": ["u\u0308", "home"], "priority": "high"},
}


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({}, ["open", "low", "high", "home", "both"]),
        ({"completed": False}, ["open", "low", "high", "home", "both"]),
        ({"completed": True}, ["✓ completed"]),
        ({"completed": None}, ["open", "✓ completed", "low", "high", "home", "both"]),
        ({"priority": []}, ["open", "low", "high", "home", "both"]),
        ({"priority": ["high"]}, ["high", "both"]),
        ({"priority": ["high", "low"]}, ["low", "high", "both"]),
        ({"tag": ["home"]}, ["home", "both"]),
        ({"tag": ["home", "ü"]}, ["both"]),
        ({"tag": ["u\u0308"], "priority": ["high"]}, ["both"]),
        ({"tag": ["HOME"]}, []),
        ({"tag": ["home"], "priority": ["low"]}, []),
    ],
    ids=str,
)
def test_a_feed_has_the_tasks_of_its_filter(alice: Actor, filters: dict[str, Any], titles: list[str]) -> None:
    for title, fields in TASKS.items():
        alice.create_task(title=title, due=in_days(1), **fields)
    assert sorted(summaries(alice, create_feed(alice, filter=filters))) == sorted(titles)


def test_a_feed_has_a_limited_number_of_entries_the_earliest_ones(database: str, alice: Actor) -> None:
    alice.create_task()
    insert = """
        INSERT INTO tasks (user_id, title, due_on)
        SELECT %s, 'day ' || day, current_date + day FROM generate_series(0, 400) AS day, generate_series(1, 3)
    """
    execute(database, insert, alice.id)
    days = [int(summary.split()[1]) for summary in summaries(alice, create_feed(alice))]
    assert len(days) == ENTRIES_MAX
    assert days == sorted(days)
    assert (days[0], days[-1]) == (0, (ENTRIES_MAX - 1) // 3)


def poll(actor: Actor, path: str, last: TestResponse) -> TestResponse:
    return read_feed(actor, path, **{"If-None-Match": last.headers["ETag"]})


@pytest.mark.shows("RFC 9110 If-None-Match")
def test_a_poll_is_304_until_a_task_changes(alice: Actor, bob: Actor) -> None:
    task = alice.create_task(due=in_days(1))
    path = create_feed(alice)
    first = read_feed(alice, path)
    for _ in range(2):
        unchanged = poll(alice, path, first)
        assert (unchanged.status_code, unchanged.data) == (304, b"")
        assert unchanged.headers["ETag"] == first.headers["ETag"]
        assert unchanged.headers["Cache-Control"] == "private, no-cache"
    bob.create_task(due=in_days(1))
    assert poll(alice, path, first).status_code == 304
    alice.patch(f"/tasks/{task['id']}", json={"title": "changed"})
    changed = poll(alice, path, first)
    assert changed.status_code == 200
    assert "changed" in changed.text
    assert poll(alice, path, changed).status_code == 304


def test_weak_listed_and_wildcard_tags_match(alice: Actor) -> None:
    path = create_feed(alice)
    tag = read_feed(alice, path).headers["ETag"]
    for condition in (f"W/{tag}", f'"x", {tag}', "*"):
        assert read_feed(alice, path, **{"If-None-Match": condition}).status_code == 304
    for condition in ('"x"', '"é"', '"1"', tag.replace("-", "_")):
        assert read_feed(alice, path, **{"If-None-Match": condition}).status_code == 200
    assert status_and_code(read_feed(alice, path, **{"If-None-Match": "x"})) == (400, "INVALID_ENTITY_TAG")


def test_the_tags_of_two_feeds_and_of_two_days_differ(alice: Actor) -> None:
    first, second = (read_feed(alice, create_feed(alice)).headers["ETag"] for _ in range(2))
    assert first != second
    assert first.strip('"').endswith(in_days(0).replace("-", ""))


def test_a_feed_has_a_rate_limit_of_its_own(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    path, other = create_feed(ada), create_feed(ada)
    statuses = [read_feed(ada, path).status_code for _ in range(62)]
    assert statuses == [200] * 60 + [429] * 2
    refused = read_feed(ada, path)
    assert status_and_code(refused) == (429, "TOO_MANY_REQUESTS")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "q=60;w=60" in refused.headers["RateLimit-Policy"]
    assert read_feed(ada, other).status_code == 200
    execute(fresh_database, "UPDATE rate_limits SET ends_at = now()")
    assert read_feed(ada, path).status_code == 200


def test_requests_with_a_wrong_secret_do_not_count(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    path = create_feed(ada)
    wrong = f"/api/feeds/{format_token(parse_token(token_of(path))._replace(secret=bytes(32)))}.ics"
    before = execute(fresh_database, "SELECT count(*) FROM rate_limits")
    assert [read_feed(ada, wrong).status_code for _ in range(5)] == [404] * 5
    assert execute(fresh_database, "SELECT count(*) FROM rate_limits") == before


def test_the_limit_is_exact_under_concurrent_requests(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    path = create_feed(ada)
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: read_feed(ada, path).status_code, range(80)))
    assert (statuses.count(200), statuses.count(429)) == (60, 20)


def test_the_day_of_the_last_read_is_written_once_a_day(database: str, alice: Actor) -> None:
    path = create_feed(alice)

    def read_all() -> Any:
        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(lambda _: read_feed(alice, path).status_code, range(8))) == {200}
        return execute(database, LAST_READ, alice.id)

    ((is_today, written_by),) = first = read_all()
    assert is_today
    assert read_all() == first
    (feed,) = alice.get("/feeds").get_json()
    assert feed["last_read_on"] == in_days(0)
    execute(database, UNTIMELY, alice.id)
    ((is_today, written_again),) = read_all()
    assert is_today
    assert written_again != written_by


def test_a_feed_outlives_sessions_and_a_change_of_the_password(alice: Actor) -> None:
    path = create_feed(alice)
    body = {"currentPassword": PASSWORD, "newPassword": "a longer horse battery", "revokeOtherSessions": True}
    headers = {"Authorization": f"Bearer {alice.token}"}
    assert alice.client.post("/api/auth/change-password", json=body, headers=headers).status_code == 200
    assert components(alice, path) == []
