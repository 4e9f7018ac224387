"""Many at once, over a real gunicorn: every outcome is that of one after the other."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.actors import PASSWORD
from tests.databases import execute

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.processes import Service

NUMBERS = """
SELECT live, trashed,
       (SELECT count(*) FROM tasks WHERE deleted_at IS NULL), (SELECT count(*) FROM tasks WHERE deleted_at IS NOT NULL)
  FROM task_lists
"""


class Caller:
    """Someone with many hands."""

    def __init__(self, service: Service) -> None:
        self.url = service.url
        self.sign_up()

    def sign_up(self) -> None:
        form = {"email": "ada@example.com", "password": PASSWORD}
        body = requests.post(f"{self.url}/api/auth/sign-up/email", data=form, timeout=10).json()
        self.headers = {"Authorization": f"Bearer {body['token']}"}

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
        url = f"{self.url}/api/me/tasks{path}"
        return requests.request(method, url, headers={**self.headers, **(headers or {})}, timeout=30, **options)

    def task(self, **members: Any) -> requests.Response:
        return self.call("POST", "", json={"title": "x", **members})

    def at_once(self, number: int, call: Callable[[int], requests.Response]) -> list[requests.Response]:
        with ThreadPoolExecutor(number) as threads:
            return list(threads.map(call, range(number)))


@pytest.fixture
def caller(service: Service) -> Caller:
    return Caller(service)


@pytest.fixture
def numbers_are_right(fresh_database: str, caller: Caller) -> Any:
    """Check after the test that what is kept count of is what is there."""
    yield
    ((live, trashed, really_live, really_trashed),) = execute(fresh_database, NUMBERS)
    assert (live, trashed) == (really_live, really_trashed)


pytestmark = pytest.mark.usefixtures("numbers_are_right")


def statuses(answers: list[requests.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def test_of_20_writers_with_one_etag_one_succeeds(caller: Caller) -> None:
    for method, path in (("PATCH", ""), ("PUT", ""), ("PATCH", "/complete"), ("DELETE", "")):
        task = caller.task()
        at, tag = f"/{task.json()['id']}{path}", {"If-Match": task.headers["ETag"]}
        answers = caller.at_once(20, lambda n: caller.call(method, at, tag, json={"title": str(n)}))  # noqa: B023
        (won,) = (answer for answer in answers if answer.ok)
        assert won.headers["ETag"] > tag["If-Match"]
        # What was deleted meanwhile is missing, whatever its version was.
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


def test_whatever_comes_at_once_the_numbers_stay_right(caller: Caller) -> None:
    ids = [caller.task().json()["id"] for _ in range(5)]
    moves: list[tuple[str, Callable[[int], str]]] = [
        ("POST", lambda n: f"/{ids[n % 5]}/restore"),
        ("DELETE", lambda n: f"/{ids[n % 5]}"),
        ("DELETE", lambda n: f"/{ids[n % 5]}?permanent=true"),
        ("DELETE", lambda _: "?completed=false"),
        ("DELETE", lambda _: "?deleted=true&permanent=true"),
        ("PATCH", lambda n: f"/{ids[n % 5]}/complete"),
    ]

    def move(n: int) -> requests.Response:
        method, path = moves[n % len(moves)]
        return caller.call(method, path(n))

    answers = caller.at_once(60, move)
    assert set(statuses(answers)) <= {200, 204, 404}


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


def test_an_account_is_deleted_beside_its_writers(caller: Caller) -> None:
    """Whoever is later is told so; nobody waits for the other in turn, which PostgreSQL would end after a second."""
    operations = [{"op": "create", "task": {"title": str(n)}} for n in range(20)]
    document = {"format": "todo-export", "version": 1, "tasks": [{"title": str(n)} for n in range(300)]}
    task = caller.task().json()["id"]

    def write(n: int) -> requests.Response:
        moves: list[Callable[[], requests.Response]] = [
            caller.task,
            lambda: caller.call("POST", "/batch", json={"operations": operations}),
            lambda: caller.call("POST", "/../import", json=document),
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
