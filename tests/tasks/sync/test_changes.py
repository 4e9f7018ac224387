"""A copy that is fed by `changes` alone is the list, whatever happens to the tasks."""

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
from todo_api.http.cursors import sign
from todo_api.tasks import purge

if TYPE_CHECKING:
    from flask import Flask

CLIENT = st.integers(0, 1)
MOVES = ["DELETE ", "DELETE ?permanent=true", "POST /restore", "PATCH /complete"]
OLD = "UPDATE {} SET deleted_at = now() - interval '31 days' WHERE deleted_at IS NOT NULL"


class Copy:
    """A client's copy of the tasks."""

    def __init__(self, actor: Actor, limit: int | None = None) -> None:
        self.actor = actor
        self.limit = limit
        self.tasks: dict[int, Any] = {}
        self.token: str | None = None

    def pull(self) -> bool:
        """Take one answer; tell whether there is more."""
        query = {name: value for name, value in {"sync_token": self.token, "limit": self.limit}.items() if value}
        answer = self.actor.get("/tasks/changes", query_string=query)
        if answer.status_code == 410:
            self.tasks, self.token = {}, None
            return True
        assert answer.status_code == 200, answer.text
        body = answer.get_json()
        assert len(body["tasks"]) + len(body["deleted"]) <= (self.limit or 500)
        self.tasks |= {task["id"]: task for task in body["tasks"]}
        for gone in body["deleted"]:
            self.tasks.pop(gone, None)
        self.token = body["sync_token"]
        more: bool = body["has_more"]
        return more

    def catch_up(self) -> dict[int, Any]:
        while self.pull():
            pass
        return self.tasks


def listed(actor: Actor) -> dict[int, Any]:
    return {task["id"]: task for task in actor.get("/tasks").get_json()}


def test_a_copy_follows(alice: Actor) -> None:
    copy = Copy(alice)
    assert copy.catch_up() == {}
    first, second, third = (alice.task(title=str(n)) for n in range(3))
    assert copy.catch_up() == listed(alice)
    alice.patch(f"/tasks/{first['id']}", json={"title": "changed"})
    alice.delete(f"/tasks/{second['id']}")
    alice.delete(f"/tasks/{third['id']}?permanent=true")
    answer = alice.get("/tasks/changes", query_string={"sync_token": copy.token}).get_json()
    assert [task["title"] for task in answer["tasks"]] == ["changed"]
    assert answer["deleted"] == [second["id"], third["id"]]
    assert answer["has_more"] is False
    assert copy.catch_up() == listed(alice)
    alice.post(f"/tasks/{second['id']}/restore")
    assert copy.catch_up() == listed(alice)
    assert len(copy.tasks) == 2


def test_what_has_not_changed_is_not_told_again(alice: Actor) -> None:
    alice.task()
    copy = Copy(alice)
    copy.catch_up()
    answer = alice.get("/tasks/changes", query_string={"sync_token": copy.token}).get_json()
    assert (answer["tasks"], answer["deleted"], answer["has_more"]) == ([], [], False)


def test_tasks_that_share_a_version_are_told_page_by_page(alice: Actor) -> None:
    for n in range(7):
        alice.task(title=str(n))
    copy = Copy(alice, limit=2)
    assert copy.catch_up() == listed(alice)
    assert alice.delete("/tasks?all=true").get_json() == {"deleted": 7}
    assert copy.catch_up() == {}


@pytest.mark.parametrize("token", ["", "x", "W10.x", "%00", "%FF", "%ED%A0%80", "a" * 2000])
def test_an_empty_or_unreadable_token_is_400(alice: Actor, token: str) -> None:
    response = alice.get(f"/tasks/changes?sync_token={token}")
    assert (response.status_code, response.get_json()["code"]) == (400, "INVALID_SYNC_TOKEN")


