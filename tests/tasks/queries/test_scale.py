"""The cost of lists and writes for a user with 50,000 tasks, in buffers and rows rather than in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import Actor
from tests.support.databases import application, execute, new_database
from tests.support.feeds import create_feed, read_feed
from tests.support.plans import explain
from tests.support.statements import intercept_statements
from todo_api.auth.guard import Owner
from todo_api.auth.sessions.credentials import access_claims
from todo_api.http.cursors import sign
from todo_api.tasks.parameters import SORT_KEYS, ListParameters
from todo_api.tasks.queries import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from werkzeug.test import TestResponse

    from tests.support.plans import Plan
    from todo_api.database.statements import Statement

TASKS = 50_000
OTHERS = 10
PAGE = 50
BUFFERS_MAX = 300
"""Buffers of 8 KiB. The tasks fill some thousands."""

# The users alternate, as in production: a user's tasks are spread over the table.
FILL = """
INSERT INTO tasks (user_id, title, description, completed, due_on, due_at, priority, tags, "order", completed_at,
                   created_at, updated_at)
SELECT owner, md5(n::text), 'Something to do', n %% 3 = 0,
       CASE WHEN n %% 4 = 0 THEN date '2026-01-01' + n %% 365 END,
       CASE WHEN n %% 4 = 1 THEN timestamptz '2026-01-01Z' + n * interval '1 min' END,
       (ARRAY['low', 'medium', 'high'])[n %% 4], ARRAY['home'], n * 7919::bigint %% 50021,
       CASE WHEN n %% 3 = 0 THEN timestamptz '2026-02-01Z' + n * interval '1 s' END,
       timestamptz '2026-01-01Z' + n * interval '1 s', timestamptz '2026-01-02Z' + n * 31 %% 997 * interval '1 s'
  FROM generate_series(1, %s) AS n
       CROSS JOIN LATERAL (SELECT %s AS owner UNION ALL SELECT (%s::text[])[1 + n %% %s]) AS owners
"""
FEW = "INSERT INTO tasks (user_id, title) SELECT %s, 'Something to do' FROM generate_series(1, 5)"
LISTS = "INSERT INTO task_lists (user_id, version) SELECT id, 1 FROM users"
COUNT = "UPDATE task_lists SET live = (SELECT count(*) FROM tasks WHERE tasks.user_id = task_lists.user_id)"


class Measured:
    """The service with Ada, who has half of all tasks, ten other users, and Carol, who has five tasks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.app = application(url, max_tasks_per_user=2 * TASKS)
        self.ada = Actor.sign_up(self.app, "Ada")
        others = [Actor.sign_up(self.app, "Bob") for _ in range(OTHERS)]
        self.bob = others[0]
        self.carol = Actor.sign_up(self.app, "Carol")
        execute(url, LISTS)
        execute(url, FILL, TASKS, self.ada.id, [other.id for other in others], OTHERS)
        execute(url, FEW, self.carol.id)
        execute(url, COUNT)
        execute(url, "VACUUM ANALYZE")

    def cursor(self, actor: Actor, sort: str, after: int) -> str:
        """Return the cursor of the page after so many tasks, without reading the pages before it."""
        with self.app.app_context():
            claims = access_claims(actor.token)
            parameters: dict[str, Any] = {**ListParameters().load({"sort": sort}), "limit": after}
            page = listing.list_page(Owner(claims.subject, claims.session_id), parameters)
        assert page.next_cursor
        return page.next_cursor

    def page(self, actor: Actor, sort: str, number: int) -> Plan:
        cursor = f"&cursor={self.cursor(actor, sort, (number - 1) * PAGE)}" if number > 1 else ""
        return self.plan(actor, "GET", f"/tasks?sort={sort}&limit={PAGE}{cursor}")

    def sync_token(self, actor: Actor, after: int) -> str:
        """Return the sync token after so many changes."""
        position = "SELECT version, id FROM tasks WHERE user_id = %s ORDER BY version, id OFFSET %s LIMIT 1"
        ((version, task_id),) = execute(self.url, position, actor.id, after - 1)
        with self.app.app_context():
            return sign([version, task_id, version], ["changes", actor.id])

    def plan(self, actor: Actor, method: str, path: str, status: int = 200, **options: Any) -> Plan:
        """Return the plan of the one statement of a request to a route of the user."""
        return self.plan_of(lambda: actor.request(method, path, **options), status)

    def plan_of(self, send: Callable[[], TestResponse], status: int = 200) -> Plan:
        """Return the plan of the one statement of a request, but for counters. Running it again is rolled back."""
        statements: list[tuple[Statement, Any]] = []
        with intercept_statements(lambda *seen: statements.append(seen)):
            response = send()
        assert response.status_code == status, response.text
        ((statement, parameters),) = (seen for seen in statements if "rate_limits" not in seen[0].text)
        assert "OFFSET" not in statement.text.upper()
        return explain(self.url, statement, parameters)


