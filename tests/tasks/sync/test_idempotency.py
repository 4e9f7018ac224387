"""A POST with an Idempotency-Key is done once."""

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

from tests.support.callers import Caller, statuses
from tests.support.databases import execute
from tests.support.processes import children

if TYPE_CHECKING:
    from tests.support.actors import Actor
    from tests.support.processes import Service

KEY = {"Idempotency-Key": "6c1f"}
BODY = {"title": "Buy milk"}
DAY_AGO = "UPDATE idempotency_keys SET created_at = now() - interval '24 hours' WHERE user_id = %s"


def titles(actor: Actor) -> list[str]:
    return [task["title"] for task in actor.get("/tasks").get_json()]


def test_a_repeated_post_is_answered_as_before(alice: Actor) -> None:
    first = alice.post("/tasks", json=BODY, headers=KEY)
    again = alice.post("/tasks", json=BODY, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.data == again.data
    for name in ("Location", "ETag", "Content-Type", "Cache-Control"):
        assert first.headers[name] == again.headers[name]
    assert titles(alice) == ["Buy milk"]


def test_what_happened_since_does_not_change_the_answer(alice: Actor) -> None:
    first = alice.post("/tasks", json=BODY, headers=KEY)
    alice.delete(f"/tasks/{first.get_json()['id']}?permanent=true")
    assert alice.post("/tasks", json=BODY, headers=KEY).data == first.data
    assert titles(alice) == []


def test_me_and_the_id_are_one_route(alice: Actor) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    mine = {"Authorization": f"Bearer {alice.token}", **KEY}
    again = alice.client.post("/api/me/tasks", json=BODY, headers=mine)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")


def test_what_passes_unread_makes_no_other_request(alice: Actor) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    assert alice.post("/tasks?_x=1", json=BODY, headers=KEY).headers["Idempotency-Replayed"] == "true"


def test_each_user_has_keys_of_their_own(alice: Actor, bob: Actor) -> None:
    for actor in (alice, bob):
        response = actor.post("/tasks", json=BODY, headers=KEY)
        assert response.get_json()["user_id"] == actor.id
        assert "Idempotency-Replayed" not in response.headers


def test_a_key_with_another_request_is_422(alice: Actor) -> None:
    task = alice.post("/tasks", json=BODY, headers=KEY).get_json()
    alice.delete(f"/tasks/{task['id']}")
    others: list[tuple[str, dict[str, Any]]] = [
        ("/tasks", {"json": {"title": "Buy bread"}}),
        ("/tasks/batch", {"json": {"operations": [{"op": "create", "task": BODY}]}}),
        (f"/tasks/{task['id']}/restore", {}),
    ]
    for path, options in others:
        response = alice.post(path, headers=KEY, **options)
        assert (response.status_code, response.get_json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), path
    assert titles(alice) == []


@pytest.mark.parametrize("path", ["/tasks/batch", "/tasks/{id}/restore"])
def test_every_post_takes_a_key(alice: Actor, path: str) -> None:
    task = alice.task()
    alice.delete(f"/tasks/{task['id']}")
    body = {"operations": [{"op": "create", "task": BODY}]}
    first, again = (alice.post(path.format(id=task["id"]), json=body, headers=KEY) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert (first.data, again.headers["Idempotency-Replayed"]) == (again.data, "true")
    assert len(titles(alice)) == 1


def test_an_import_takes_a_key(alice: Actor) -> None:
    document = {"format": "todo-export", "version": 1, "tasks": [BODY, BODY]}
    first, again = (alice.post("/import", json=document, headers=KEY) for _ in range(2))
    assert first.get_json() == again.get_json() == {"created": 2, "skipped": 0, "errors": []}
    assert again.headers["Idempotency-Replayed"] == "true"
    for path, body in (("/import?dry_run=true", document), ("/import", {**document, "tasks": [BODY]})):
        response = alice.post(path, json=body, headers=KEY)
        assert response.get_json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(titles(alice)) == 2


def test_a_refusal_is_not_kept(alice: Actor) -> None:
    assert alice.post("/tasks", json={"title": ""}, headers=KEY).status_code == 422
    assert alice.post("/tasks", json=BODY, headers=KEY).status_code == 201
    assert alice.post("/tasks/9/restore", headers={"Idempotency-Key": "other"}).status_code == 404
    assert alice.post("/tasks", json=BODY, headers={"Idempotency-Key": "other"}).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_1_to_255_characters(alice: Actor, key: str) -> None:
    response = alice.post("/tasks", json=BODY, headers={"Idempotency-Key": key})
    assert (response.status_code, response.get_json()["code"]) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert titles(alice) == []


@pytest.mark.parametrize("key", ["k" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "\xe9 %s ' \\"])
def test_any_text_is_a_key(alice: Actor, key: str) -> None:
    for replayed in (None, "true"):
        response = alice.post("/tasks", json=BODY, headers={"Idempotency-Key": key})
        assert (response.status_code, response.headers.get("Idempotency-Replayed")) == (201, replayed)


def test_a_key_is_forgotten_after_a_day(alice: Actor, database: str) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    execute(database, DAY_AGO, alice.id)
    assert alice.post("/tasks", json={"title": "another"}, headers=KEY).status_code == 201
    assert alice.post("/tasks", json={"title": "another"}, headers=KEY).headers["Idempotency-Replayed"] == "true"
    assert titles(alice) == ["Buy milk", "another"]


def test_an_ended_session_is_told_nothing(alice: Actor) -> None:
    alice.post("/tasks", json=BODY, headers=KEY)
    alice.sign_out()
    assert alice.post("/tasks", json=BODY, headers=KEY).status_code == 401


def test_a_request_under_way_is_409(alice: Actor, database: str) -> None:
    hold = "SELECT pg_advisory_lock(hashtextextended(%s || ' ' || %s, 0)), pg_sleep(1)"
    holder = threading.Thread(target=execute, args=(database, hold, alice.id, KEY["Idempotency-Key"]))
    holder.start()
    time.sleep(0.5)
    response = alice.post("/tasks", json=BODY, headers=KEY)
    holder.join()
    assert (response.status_code, response.get_json()["code"]) == (409, "REQUEST_IN_PROGRESS")
    assert response.headers["Retry-After"] == "1"
    assert alice.post("/tasks", json=BODY, headers=KEY).status_code == 201


@pytest.mark.shows("Idempotency parallel")
def test_20_equal_requests_at_once_make_one_task(service: Service) -> None:
    caller = Caller(service)
    answers = caller.at_once(20, lambda _: caller.call("POST", "", KEY, json=BODY))
    assert set(statuses(answers)) <= {201, 409}
    told = {answer.text for answer in answers if answer.ok}
    assert len(told) == 1
    assert len(caller.call("GET", "").json()) == 1


def kill_workers_by_turns(service: Service, stop: threading.Event) -> None:
    """Kill a worker a few times, whenever all of them have come up again."""
    killed = 0
    while killed < 6 and not stop.wait(0.5):
        workers = children(service.process.pid)
        if len(workers) == 2:
            os.kill(min(workers), signal.SIGKILL)
            killed += 1


@pytest.mark.shows("Idempotency faults")
def test_a_worker_that_is_killed_leaves_both_or_none(service: Service, fresh_database: str) -> None:
    """Post tasks, each until it is answered, while workers die."""
    caller = Caller(service)
    stop = threading.Event()
    tried: Counter[str] = Counter()

    def post_until_answered(key: str) -> None:
        while not stop.is_set():
            tried[key] += 1
            try:
                if caller.call("POST", "", {"Idempotency-Key": key}, json={"title": key}).ok:
                    return
            except requests.RequestException:
                time.sleep(0.05)

    def post_many(n: int) -> None:
        for number in range(n, 600, 12):
            post_until_answered(f"key {number}")

    killer = threading.Thread(target=kill_workers_by_turns, args=(service, stop))
    killer.start()
    with ThreadPoolExecutor(12) as threads:
        done = [threads.submit(post_many, n) for n in range(12)]
        wait(done, timeout=60)
        stop.set()
    killer.join()
    assert len(tried) == 600
    assert tried.total() > 600  # some had to be sent again
    tasks = Counter(task["title"] for task in caller.call("GET", "").json())
    assert tasks == Counter(tried.keys())
    assert {key for (key,) in execute(fresh_database, "SELECT key FROM idempotency_keys")} == set(tried)
