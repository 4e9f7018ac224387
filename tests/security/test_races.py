"""Concurrent requests to two workers (ASVS 15.4)."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.security.target import PASSWORD
from tests.support.databases import execute
from tests.support.service_client import count_statuses, in_parallel

if TYPE_CHECKING:
    import requests

    from tests.security.target import Target, User

TASK_COUNTS = "SELECT live, trashed FROM task_lists WHERE user_id = %s"


@pytest.mark.shows("races: toggles", "ASVS 15.4.1", "ASVS 15.4.2")
def test_100_concurrent_toggles_of_a_task_are_100_changes(target: Target, victim: User) -> None:
    at = f"/tasks/{victim.task['id']}/complete"
    responses = in_parallel(25, lambda _: victim.request("PATCH", at)) + in_parallel(
        75, lambda _: victim.request("PATCH", at)
    )
    assert count_statuses(responses) == {200: 100}
    assert Counter(response.json()["completed"] for response in responses) == {True: 50, False: 50}
    # Each toggle creates a version, and the last version is stored.
    versions = {int(response.headers["ETag"].strip('"')): response.json() for response in responses}
    assert len(versions) == 100
    assert victim.request("GET", f"/tasks/{victim.task['id']}").json() == versions[max(versions)]
    assert versions[max(versions)]["completed"] is False
    assert execute(target.database, TASK_COUNTS, victim.id) == [(1, 0)]


@pytest.mark.shows("races: one e-mail", "PostgreSQL unique", "ASVS 15.4.2")
def test_100_concurrent_sign_ups_of_one_email_create_one_account(target: Target) -> None:
    name = uuid.uuid4().hex[:12]
    spellings = [f"Ada-{name}@Example.com", f"ada-{name}@example.com", f"ADA-{name.upper()}@EXAMPLE.COM"]
    responses = in_parallel(100, lambda number: target.sign_up(spellings[number % 3], PASSWORD))
    (created,) = (response for response in responses if response.ok)
    rejected = [response for response in responses if not response.ok]
    # 429 if the queue for password hashing is full.
    assert {response.status_code for response in rejected} <= {422, 429}
    assert all(response.headers["Content-Type"] == "application/problem+json" for response in rejected)
    rows = execute(target.database, "SELECT id FROM users WHERE lower(email) LIKE %s", f"%{name}%")
    assert rows == [(created.json()["user"]["id"],)]


@pytest.mark.shows("races: delete and update", "ASVS 15.4.1")
@pytest.mark.parametrize("permanent", ["", "?permanent=true"])
def test_a_concurrent_deletion_and_update_are_serialized(target: Target, victim: User, permanent: str) -> None:
    for _ in range(5):
        task = victim.request("POST", "/tasks", json={"title": "before"}).json()
        at = f"/tasks/{task['id']}"

        def write(number: int, at: str = at) -> requests.Response:
            if number == 5:
                return victim.request("DELETE", at + permanent)
            return victim.request("PATCH", at, json={"title": str(number)})

        responses = in_parallel(10, write)
        assert responses[5].status_code == 204
        updated = [str(number) for number, response in enumerate(responses) if response.status_code == 200]
        assert set(count_statuses(responses)) <= {200, 204, 404}
        assert victim.request("GET", at).status_code == 404
        trashed_tasks = [
            trashed for trashed in victim.request("GET", "/tasks?deleted=true").json() if trashed["id"] == task["id"]
        ]
        # An update with 200 came before the deletion. One after it got 404.
        assert [trashed["title"] in (updated or ["before"]) for trashed in trashed_tasks] == (
            [] if permanent else [True]
        )
    ((live, trashed),) = execute(target.database, TASK_COUNTS, victim.id)
    assert (live, trashed) == (1, 0 if permanent else 5)


@pytest.mark.shows("races: creates", "ASVS 15.4.1")
def test_200_concurrent_creates_make_200_tasks_with_unique_ids_and_orders(victim: User) -> None:
    with ThreadPoolExecutor(24) as threads:
        responses = list(
            threads.map(lambda number: victim.request("POST", "/tasks", json={"title": str(number)}), range(200))
        )
    assert count_statuses(responses) == {201: 200}
    created = [response.json() for response in responses]
    assert len({task["id"] for task in created}) == 200
    listed = [task for task in victim.request("GET", "/tasks").json() if task["id"] != victim.task["id"]]
    assert sorted(listed, key=lambda task: task["id"]) == sorted(created, key=lambda task: task["id"])
    assert len({task["order"] for task in listed}) == 200
    assert {task["title"] for task in listed} == set(map(str, range(200)))


@pytest.mark.shows("RFC 9110 If-Match", "ASVS 15.4.2")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_of_20_concurrent_writes_with_one_etag_one_succeeds_and_19_get_412(victim: User, method: str) -> None:
    at = f"/tasks/{victim.task['id']}"
    tag = {"If-Match": victim.request("GET", at).headers["ETag"]}
    responses = in_parallel(20, lambda number: victim.request(method, at, tag, json={"title": str(number)}))
    assert count_statuses(responses) == {200: 1, 412: 19}
    (success,) = (response for response in responses if response.ok)
    assert victim.request("GET", at).json() == success.json()


@pytest.mark.shows("Idempotency parallel", "ASVS 15.4.2")
def test_20_concurrent_creates_with_one_key_make_one_task(victim: User) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    responses = in_parallel(20, lambda _: victim.request("POST", "/tasks", key, json={"title": "once"}))
    # 409 while the first request is in progress.
    assert set(count_statuses(responses)) <= {201, 409}
    created = [response for response in responses if response.ok]
    assert len({response.json()["id"] for response in created}) == 1
    assert len([response for response in created if "Idempotency-Replayed" not in response.headers]) == 1
    repeated = victim.request("POST", "/tasks", key, json={"title": "once"})
    assert (repeated.json(), repeated.headers["Idempotency-Replayed"]) == (created[0].json(), "true")
    assert len(victim.request("GET", "/tasks").json()) == 2


@pytest.mark.shows("ASVS 15.4.2")
def test_of_6_concurrent_password_changes_one_succeeds(target: Target, victim: User) -> None:
    """The queue for password hashing limits their number. Each request has the right current password."""

    def change(number: int) -> requests.Response:
        body = {"currentPassword": PASSWORD, "newPassword": f"{number} staples of donkeys"}
        return victim.request_auth("POST", "change-password", json=body)

    responses = in_parallel(6, change)
    (success,) = (number for number, response in enumerate(responses) if response.ok)
    assert {response.status_code for response in responses} <= {200, 400, 429}
    assert target.sign_in(victim.email, f"{success} staples of donkeys").status_code == 200
    assert target.sign_in(victim.email, PASSWORD).status_code == 401


@pytest.mark.shows("ASVS 15.4.3")
def test_batches_in_opposite_orders_do_not_deadlock(victim: User) -> None:
    ids = [victim.request("POST", "/tasks", json={"title": "x"}).json()["id"] for _ in range(20)]

    def batch(number: int) -> requests.Response:
        order = ids if number % 2 else ids[::-1]
        operations = [{"op": "update", "id": task, "task": {"title": str(number)}} for task in order]
        return victim.request("POST", "/tasks/batch", json={"operations": operations})

    responses = in_parallel(8, batch)
    assert count_statuses(responses) == {200: 8}
    titles = {task["title"] for task in victim.request("GET", "/tasks").json() if task["id"] in ids}
    assert len(titles) == 1