@pytest.fixture(scope="module")
def measured(server: str, template: str) -> Iterator[Measured]:
    with new_database(server, template) as url:
        yield Measured(url)


@pytest.mark.parametrize("sort", ["id", "order", "-order"])
def test_page_1000_costs_what_page_1_costs(measured: Measured, sort: str) -> None:
    first, middle, last = (measured.page(measured.ada, sort, number) for number in (1, 500, 1000))
    for page in (first, middle, last):
        assert not page.has_seq_scan("tasks")
        assert page.buffers < BUFFERS_MAX
        assert page.rows_read() <= 2 * PAGE
        assert page.buffers <= 1.5 * first.buffers


@pytest.mark.parametrize("sort", [f"{sign}{key}" for key in SORT_KEYS for sign in ("", "-")])
def test_a_page_reads_only_rows_of_the_user(measured: Measured, sort: str) -> None:
    number = TASKS // OTHERS  # Bob's tasks: half of all rows are Ada's, for whom a sequential scan is best
    first, last = (measured.page(measured.bob, sort, page) for page in (1, number // PAGE))
    for page in (first, last):
        assert not page.has_seq_scan("tasks")
        assert page.rows_read() <= number
    assert last.rows_read() <= first.rows_read()


def test_a_list_of_five_tasks_reads_five_rows_beside_a_large_list(measured: Measured) -> None:
    for query in ("", "?limit=50", "?limit=3"):
        plan = measured.plan(measured.carol, "GET", f"/tasks{query}")
        assert plan.rows_read() <= 5
        assert plan.buffers < 30


def test_changes_cost_one_page_at_any_position(measured: Measured) -> None:
    first = measured.plan(measured.ada, "GET", f"/tasks/changes?limit={PAGE}")
    token = measured.sync_token(measured.ada, TASKS - 2 * PAGE)
    last = measured.plan(measured.ada, "GET", f"/tasks/changes?limit={PAGE}&sync_token={token}")
    for page in (first, last):
        assert not page.has_seq_scan("tasks")
        assert PAGE < page.rows_read() <= 3 * PAGE
        assert page.buffers < BUFFERS_MAX


def test_one_task_reads_few_rows_of_many(measured: Measured) -> None:
    task = measured.ada.create_task()
    path = f"/tasks/{task['id']}"
    for method, url, body, status in (
        ("POST", "/tasks", {"title": "x"}, 201),
        ("GET", path, None, 200),
        ("PATCH", path, {"title": "y", "order": 7}, 200),
        ("PATCH", f"{path}/complete", None, 200),
    ):
        plan = measured.plan(measured.ada, method, url, status, json=body)
        assert not plan.has_seq_scan("tasks")
        assert plan.buffers < BUFFERS_MAX
        assert plan.rows_read() <= PAGE


def test_an_unmodified_list_reads_no_rows(measured: Measured) -> None:
    tag = measured.ada.get("/tasks?limit=1").headers["ETag"]
    plan = measured.plan(measured.ada, "GET", "/tasks?sort=title", status=304, headers={"If-None-Match": tag})
    assert plan.buffers < BUFFERS_MAX
    assert plan.rows_read() == 0


def test_a_feed_reads_only_rows_of_the_user_and_none_if_it_is_unmodified(measured: Measured) -> None:
    path = create_feed(measured.bob)
    plan = measured.plan_of(lambda: read_feed(measured.bob, path))
    assert not plan.has_seq_scan("tasks")
    assert 0 < plan.rows_read() <= TASKS // OTHERS
    tag = read_feed(measured.bob, path).headers["ETag"]
    plan = measured.plan_of(lambda: read_feed(measured.bob, path, **{"If-None-Match": tag}), status=304)
    assert plan.buffers < BUFFERS_MAX
    assert plan.rows_read() == 0