def test_another_users_token_is_400(alice: Actor, bob: Actor) -> None:
    copy = Copy(bob)
    copy.catch_up()
    response = alice.get("/tasks/changes", query_string={"sync_token": copy.token})
    assert (response.status_code, response.get_json()["code"]) == (400, "INVALID_SYNC_TOKEN")


def test_a_token_of_the_future_is_400(app: Flask, alice: Actor) -> None:
    alice.task()
    with app.app_context():
        token = sign([2, 1, 0], ["changes", alice.id])
    response = alice.get("/tasks/changes", query_string={"sync_token": token})
    assert (response.status_code, response.get_json()["code"]) == (400, "INVALID_SYNC_TOKEN")


@pytest.mark.parametrize("limit", ["0", "501", "07", "+7", "x", "1.0"])
def test_the_limit_is_1_to_500(alice: Actor, limit: str) -> None:
    response = alice.get("/tasks/changes", query_string={"limit": limit})
    assert response.status_code == 422
    assert response.get_json()["errors"] == [{"parameter": "limit", "detail": "Must be a whole number from 1 to 500."}]


@pytest.fixture
def own_app(fresh_database: str) -> Flask:
    return application(fresh_database)


@pytest.mark.parametrize("permanent", [False, True])
def test_who_missed_what_was_purged_starts_again(own_app: Flask, fresh_database: str, permanent: bool) -> None:  # noqa: FBT001
    alice = Actor.sign_up(own_app, "Alice")
    behind, ahead, late = Copy(alice), Copy(alice), Copy(alice)
    tasks = [alice.task(title=str(n)) for n in range(3)]
    behind.catch_up()
    alice.delete(f"/tasks/{tasks[0]['id']}{'?permanent=true' if permanent else ''}")
    ahead.catch_up()
    for table in ("tasks", "task_tombstones"):
        execute(fresh_database, OLD.format(table))
    with own_app.app_context():
        assert purge.users_with_old(30) == [alice.id]
        assert purge.purge_user(alice.id, 30) == (not permanent)
    expired = alice.get("/tasks/changes", query_string={"sync_token": behind.token})
    assert (expired.status_code, expired.get_json()["code"]) == (410, "SYNC_TOKEN_EXPIRED")
    assert alice.get("/tasks/changes", query_string={"sync_token": ahead.token}).status_code == 200
    for copy in (behind, ahead, late):
        assert copy.catch_up() == listed(alice)


