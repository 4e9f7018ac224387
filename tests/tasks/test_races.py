"""Concurrent requests against a real gunicorn: every outcome equals that of some serial order."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.actors import PASSWORD
from tests.support.databases import execute, new_database
from tests.support.processes import running_service
from tests.support.service_client import ServiceClient, count_statuses, in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.processes import Service

COUNTS = """
SELECT live, trashed, count(tasks.id) FILTER (WHERE deleted_at IS NULL), count(deleted_at)
  FROM task_lists LEFT JOIN tasks USING (user_id)
 GROUP BY user_id
"""


@pytest.fixture(scope="module")
def module_database(server: str, template: str) -> Iterator[str]:
    with new_database(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def module_service(module_database: str) -> Iterator[Service]:
    """Yield one service for all tests of the module. Each test has its own user."""
    with running_service(module_database) as service:
        yield service


@pytest.fixture
def caller(module_service: Service) -> ServiceClient:
    return ServiceClient(module_service)


@pytest.fixture(autouse=True)
def _check_counts(module_database: str, caller: ServiceClient) -> Iterator[None]:
    """Check after the test that the stored task counts are right."""
    yield
    lists = execute(module_database, COUNTS)
    assert lists
    for live, trashed, counted_live, counted_trashed in lists:
        assert (live, trashed) == (counted_live, counted_trashed)


def version(response: requests.Response) -> int:
    return int(response.headers["ETag"].strip('"'))


def test_one_of_20_writers_with_the_same_etag_succeeds(caller: ServiceClient) -> None:
    for method, path in (("PATCH", ""), ("PUT", ""), ("PATCH", "/complete"), ("DELETE", "")):
        task = caller.create_task()
        url, tag = f"/{task.json()['id']}{path}", {"If-Match": task.headers["ETag"]}
        responses = in_parallel(20, lambda n: caller.request(method, url, tag, json={"title": str(n)}))  # noqa: B023
        (winner,) = (response for response in responses if response.ok)
        assert version(winner) > version(task)
        # A request that waited for a deletion gets 412, since its snapshot has the task; a later one gets 404.
        assert set(count_statuses(responses)) - {winner.status_code} <= ({404, 412} if method == "DELETE" else {412})


def test_concurrent_creates_get_different_orders(caller: ServiceClient) -> None:
    responses = in_parallel(20, lambda _: caller.create_task())
    assert count_statuses(responses) == {201: 20}
    orders = sorted(response.json()["order"] for response in responses)
    assert orders == [1024 * n for n in range(1, 21)]
    assert len({response.headers["ETag"] for response in responses}) == 20


def test_every_concurrent_toggle_is_applied(caller: ServiceClient) -> None:
    task = caller.create_task().json()
    responses = in_parallel(20, lambda _: caller.request("PATCH", f"/{task['id']}/complete"))
    assert count_statuses(responses) == {200: 20}
    assert Counter(response.json()["completed"] for response in responses) == {True: 10, False: 10}


def test_20_concurrent_completions_give_one_successor(caller: ServiceClient) -> None:
    """By every route, and with toggles, which reopen the task in between."""

    def complete(n: int) -> requests.Response:
        operation = {"op": "update", "id": task["id"], "task": {"completed": True}}
        ways = [
            ("PATCH", f"/{task['id']}", {"completed": True}),
            ("PUT", f"/{task['id']}", {"completed": True, "title": str(n)}),
            ("POST", "/batch", {"operations": [operation]}),
            *([("PATCH", f"/{task['id']}/complete", {})] * toggles),
        ]
        method, path, body = ways[n % len(ways)]
        return caller.request(method, path, json=body)

    for toggles in (0, 3):  # noqa: B007 - `complete` reads it
        task = caller.create_task(due="2090-01-31", recurrence="FREQ=MONTHLY").json()
        responses = in_parallel(20, complete)
        assert count_statuses(responses) == {200: 20}
        caller.request("PATCH", f"/{task['id']}", json={"completed": True})
        (finished, successor) = caller.request("GET", "").json()
        assert (finished["completed"], finished["next_id"]) == (True, successor["id"])
        assert (successor["due"], successor["completed"]) == ("2090-03-31", False)
        caller.request("DELETE", "?all=true&permanent=true")


def test_concurrent_deletions_of_one_task_count_once(caller: ServiceClient) -> None:
    path = f"/{caller.create_task().json()['id']}"
    responses = in_parallel(20, lambda n: caller.request("DELETE", f"{path}{'?permanent=true' if n % 2 else ''}"))
    assert set(count_statuses(responses)) == {204, 404}
    assert count_statuses(responses)[204] <= 2


@pytest.mark.shows("ASVS 15.4.1")
def test_task_counts_stay_right_under_concurrent_writes(caller: ServiceClient) -> None:
    ids = [caller.create_task(tags=["odd"] if n % 2 else []).json()["id"] for n in range(40)]
    for number in ids[::4]:
        caller.request("DELETE", f"/{number}")
    operations = [
        *(("POST", "/{id}/restore"), ("DELETE", "/{id}"), ("DELETE", "/{id}?permanent=true"), ("POST", "")),
        # Deletions by filter leave the even tasks to the other operations.
        *(("DELETE", "?completed=false&tag=odd"), ("DELETE", "?deleted=true&permanent=true&tag=odd")),
        *(("PATCH", "/{id}/complete"), ("PATCH", "/{id}"), ("POST", "/batch"), ("POST", "/import")),
    ]

    def run(n: int) -> requests.Response:
        method, path = operations[n % len(operations)]
        task = Random(n).choice(ids[::4] if path == "/{id}/restore" else ids[::2] if method == "PATCH" else ids)
        if path == "/import":
            return caller.import_tasks({"title": "a"}, {"title": "b"})
        batch = [
            {"op": "create", "task": {"title": "c"}},
            {"op": "update", "id": task, "task": {"title": "d"}},
            {"op": "delete", "id": task},
        ]
        body = {"operations": batch} if path == "/batch" else {"title": str(n)}
        return caller.request(method, path.format(id=task), json=body)

    responses = in_parallel(100, run)
    assert set(count_statuses(responses)) <= {200, 201, 204, 404}
    # Whatever the order, each operation succeeds at least once: one of its tasks is left alone by all others.
    succeeded = {n % len(operations) for n, response in enumerate(responses) if response.ok}
    assert succeeded == set(range(len(operations)))


def test_a_synchronised_copy_misses_no_concurrent_write(caller: ServiceClient) -> None:
    """Read small pages of changes during writes. A change behind the token would stay missing."""
    ids = [caller.create_task().json()["id"] for _ in range(8)]
    done = threading.Event()
    copy: dict[int, Any] = {}

    def write(n: int) -> requests.Response:
        random = Random(n)
        for _ in range(25):
            task = random.choice(ids)
            method, path = random.choice(
                [
                    ("POST", ""),
                    ("PATCH", f"/{task}/complete"),
                    ("PATCH", f"/{task}"),
                    ("DELETE", f"/{task}"),
                    ("POST", f"/{task}/restore"),
                    ("DELETE", "?completed=true"),
                    ("POST", "/batch"),
                ]
            )
            operations = [{"op": "create", "task": {"title": "a"}}, {"op": "create", "task": {"title": "b"}}]
            response = caller.request(method, path, json={"title": str(n), "operations": operations})
        return response

    def synchronise() -> int:
        token, steps, last = None, 0, False
        while not last:
            last = done.is_set()  # once more after the last write
            has_more = True
            while has_more:
                query = "?limit=2" + (f"&sync_token={token}" if token else "")
                changes = caller.request("GET", f"/changes{query}").json()
                copy.update({task["id"]: task for task in changes["tasks"]})
                for task_id in changes["deleted"]:
                    copy.pop(task_id, None)
                token, has_more, steps = changes["sync_token"], changes["has_more"], steps + 1
        return steps

    with ThreadPoolExecutor(1) as thread:
        steps = thread.submit(synchronise)
        responses = in_parallel(6, write)
        done.set()
        assert steps.result(timeout=60) > 20
    assert set(count_statuses(responses)) <= {200, 201, 204, 404}
    assert copy == {task["id"]: task for task in caller.request("GET", "").json()}


@pytest.mark.shows("ASVS 15.4.3", "PostgreSQL foreign key")
def test_an_account_can_be_deleted_during_its_writes(caller: ServiceClient) -> None:
    """A later write gets 401 or 404. Deletion and writes never deadlock, which PostgreSQL would end after a second."""
    operations = [{"op": "create", "task": {"title": str(n)}} for n in range(20)]
    task = caller.create_task().json()["id"]

    def write(n: int) -> requests.Response:
        writes: list[Callable[[], requests.Response]] = [
            caller.create_task,
            lambda: caller.request("POST", "/batch", json={"operations": operations}),
            lambda: caller.import_tasks(*({"title": str(n)} for n in range(300))),
            lambda: caller.request("PATCH", f"/{task}/complete"),
            lambda: caller.request("POST", "", {"Idempotency-Key": str(n)}, json={"title": "x"}),
            lambda: caller.request("DELETE", "?completed=false"),
        ]
        return writes[n % len(writes)]()

    def delete(_: int) -> requests.Response:
        url = f"{caller.url}/api/auth/delete-user"
        return requests.post(url, json={"password": PASSWORD}, headers=caller.headers, timeout=30)

    for _ in range(4):
        responses = in_parallel(24, lambda n: delete(n) if n == 11 else write(n))
        assert responses[11].status_code == 200
        assert set(count_statuses(responses)) <= {200, 201, 401, 404}
        caller.sign_up()
        task = caller.create_task().json()["id"]
