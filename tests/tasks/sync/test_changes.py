"""A copy that is synchronised by `changes` alone equals the list, whatever happens to the tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application, execute
from tests.support.problems import status_and_code
from todo_api.http.cursors import sign
from todo_api.tasks import purge

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

CLIENT = st.integers(0, 1)
EXPIRE = "UPDATE {} SET deleted_at = now() - interval '31 days' WHERE deleted_at IS NOT NULL"


def expire_deletions(database: str, *tables: str) -> None:
    """Set the deletions in the tables, by default in both, 31 days back."""
    for table in tables or ("tasks", "task_tombstones"):
        execute(database, EXPIRE.format(table))


def purge_all() -> int:
    """Purge the deletions of thirty days ago, and return their number."""
    return sum(purge.purge(expired) for expired in purge.expired_rows(30))


class Copy:
    """A client's copy of the tasks, by id."""

    def __init__(self, actor: Actor, limit: int | None = None) -> None:
        self.actor = actor
        self.limit = limit
        self.tasks: dict[int, Any] = {}
        self.token: str | None = None

    def pull(self) -> bool:
        """Apply one page of changes; return whether there are more. Start again after a 410."""
        query = {name: value for name, value in {"sync_token": self.token, "limit": self.limit}.items() if value}
        response = self.actor.get("/tasks/changes", query_string=query)
        if response.status_code == 410:
            self.tasks, self.token = {}, None
            return True
        assert response.status_code == 200, response.text
        body = response.get_json()
        assert len(body["tasks"]) + len(body["deleted"]) <= (self.limit or 500)
        self.tasks |= {task["id"]: task for task in body["tasks"]}
        for task_id in body["deleted"]:
            self.tasks.pop(task_id, None)
        self.token = body["sync_token"]
        has_more: bool = body["has_more"]
        return has_more

    def synchronise(self) -> dict[int, Any]:
        """Apply all changes and return the tasks."""
        while self.pull():
            pass
        return self.tasks


def tasks_by_id(actor: Actor) -> dict[int, Any]:
    return {task["id"]: task for task in actor.get("/tasks").get_json()}


def get_changes(actor: Actor, token: str | None) -> TestResponse:
    return actor.get("/tasks/changes", query_string={"sync_token": token})


def test_a_copy_follows_changes_and_deletions(alice: Actor) -> None:
    copy = Copy(alice)
    assert copy.synchronise() == {}
    first, second, third = (alice.create_task(title=str(n)) for n in range(3))
    assert copy.synchronise() == tasks_by_id(alice)
    alice.patch(f"/tasks/{first['id']}", json={"title": "changed"})
    alice.delete(f"/tasks/{second['id']}")
    alice.delete(f"/tasks/{third['id']}?permanent=true")
    changes = get_changes(alice, copy.token).get_json()
    assert [task["title"] for task in changes["tasks"]] == ["changed"]
    assert changes["deleted"] == [second["id"], third["id"]]
    assert changes["has_more"] is False
    assert copy.synchronise() == tasks_by_id(alice)
    alice.post(f"/tasks/{second['id']}/restore")
    assert copy.synchronise() == tasks_by_id(alice)
    assert len(copy.tasks) == 2


def test_changes_have_the_successor_of_a_completed_task(alice: Actor) -> None:
    task = alice.create_task(due="2090-01-31", recurrence="FREQ=MONTHLY")
    copy = Copy(alice)
    copy.synchronise()
    completed = alice.patch(f"/tasks/{task['id']}/complete").get_json()
    changes = get_changes(alice, copy.token).get_json()
    assert [changed["id"] for changed in changes["tasks"]] == [task["id"], completed["next_id"]]
    assert copy.synchronise() == tasks_by_id(alice)


def test_unchanged_tasks_are_not_returned_again(alice: Actor) -> None:
    alice.create_task()
    copy = Copy(alice)
    copy.synchronise()
    changes = get_changes(alice, copy.token).get_json()
    assert (changes["tasks"], changes["deleted"], changes["has_more"]) == ([], [], False)


def test_tasks_of_one_version_can_span_pages(alice: Actor) -> None:
    for n in range(7):
        alice.create_task(title=str(n))
    copy = Copy(alice, limit=2)
    assert copy.synchronise() == tasks_by_id(alice)
    assert alice.delete("/tasks?all=true").get_json() == {"deleted": 7}
    assert copy.synchronise() == {}