def test_a_copy_that_was_begun_after_the_purge_may_go_page_by_page(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    tasks = [alice.task(title=str(n)) for n in range(4)]
    alice.delete(f"/tasks/{tasks[1]['id']}")
    execute(fresh_database, OLD.format("tasks"))
    with own_app.app_context():
        purge.purge_user(alice.id, 30)
    copy = Copy(alice, limit=1)
    seen = 0
    while copy.pull():
        assert copy.token  # no 410 on the way
        seen += 1
    assert seen == 2
    assert copy.tasks == listed(alice)


def test_a_purge_between_two_pages_is_noticed(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    first, second = alice.task(), alice.task()
    copy = Copy(alice, limit=1)
    copy.catch_up()
    alice.patch(f"/tasks/{first['id']}/complete")
    alice.delete(f"/tasks/{second['id']}")
    assert copy.pull()
    execute(fresh_database, OLD.format("tasks"))
    with own_app.app_context():
        purge.purge_user(alice.id, 30)
    assert alice.get("/tasks/changes", query_string={"sync_token": copy.token}).status_code == 410
    assert copy.catch_up() == listed(alice)


def test_a_purge_in_the_midst_of_a_version_is_noticed(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    alice.task()
    alice.task()
    copy = Copy(alice, limit=1)
    copy.catch_up()
    alice.delete("/tasks?all=true")
    assert copy.pull()
    execute(fresh_database, OLD.format("tasks"))
    with own_app.app_context():
        purge.purge_user(alice.id, 30)
    assert copy.catch_up() == {}


def test_what_was_purged_before_stays_known(own_app: Flask, fresh_database: str) -> None:
    alice = Actor.sign_up(own_app, "Alice")
    first, second = alice.task(), alice.task()
    alice.delete(f"/tasks/{first['id']}?permanent=true")
    copy = Copy(alice)
    copy.catch_up()
    alice.delete(f"/tasks/{second['id']}")
    for table in ("tasks", "task_tombstones"):  # the newer one first, as after a change of the clock
        execute(fresh_database, OLD.format(table))
        with own_app.app_context():
            purge.purge_user(alice.id, 30)
    assert alice.get("/tasks/changes", query_string={"sync_token": copy.token}).status_code == 410


def second_session(actor: Actor) -> Actor:
    """Sign in as the same user from another place."""
    form = {"email": actor.email, "password": PASSWORD}
    return replace(actor, token=actor.client.post("/api/auth/sign-in/email", data=form).get_json()["token"])


class Writers(RuleBasedStateMachine):
    """Two clients write, and copies that come by now and then follow."""

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
        number: int = self.clients[client].task(**({} if order is None else {"order": order}))["id"]
        return number

    @rule(target=ids, number=st.integers(1, 4))
    def batch(self, number: int) -> Any:
        operations = [{"op": "create", "task": {"title": str(n)}} for n in range(number)]
        answer = self.alice.post("/tasks/batch", json={"operations": operations}).get_json()
        return multiple(*(result["task"]["id"] for result in answer["results"]))

    @rule(task=ids, client=CLIENT, method=st.sampled_from(["PATCH", "PUT"]), completed=st.booleans())
    def change(self, task: int, client: int, method: str, completed: bool) -> None:  # noqa: FBT001
        answer = self.clients[client].request(method, f"/tasks/{task}", json={"completed": completed})
        assert answer.status_code in {200, 404}

    @rule(
        task=ids,
        client=CLIENT,
        move=st.sampled_from(["DELETE ", "DELETE ?permanent=true", "POST /restore", "PATCH /complete"]),
    )
    def move(self, task: int, client: int, move: str) -> None:
        method, _, rest = move.partition(" ")
        assert self.clients[client].request(method, f"/tasks/{task}{rest}").status_code in {200, 204, 404}

    @rule(query=st.sampled_from(["completed=true", "completed=true&permanent=true", "deleted=true&permanent=true"]))
    def delete_many(self, query: str) -> None:
        assert self.alice.delete(f"/tasks?{query}").status_code == 200

    @rule()
    def purge(self) -> None:
        """Let a month go by for what is deleted."""
        for table in ("tasks", "task_tombstones"):
            execute(self.database, OLD.format(table))
        with self.app.app_context():
            purge.purge_user(self.alice.id, 30)

    @rule(copy=st.integers(0, 2))
    def pull(self, copy: int) -> None:
        self.copies[copy].pull()

    @precondition(lambda self: self.copies[0].tasks)
    @rule()
    def begin_again(self) -> None:
        self.copies[0] = Copy(self.alice, limit=1)

    @rule(copy=st.integers(0, 2))
    def follow(self, copy: int) -> None:
        assert self.copies[copy].catch_up() == listed(self.alice)

    @invariant()
    def numbers_are_right(self) -> None:
        for query, number in (("", len(listed(self.alice))), ("&deleted=true", None)):
            page = self.alice.get(f"/tasks?limit=200{query}")
            assert page.headers["X-Total-Count"] == str(len(page.get_json()) if number is None else number)

    def teardown(self) -> None:
        for copy in self.copies:
            assert copy.catch_up() == listed(self.alice)


def test_a_copy_equals_the_list_whatever_happens(own_app: Flask, fresh_database: str) -> None:
    machine = type("OwnWriters", (Writers,), {"app": own_app, "database": fresh_database})
    bounds = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),  # a failure takes too long to be made small
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounds)
