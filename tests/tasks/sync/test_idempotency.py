"""A POST with an Idempotency-Key is executed once; a retry gets the saved response."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.databases import execute
from tests.support.locks import locking
from tests.support.problems import status_and_code
from tests.support.processes import child_pids
from tests.support.service_client import ServiceClient, count_statuses, in_parallel
from tests.support.task_lists import titles

if TYPE_CHECKING:
    from tests.support.actors import Actor
    from tests.support.processes import Service

KEY = {"Idempotency-Key": "6c1f"}
BODY = {"title": "Buy milk"}
EXPIRE = "UPDATE idempotency_keys SET created_at = now() - interval '24 hours' WHERE user_id = %s"


def test_a_retry_gets_the_saved_response(alice: Actor) -> None:
    first = alice.post("/tasks", json=BODY, headers=KEY)
    retry = alice.post("/tasks", json=BODY, headers=KEY)
    assert first.status_code == retry.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    assert retry.headers["Idempotency-Replayed"] == "true"
    assert first.data == retry.data
    for name in ("Location", "ETag", "Content-Type", "Cache-Control"):
        assert first.headers[name] == retry.headers[name]
    assert titles(alice) == ["Buy milk"]


def test_a_later_change_does_not_affect_the_saved_response(alice: Actor) -> None:
    first = alice.post("/tasks", json=BODY, headers=KEY)
    alice.delete(f"/tasks/{first.get_json()['id']}?permanent=true")
    assert alice.post("/tasks", json=BODY, headers=KEY).data == first.data
    assert titles(alice) == []


def test_me_and_the_user_id_are_the_same_request(alice: Actor) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    headers = {"Authorization": f"Bearer {alice.token}", **KEY}
    retry = alice.client.post("/api/me/tasks", json=BODY, headers=headers)
    assert (retry.status_code, retry.headers["Idempotency-Replayed"]) == (201, "true")


def test_ignored_parameters_do_not_change_the_request(alice: Actor) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    assert alice.post("/tasks?_x=1", json=BODY, headers=KEY).headers["Idempotency-Replayed"] == "true"


def test_keys_belong_to_a_user(alice: Actor, bob: Actor) -> None:
    for actor in (alice, bob):
        response = actor.post("/tasks", json=BODY, headers=KEY)
        assert response.get_json()["user_id"] == actor.id
        assert "Idempotency-Replayed" not in response.headers


def test_a_key_of_another_request_is_422(alice: Actor) -> None:
    task = alice.post("/tasks", json=BODY, headers=KEY).get_json()
    alice.delete(f"/tasks/{task['id']}")
    others: list[tuple[str, dict[str, Any]]] = [
        ("/tasks", {"json": {"title": "Buy bread"}}),
        ("/tasks/batch", {"json": {"operations": [{"op": "create", "task": BODY}]}}),
        (f"/tasks/{task['id']}/restore", {}),
    ]
    for path, options in others:
        response = alice.post(path, headers=KEY, **options)
        assert status_and_code(response) == (422, "IDEMPOTENCY_KEY_REUSED"), path
    assert titles(alice) == []


@pytest.mark.parametrize("path", ["/tasks/batch", "/tasks/{id}/restore"])
def test_every_post_accepts_a_key(alice: Actor, path: str) -> None:
    task = alice.create_task()
    alice.delete(f"/tasks/{task['id']}")
    body = {"operations": [{"op": "create", "task": BODY}]}
    first, retry = (alice.post(path.format(id=task["id"]), json=body, headers=KEY) for _ in range(2))
    assert first.status_code == retry.status_code == 200
    assert (first.data, retry.headers["Idempotency-Replayed"]) == (retry.data, "true")
    assert len(titles(alice)) == 1


def test_an_import_accepts_a_key(alice: Actor) -> None:
    document = {"format": "todo-export", "version": 1, "tasks": [BODY, BODY]}
    first, retry = (alice.post("/import", json=document, headers=KEY) for _ in range(2))
    assert first.get_json() == retry.get_json() == {"created": 2, "skipped": 0, "errors": [], "warnings": []}
    assert retry.headers["Idempotency-Replayed"] == "true"
    for path, body in (("/import?dry_run=true", document), ("/import", {**document, "tasks": [BODY]})):
        response = alice.post(path, json=body, headers=KEY)
        assert response.get_json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(titles(alice)) == 2


def test_an_error_response_is_not_saved(alice: Actor) -> None:
    assert alice.post("/tasks", json={"title": ""}, headers=KEY).status_code == 422
    assert alice.post("/tasks", json=BODY, headers=KEY).status_code == 201
    assert alice.post("/tasks/9/restore", headers={"Idempotency-Key": "other"}).status_code == 404
    assert alice.post("/tasks", json=BODY, headers={"Idempotency-Key": "other"}).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_1_to_255_characters(alice: Actor, key: str) -> None:
    response = alice.post("/tasks", json=BODY, headers={"Idempotency-Key": key})
    assert status_and_code(response) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert titles(alice) == []


@pytest.mark.parametrize("key", ["k" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "\xe9 %s ' \\"])
def test_a_key_may_be_any_text(alice: Actor, key: str) -> None:
    for replayed in (None, "true"):
        response = alice.post("/tasks", json=BODY, headers={"Idempotency-Key": key})
        assert (response.status_code, response.headers.get("Idempotency-Replayed")) == (201, replayed)


def test_a_key_expires_after_24_hours(alice: Actor, database: str) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    execute(database, EXPIRE, alice.id)
    assert alice.post("/tasks", json={"title": "another"}, headers=KEY).status_code == 201
    assert alice.post("/tasks", json={"title": "another"}, headers=KEY).headers["Idempotency-Replayed"] == "true"
    assert titles(alice) == ["Buy milk", "another"]


def test_a_retry_of_an_ended_session_is_401(alice: Actor) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    alice.sign_out()
    assert alice.post("/tasks", json=BODY, headers=KEY).status_code == 401


def test_a_key_of_a_running_request_is_409(alice: Actor, database: str) -> None:
    lock_key = "SELECT pg_advisory_xact_lock(hashtextextended(%s || ' ' || %s, 0))"
    with locking(database, lock_key, alice.id, KEY["Idempotency-Key"]) as commit:
        response = alice.post("/tasks", json=BODY, headers=KEY)
        commit()
    assert status_and_code(response) == (409, "REQUEST_IN_PROGRESS")
    assert response.headers["Retry-After"] == "1"
    assert alice.post("/tasks", json=BODY, headers=KEY).status_code == 201


@pytest.mark.shows("Idempotency parallel")
def test_20_concurrent_requests_with_one_key_create_one_task(service: Service) -> None:
    caller = ServiceClient(service)
    responses = in_parallel(20, lambda _: caller.request("POST", "", KEY, json=BODY))
    assert set(count_statuses(responses)) <= {201, 409}
    bodies = {response.text for response in responses if response.ok}
    assert len(bodies) == 1
    assert len(caller.request("GET", "").json()) == 1


def kill_workers(service: Service, stop: threading.Event) -> None:
    """Kill a worker six times, each time as soon as both workers run again."""
    killed = 0
    while killed < 6 and not stop.wait(0.5):
        workers = child_pids(service.process.pid)
        if len(workers) == 2:
            os.kill(min(workers), signal.SIGKILL)
            killed += 1


@pytest.mark.shows("Idempotency faults")
def test_a_killed_worker_leaves_both_task_and_key_or_neither(service: Service, fresh_database: str) -> None:
    """Retry each POST until it succeeds, while workers are killed."""
    caller = ServiceClient(service)
    stop = threading.Event()
    attempts: Counter[str] = Counter()

    def post_with_retries(key: str) -> None:
        while not stop.is_set():
            attempts[key] += 1
            try:
                if caller.request("POST", "", {"Idempotency-Key": key}, json={"title": key}).ok:
                    return
            except requests.RequestException:
                time.sleep(0.05)

    def post_many(n: int) -> None:
        for number in range(n, 600, 12):
            post_with_retries(f"key {number}")

    killer = threading.Thread(target=kill_workers, args=(service, stop))
    killer.start()
    with ThreadPoolExecutor(12) as threads:
        futures = [threads.submit(post_many, n) for n in range(12)]
        wait(futures, timeout=60)
        stop.set()
    killer.join()
    assert len(attempts) == 600
    assert attempts.total() > 600  # some were retried
    tasks = Counter(task["title"] for task in caller.request("GET", "").json())
    assert tasks == Counter(attempts.keys())
    assert {key for (key,) in execute(fresh_database, "SELECT key FROM idempotency_keys")} == set(attempts)