@pytest.mark.parametrize("token", ["", "x", "W10.x", "%00", "%FF", "%ED%A0%80", "a" * 2000])
def test_an_empty_or_unreadable_token_is_400(alice: Actor, token: str) -> None:
    assert status_and_code(alice.get(f"/tasks/changes?sync_token={token}")) == (400, "INVALID_SYNC_TOKEN")


def test_another_users_token_is_400(alice: Actor, bob: Actor) -> None:
    copy = Copy(bob)
    copy.synchronise()
    assert status_and_code(get_changes(alice, copy.token)) == (400, "INVALID_SYNC_TOKEN")


def test_a_token_of_a_future_version_is_400(app: Flask, alice: Actor) -> None:
    alice.create_task()
    with app.app_context():
        token = sign([2, 1, 0], ["changes", alice.id])
    assert status_and_code(get_changes(alice, token)) == (400, "INVALID_SYNC_TOKEN")


@pytest.mark.parametrize("limit", ["0", "501", "07", "+7", "x", "1.0"])
def test_the_limit_is_1_to_500(alice: Actor, limit: str) -> None:
    response = alice.get("/tasks/changes", query_string={"limit": limit})
    assert response.status_code == 422
    assert response.get_json()["errors"] == [{"parameter": "limit", "detail": "Must be a whole number from 1 to 500."}]


@pytest.fixture
def own_app(fresh_database: str) -> Flask:
    return application(fresh_database)


@pytest.mark.parametrize("permanent", [False, True])
def test_a_token_before_a_purged_deletion_is_410(own_app: Flask, fresh_database: str, *, permanent: bool) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    behind, ahead, late = Copy(alice), Copy(alice), Copy(alice)
    tasks = [alice.create_task(title=str(n)) for n in range(3)]
    behind.synchronise()
    alice.delete(f"/tasks/{tasks[0]['id']}{'?permanent=true' if permanent else ''}")
    ahead.synchronise()
    expire_deletions(fresh_database)
    with own_app.app_context():
        assert purge_all() == 1
    assert status_and_code(get_changes(alice, behind.token)) == (410, "SYNC_TOKEN_EXPIRED")
    assert get_changes(alice, ahead.token).status_code == 200
    for copy in (behind, ahead, late):
        assert copy.synchronise() == tasks_by_id(alice)


