"""Many at once, over a real gunicorn: every outcome is that of one after the other."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.actors import PASSWORD
from tests.support.callers import Caller, statuses
from tests.support.databases import execute, new_database
from tests.support.processes import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.processes import Service

NUMBERS = """
SELECT live, trashed, count(tasks.id) FILTER (WHERE deleted_at IS NULL), count(deleted_at)
  FROM task_lists LEFT JOIN tasks USING (user_id)
 GROUP BY user_id
"""


@pytest.fixture(scope="module")
def lasting_database(server: str, template: str) -> Iterator[str]:
    with new_database(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def lasting_service(lasting_database: str) -> Iterator[Service]:
    """Yield one service for all tests here, each of which has a user of its own."""
    with serving(lasting_database) as service:
        yield service


@pytest.fixture
def caller(lasting_service: Service) -> Caller:
    return Caller(lasting_service)


@pytest.fixture
def numbers_are_right(lasting_database: str, caller: Caller) -> Any:
    """Check after the test that what is kept count of is what is there."""
    yield
    lists = execute(lasting_database, NUMBERS)
    assert lists
    for live, trashed, really_live, really_trashed in lists:
        assert (live, trashed) == (really_live, really_trashed)


pytestmark = pytest.mark.usefixtures("numbers_are_right")


def version(answer: requests.Response) -> int:
    return int(answer.headers["ETag"].strip('"'))


def test_of_20_writers_with_one_etag_one_succeeds(caller: Caller) -> None:
    for method, path in (("PATCH", ""), ("PUT", ""), ("PATCH", "/complete"), ("DELETE", "")):
        task = caller.task()
        at, tag = f"/{task.json()['id']}{path}", {"If-Match": task.headers["ETag"]}
        answers = caller.at_once(20, lambda n: caller.call(method, at, tag, json={"title": str(n)}))  # noqa: B023
        (won,) = (answer for answer in answers if answer.ok)
        assert version(won) > version(task)
        # Whoever waited for a deletion gets 412, since the task was there when they came; whoever came later, 404.
        assert set(statuses(answers)) - {won.status_code} <= ({404, 412} if method == "DELETE" else {412})


def test_creates_all_have_an_order_of_their_own(caller: Caller) -> None:
    answers = caller.at_once(20, lambda _: caller.task())
    assert statuses(answers) == {201: 20}
    orders = sorted(answer.json()["order"] for answer in answers)
    assert orders == [1024 * n for n in range(1, 21)]
    assert len({answer.headers["ETag"] for answer in answers}) == 20


def test_each_toggle_is_a_turn(caller: Caller) -> None:
    task = caller.task().json()
    answers = caller.at_once(20, lambda _: caller.call("PATCH", f"/{task['id']}/complete"))
    assert statuses(answers) == {200: 20}
    assert Counter(answer.json()["completed"] for answer in answers) == {True: 10, False: 10}


def test_the_same_deletion_counts_once(caller: Caller) -> None:
    task = caller.task().json()
    answers = caller.at_once(20, lambda n: caller.call("DELETE", f"/{task['id']}{'?permanent=true' if n % 2 else ''}"))
    assert set(statuses(answers)) == {204, 404}
    assert statuses(answers)[204] <= 2


@pytest.mark.shows("ASVS 15.4.1")
def test_whatever_comes_at_once_the_numbers_stay_right(caller: Caller) -> None:
    ids = [caller.task(tags=["odd"] if n % 2 else []).json()["id"] for n in range(40)]
    for number in ids[::4]:
        caller.call("DELETE", f"/{number}")
    moves = [
        *(("POST", "/{id}/restore"), ("DELETE", "/{id}"), ("DELETE", "/{id}?permanent=true"), ("POST", "")),
        # Those by filter leave the even ones to the others.
        *(("DELETE", "?completed=false&tag=odd"), ("DELETE", "?deleted=true&permanent=true&tag=odd")),
        *(("PATCH", "/{id}/complete"), ("PATCH", "/{id}"), ("POST", "/batch"), ("POST", "/import")),
    ]

    def move(n: int) -> requests.Response:
        method, path = moves[n % len(moves)]
        task = Random(n).choice(ids[::4] if path == "/{id}/restore" else ids[::2] if method == "PATCH" else ids)
        if path == "/import":
            return caller.bring({"title": "a"}, {"title": "b"})
        operations = [
            {"op": "create", "task": {"title": "c"}},
            {"op": "update", "id": task, "task": {"title": "d"}},
            {"op": "delete", "id": task},
        ]
        body = {"operations": operations} if path == "/batch" else {"title": str(n)}
        return caller.call(method, path.format(id=task), json=body)

    answers = caller.at_once(100, move)
    # Of each kind one at least meets a task that no other takes away, in whatever order they come.
    assert set(statuses(answers)) <= {200, 201, 204, 404}
    assert {n % len(moves) for n, answer in enumerate(answers) if answer.ok} == set(range(len(moves)))


def test_a_copy_misses_nothing_of_what_is_written_meanwhile(caller: Caller) -> None:
    """Follow by small steps while others write: whatever was passed by is never told again, and would be missing."""
    ids = [caller.task().json()["id"] for _ in range(8)]
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
            answer = caller.call(method, path, json={"title": str(n), "operations": operations})
        return answer

    def follow() -> int:
        token, steps, last = None, 0, False
        while not last:
            last = done.is_set()  # one more time after the last write
            has_more = True
            while has_more:
                query = "?limit=2" + (f"&sync_token={token}" if token else "")
                told = caller.call("GET", f"/changes{query}").json()
                copy.update({task["id"]: task for task in told["tasks"]})
                for gone in told["deleted"]:
                    copy.pop(gone, None)
                token, has_more, steps = told["sync_token"], told["has_more"], steps + 1
        return steps

    with ThreadPoolExecutor(1) as follower:
        steps = follower.submit(follow)
        answers = caller.at_once(6, write)
        done.set()
        assert steps.result(timeout=60) > 20
    assert set(statuses(answers)) <= {200, 201, 204, 404}
    assert copy == {task["id"]: task for task in caller.call("GET", "").json()}


@pytest.mark.shows("ASVS 15.4.3", "PostgreSQL foreign key")
def test_an_account_is_deleted_beside_its_writers(caller: Caller) -> None:
    """Whoever is later is told so; nobody waits for the other in turn, which PostgreSQL would end after a second."""
    operations = [{"op": "create", "task": {"title": str(n)}} for n in range(20)]
    task = caller.task().json()["id"]

    def write(n: int) -> requests.Response:
        moves: list[Callable[[], requests.Response]] = [
            caller.task,
            lambda: caller.call("POST", "/batch", json={"operations": operations}),
            lambda: caller.bring(*({"title": str(n)} for n in range(300))),
            lambda: caller.call("PATCH", f"/{task}/complete"),
            lambda: caller.call("POST", "", {"Idempotency-Key": str(n)}, json={"title": "x"}),
            lambda: caller.call("DELETE", "?completed=false"),
        ]
        return moves[n % len(moves)]()

    def delete(_: int) -> requests.Response:
        url = f"{caller.url}/api/auth/delete-user"
        return requests.post(url, json={"password": PASSWORD}, headers=caller.headers, timeout=30)

    for _ in range(4):
        answers = caller.at_once(24, lambda n: delete(n) if n == 11 else write(n))
        assert answers[11].status_code == 200
        assert set(statuses(answers)) <= {200, 201, 401, 404}
        caller.sign_up()
        task = caller.task().json()["id"]
