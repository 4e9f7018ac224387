"""Many at once, against two workers: nothing is lost, doubled or torn (ASVS 15.4)."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.security.attacked import PASSWORD
from tests.support.callers import at_once, statuses
from tests.support.databases import execute

if TYPE_CHECKING:
    import requests

    from tests.security.attacked import Attacked, Person

COUNTED = "SELECT live, trashed FROM task_lists WHERE user_id = %s"


@pytest.mark.shows("races: toggles", "ASVS 15.4.1", "ASVS 15.4.2")
def test_100_toggles_of_one_task_are_100_turns(attacked: Attacked, victim: Person) -> None:
    at = f"/tasks/{victim.task['id']}/complete"
    answers = at_once(25, lambda _: victim.ask("PATCH", at)) + at_once(75, lambda _: victim.ask("PATCH", at))
    assert statuses(answers) == {200: 100}
    assert Counter(answer.json()["completed"] for answer in answers) == {True: 50, False: 50}
    # Each turn has a version of its own, and the last one is what is there.
    tags = {int(answer.headers["ETag"].strip('"')): answer.json() for answer in answers}
    assert len(tags) == 100
    assert victim.ask("GET", f"/tasks/{victim.task['id']}").json() == tags[max(tags)]
    assert tags[max(tags)]["completed"] is False
    assert execute(attacked.database, COUNTED, victim.id) == [(1, 0)]


@pytest.mark.shows("races: one e-mail", "PostgreSQL unique", "ASVS 15.4.2")
def test_100_sign_ups_of_one_address_at_once_make_one_account(attacked: Attacked) -> None:
    name = uuid.uuid4().hex[:12]
    spellings = [f"Ada-{name}@Example.com", f"ada-{name}@example.com", f"ADA-{name.upper()}@EXAMPLE.COM"]
    answers = at_once(100, lambda number: attacked.sign_up(spellings[number % 3], PASSWORD))
    (made,) = (answer for answer in answers if answer.ok)
    refused = [answer for answer in answers if not answer.ok]
    # Those that would wait too long for their password to be hashed are told so.
    assert {answer.status_code for answer in refused} <= {422, 429}
    assert all(answer.headers["Content-Type"] == "application/problem+json" for answer in refused)
    found = execute(attacked.database, "SELECT id FROM users WHERE lower(email) LIKE %s", f"%{name}%")
    assert found == [(made.json()["user"]["id"],)]


@pytest.mark.shows("races: delete and update", "ASVS 15.4.1")
@pytest.mark.parametrize("permanent", ["", "?permanent=true"])
def test_a_deletion_and_an_update_at_once_end_as_one_after_the_other(
    attacked: Attacked, victim: Person, permanent: str
) -> None:
    for _ in range(5):
        task = victim.ask("POST", "/tasks", json={"title": "before"}).json()
        at = f"/tasks/{task['id']}"

        def move(number: int, at: str = at) -> requests.Response:
            if number == 5:
                return victim.ask("DELETE", at + permanent)
            return victim.ask("PATCH", at, json={"title": str(number)})

        answers = at_once(10, move)
        assert answers[5].status_code == 204
        updated = [str(number) for number, answer in enumerate(answers) if answer.status_code == 200]
        assert set(statuses(answers)) <= {200, 204, 404}
        assert victim.ask("GET", at).status_code == 404
        kept = [left for left in victim.ask("GET", "/tasks?deleted=true").json() if left["id"] == task["id"]]
        # What was told to be updated was, before the deletion; whoever came after it was told 404.
        assert [left["title"] in (updated or ["before"]) for left in kept] == ([] if permanent else [True])
    ((live, trashed),) = execute(attacked.database, COUNTED, victim.id)
    assert (live, trashed) == (1, 0 if permanent else 5)


@pytest.mark.shows("races: creates", "ASVS 15.4.1")
def test_200_creates_make_200_tasks_each_with_an_id_and_an_order(victim: Person) -> None:
    with ThreadPoolExecutor(24) as threads:
        answers = list(
            threads.map(lambda number: victim.ask("POST", "/tasks", json={"title": str(number)}), range(200))
        )
    assert statuses(answers) == {201: 200}
    made = [answer.json() for answer in answers]
    assert len({task["id"] for task in made}) == 200
    listed = [task for task in victim.ask("GET", "/tasks").json() if task["id"] != victim.task["id"]]
    assert sorted(listed, key=lambda task: task["id"]) == sorted(made, key=lambda task: task["id"])
    assert len({task["order"] for task in listed}) == 200
    assert {task["title"] for task in listed} == set(map(str, range(200)))


@pytest.mark.shows("RFC 9110 If-Match", "ASVS 15.4.2")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_of_20_writers_with_one_etag_one_succeeds_and_19_get_412(victim: Person, method: str) -> None:
    at = f"/tasks/{victim.task['id']}"
    tag = {"If-Match": victim.ask("GET", at).headers["ETag"]}
    answers = at_once(20, lambda number: victim.ask(method, at, tag, json={"title": str(number)}))
    assert statuses(answers) == {200: 1, 412: 19}
    (won,) = (answer for answer in answers if answer.ok)
    assert victim.ask("GET", at).json() == won.json()


@pytest.mark.shows("Idempotency parallel", "ASVS 15.4.2")
def test_20_creates_with_one_key_at_once_make_one_task(victim: Person) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    answers = at_once(20, lambda _: victim.ask("POST", "/tasks", key, json={"title": "once"}))
    # Whoever comes while the first is being answered is asked to come again.
    assert set(statuses(answers)) <= {201, 409}
    made = [answer for answer in answers if answer.ok]
    assert len({answer.json()["id"] for answer in made}) == 1
    assert len([answer for answer in made if "Idempotency-Replayed" not in answer.headers]) == 1
    again = victim.ask("POST", "/tasks", key, json={"title": "once"})
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (made[0].json(), "true")
    assert len(victim.ask("GET", "/tasks").json()) == 2


@pytest.mark.shows("ASVS 15.4.2")
def test_of_6_changes_of_a_password_at_once_one_is_made(attacked: Attacked, victim: Person) -> None:
    """Six, since what waits to be hashed is bounded; each knows the password that there was."""

    def change(number: int) -> requests.Response:
        body = {"currentPassword": PASSWORD, "newPassword": f"{number} staples of donkeys"}
        return victim.auth("POST", "change-password", json=body)

    answers = at_once(6, change)
    (won,) = (number for number, answer in enumerate(answers) if answer.ok)
    assert {answer.status_code for answer in answers} <= {200, 400, 429}
    assert attacked.sign_in(victim.email, f"{won} staples of donkeys").status_code == 200
    assert attacked.sign_in(victim.email, PASSWORD).status_code == 401


@pytest.mark.shows("ASVS 15.4.3")
def test_batches_that_meet_in_the_opposite_order_all_are_answered(victim: Person) -> None:
    """Each would wait for the other, were the tasks locked one by one."""
    ids = [victim.ask("POST", "/tasks", json={"title": "x"}).json()["id"] for _ in range(20)]

    def batch(number: int) -> requests.Response:
        order = ids if number % 2 else ids[::-1]
        operations = [{"op": "update", "id": task, "task": {"title": str(number)}} for task in order]
        return victim.ask("POST", "/tasks/batch", json={"operations": operations})

    answers = at_once(8, batch)
    assert statuses(answers) == {200: 8}
    titles = {task["title"] for task in victim.ask("GET", "/tasks").json() if task["id"] in ids}
    assert len(titles) == 1