def test_a_copy_started_after_the_purge_gets_no_410(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    tasks = [alice.create_task(title=str(n)) for n in range(4)]
    alice.delete(f"/tasks/{tasks[1]['id']}")
    expire_deletions(fresh_database, "tasks")
    with own_app.app_context():
        purge_all()
    copy = Copy(alice, limit=1)
    pages = 0
    while copy.pull():
        assert copy.token  # no 410
        pages += 1
    assert pages == 2
    assert copy.tasks == tasks_by_id(alice)


def test_a_purge_between_two_pages_is_410(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    first, second = alice.create_task(), alice.create_task()
    copy = Copy(alice, limit=1)
    copy.synchronise()
    alice.patch(f"/tasks/{first['id']}/complete")
    alice.delete(f"/tasks/{second['id']}")
    assert copy.pull()
    expire_deletions(fresh_database, "tasks")
    with own_app.app_context():
        purge_all()
    assert get_changes(alice, copy.token).status_code == 410
    assert copy.synchronise() == tasks_by_id(alice)


def test_a_purge_within_a_version_restarts_the_copy(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    alice.create_task()
    alice.create_task()
    copy = Copy(alice, limit=1)
    copy.synchronise()
    alice.delete("/tasks?all=true")
    assert copy.pull()
    expire_deletions(fresh_database, "tasks")
    with own_app.app_context():
        purge_all()
    assert copy.synchronise() == {}


def test_an_earlier_purge_does_not_lower_the_purged_version(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    first, second = alice.create_task(), alice.create_task()
    alice.delete(f"/tasks/{first['id']}?permanent=true")
    copy = Copy(alice)
    copy.synchronise()
    alice.delete(f"/tasks/{second['id']}")
    for table in ("tasks", "task_tombstones"):  # the newer deletion first, as after a change of the clock
        expire_deletions(fresh_database, table)
        with own_app.app_context():
            purge_all()
    assert get_changes(alice, copy.token).status_code == 410


def second_session(actor: Actor) -> Actor:
    """Return the same user with another session."""
    form = {"email": actor.email, "password": PASSWORD}
    return replace(actor, token=actor.client.post("/api/auth/sign-in/email", data=form).get_json()["token"])


class Writers(RuleBasedStateMachine):
    """Two clients write, and three copies synchronise now and then."""

    app: Flask
    database: str
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.alice = Actor.sign_up(self.app, "Alice")
        self.clients = [self.alice, second_session(self.alice)]
        self.copies = [Copy(self.alice, limit=1), Copy(self.clients[1], limit=3), Copy(self.alice)]

    @rule(target=ids, client=CLIENT, order=st.sampled_from([None, 1, 2.5]))
    def create(self, client: int, order: float | None) -> int:
        number: int = self.clients[client].create_task(**({} if order is None else {"order": order}))["id"]
        return number

    @rule(target=ids, client=CLIENT, recurrence=st.sampled_from(["FREQ=DAILY", "FREQ=MONTHLY;COUNT=2"]))
    def create_repeating(self, client: int, recurrence: str) -> int:
        number: int = self.clients[client].create_task(due="2090-01-31", recurrence=recurrence)["id"]
        return number

    @rule(target=ids, task=ids, client=CLIENT)
    def complete(self, task: int, client: int) -> Any:
        """Complete a task, and go on with the one that follows it, if any."""
        response = self.clients[client].patch(f"/tasks/{task}", json={"completed": True})
        assert response.status_code in {200, 404}
        return response.get_json().get("next_id") or task

    @rule(target=ids, number=st.integers(1, 4))
    def batch(self, number: int) -> Any:
        operations = [{"op": "create", "task": {"title": str(n)}} for n in range(number)]
        response = self.alice.post("/tasks/batch", json={"operations": operations}).get_json()
        return multiple(*(result["task"]["id"] for result in response["results"]))

    @rule(task=ids, client=CLIENT, method=st.sampled_from(["PATCH", "PUT"]), completed=st.booleans())
    def change(self, task: int, client: int, method: str, completed: bool) -> None:  # noqa: FBT001
        response = self.clients[client].request(method, f"/tasks/{task}", json={"completed": completed})
        assert response.status_code in {200, 404}

    @rule(
        task=ids,
        client=CLIENT,
        call=st.sampled_from(["DELETE ", "DELETE ?permanent=true", "POST /restore", "PATCH /complete"]),
    )
    def call(self, task: int, client: int, call: str) -> None:
        method, _, suffix = call.partition(" ")
        assert self.clients[client].request(method, f"/tasks/{task}{suffix}").status_code in {200, 204, 404}

    @rule(query=st.sampled_from(["completed=true", "completed=true&permanent=true", "deleted=true&permanent=true"]))
    def delete_many(self, query: str) -> None:
        assert self.alice.delete(f"/tasks?{query}").status_code == 200

    @rule()
    def purge(self) -> None:
        """Purge as if all deletions were a month ago."""
        expire_deletions(self.database)
        with self.app.app_context():
            purge_all()

    @rule(copy=st.integers(0, 2))
    def pull(self, copy: int) -> None:
        self.copies[copy].pull()

    @precondition(lambda self: self.copies[0].tasks)
    @rule()
    def start_again(self) -> None:
        self.copies[0] = Copy(self.alice, limit=1)

    @rule(copy=st.integers(0, 2))
    def synchronise(self, copy: int) -> None:
        assert self.copies[copy].synchronise() == tasks_by_id(self.alice)

    @invariant()
    def counts_are_right(self) -> None:
        for query, number in (("", len(tasks_by_id(self.alice))), ("&deleted=true", None)):
            page = self.alice.get(f"/tasks?limit=200{query}")
            assert page.headers["X-Total-Count"] == str(len(page.get_json()) if number is None else number)

    def teardown(self) -> None:
        for copy in self.copies:
            assert copy.synchronise() == tasks_by_id(self.alice)


def test_a_copy_equals_the_list_after_any_operations(own_app: Flask, fresh_database: str) -> None:
    machine = type("TestWriters", (Writers,), {"app": own_app, "database": fresh_database})
    limits = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),  # shrinking a failure takes too long
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=limits)
