"""What only a cluster shows: where statements run, and two entry nodes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application, execute
from tests.support.email_directory import differences
from tests.support.statements import intercept_statements
from todo_api.database.connections import AUTOCOMMIT, driver_connection, pool_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from tests.support.citus import Cluster
    from todo_api.database.statements import Statement

ID_MAX = 2**53


@pytest.fixture(scope="module")
def apps(distributed: Cluster) -> tuple[Flask, ...]:
    """Return the application by each entry node."""
    return tuple(application(url) for url in (distributed.coordinator, *distributed.workers))


@pytest.fixture
def actors(apps: tuple[Flask, ...]) -> list[Actor]:
    """Return one user as a client of each entry node."""
    ada = Actor.sign_up(apps[0], "Ada")
    clients = (app.test_client(use_cookies=False) for app in apps)
    return [Actor(client, ada.id, ada.email, ada.token, ada.refresh_token) for client in clients]


def use_every_route(app: Flask) -> None:
    """Send requests that execute each kind of statement of a task and of a session."""
    ada = Actor.sign_up(app, "Ada")
    task = ada.create_task(due="2026-10-01", tags=["home"])
    path = f"/tasks/{task['id']}"
    for query in ("", "?limit=1&sort=-order", "?tag=home&completed=false", "?q=milk&deleted=true"):
        assert ada.get(f"/tasks{query}").status_code == 200
    assert ada.get(path).status_code == ada.put(path, json={"title": "Buy tea"}).status_code == 200
    assert ada.patch(path, json={"recurrence": "FREQ=DAILY"}).status_code == 200
    for _ in range(2):
        assert ada.patch(f"{path}/complete").status_code == 200
    assert ada.delete(path).status_code == 204
    assert ada.post(f"{path}/restore").status_code == 200
    assert ada.delete(f"{path}?permanent=true").status_code == 204
    assert ada.delete("/tasks?permanent=true&tag=home").status_code == 200
    document = ada.get("/export").get_json()
    assert ada.post("/import", json=document).status_code == 200
    operations = [{"op": "create", "task": {"title": "Buy milk"}}]
    assert ada.post("/tasks/batch", json={"operations": operations}).status_code == 200
    assert ada.get("/tasks/changes").status_code == 200
    assert ada.post("/tasks", json={"title": "x"}, headers={"Idempotency-Key": "k"}).status_code == 201
    feed = ada.post("/feeds", json={}).get_json()
    assert ada.client.get(feed["url"]).status_code == 200
    headers = {"Authorization": f"Bearer {ada.token}"}
    key = ada.client.post("/api/auth/api-key/create", json={"name": "cron"}, headers=headers).get_json()["key"]
    assert ada.client.get("/api/me/tasks", headers={"X-API-Key": key}).status_code == 200
    assert ada.client.post("/api/auth/refresh", json={"refresh_token": ada.refresh_token}).status_code == 200
    changed = {"currentPassword": PASSWORD, "newPassword": f"{PASSWORD}!", "revokeOtherSessions": True}
    assert ada.client.post("/api/auth/change-password", json=changed, headers=headers).status_code == 200


def plan(app: Flask, statement: Statement, parameters: Mapping[str, Any]) -> list[str]:
    """Return the lines of Citus's plan that say over how many shards a statement runs, and whether it is split."""
    with (
        app.app_context(),
        pool_connection(AUTOCOMMIT) as connection,
        driver_connection(connection).cursor() as cursor,
    ):
        cursor.execute(f"EXPLAIN (COSTS OFF) {statement.text}", statement.values(parameters))
        lines = [line.strip() for (line,) in cursor.fetchall()]
    return [line for line in lines if line.startswith(("Task Count:", "->  Distributed Subplan"))]


def test_each_statement_of_a_user_is_one_task_of_one_node(apps: tuple[Flask, ...]) -> None:
    app, seen = apps[0], dict[str, Any]()
    with intercept_statements(lambda statement, parameters: seen.setdefault(statement.text, (statement, parameters))):
        use_every_route(app)
    routed = [pair for text, pair in seen.items() if "rate_limits" not in text]
    assert len(routed) > 30
    split = {pair[0].text: lines for pair in routed if (lines := plan(app, *pair)) != ["Task Count: 1"]}
    assert split == {}


def test_tasks_created_by_several_nodes_at_once_have_different_ids_and_orders(actors: list[Actor]) -> None:
    with ThreadPoolExecutor(12) as threads:
        tasks = list(threads.map(lambda number: actors[number % 3].create_task(), range(36)))
    assert sorted(task["order"] for task in tasks) == [1024 * number for number in range(1, 37)]
    assert len({task["id"] for task in tasks}) == 36
    assert max(task["id"] for task in tasks) < ID_MAX


def test_a_key_executes_a_request_once_by_whatever_node(actors: list[Actor]) -> None:
    for number in range(5):
        headers = {"Idempotency-Key": f"key {number}"}
        with ThreadPoolExecutor(12) as threads:
            post = partial(Actor.post, path="/tasks", json={"title": "x"}, headers=headers)
            assert {response.status_code for response in threads.map(post, actors * 4)} <= {201, 409}
    assert len(actors[0].get("/tasks").get_json()) == 5


def test_a_task_of_another_user_is_404(apps: tuple[Flask, ...], actors: list[Actor]) -> None:
    others = [Actor.sign_up(app, "Bob") for app in apps for _ in range(4)]
    ids = [other.create_task()["id"] for other in others]
    own = [actors[0].create_task()["id"] for _ in range(4)]
    assert len({*ids, *own}) == len(ids) + len(own)
    assert {actors[0].get(f"/tasks/{task_id}").status_code for task_id in ids} == {404}


def test_an_address_has_one_account_whichever_node_it_is_asked_of(
    distributed: Cluster, apps: tuple[Flask, ...]
) -> None:
    for number in range(5):
        body = {"email": f"eve-{number}@example.com", "password": PASSWORD}
        clients = [apps[n % 3].test_client(use_cookies=False) for n in range(6)]
        with ThreadPoolExecutor(6) as threads:
            send = [threads.submit(client.post, "/api/auth/sign-up/email", data=body) for client in clients]
        assert sorted(future.result().status_code for future in send) == [200, 400, 400, 400, 400, 400]
    assert differences(distributed.coordinator) == []


def test_a_deletion_of_an_account_frees_its_address(distributed: Cluster, apps: tuple[Flask, ...]) -> None:
    ada = Actor.sign_up(apps[1], "Ada")
    ada.create_task()
    headers = {"Authorization": f"Bearer {ada.token}"}
    deletion = ada.client.post("/api/auth/delete-user", json={"password": PASSWORD}, headers=headers)
    assert deletion.status_code == 200
    assert execute(distributed.coordinator, "SELECT count(*) FROM tasks WHERE user_id = %s", ada.id) == [(0,)]
    assert differences(distributed.coordinator) == []
    body = {"email": ada.email, "password": PASSWORD}
    assert ada.client.post("/api/auth/sign-up/email", data=body).status_code == 200


def test_the_times_of_a_change_are_equal(actors: list[Actor]) -> None:
    for actor in actors:
        task = actor.create_task(completed=True)
        assert task["completed_at"] == task["created_at"] == task["updated_at"]
        actor.patch(f"/tasks/{task['id']}/complete")
        task = actor.patch(f"/tasks/{task['id']}/complete").get_json()
        assert task["completed_at"] == task["updated_at"]
