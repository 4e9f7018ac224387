"""The statements about sessions: how many a request runs, what they write, and what the purge deletes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.accounts import shift_session
from tests.support.actors import Actor
from tests.support.credentials import ALL, COOKIE, bearer, sign_in
from tests.support.databases import application, execute
from tests.support.statements import record_statements
from todo_api.auth.sessions import store
from todo_api.extensions import db

AUTH = "/api/auth"


def test_a_task_route_runs_one_statement_with_a_jwt(alice: Actor) -> None:
    tasks = [alice.create_task() for _ in range(3)]
    task = f"/tasks/{tasks[0]['id']}"
    calls: list[tuple[str, str, Any, int]] = [
        ("GET", "/tasks", None, 200),
        ("POST", "/tasks", {"title": "x", "description": "y"}, 201),
        ("GET", task, None, 200),
        ("PUT", task, {"title": "z"}, 200),
        ("PUT", task, {}, 200),
        ("PATCH", f"{task}/complete", None, 200),
        ("DELETE", task, None, 204),
        ("GET", task, None, 404),
        ("DELETE", task, None, 404),
    ]
    for method, path, body, status in calls:
        with record_statements() as statements:
            assert alice.request(method, path, json=body).status_code == status
        assert len(statements) == 1, (method, path, statements)


def test_a_request_of_an_ended_session_is_one_statement(alice: Actor) -> None:
    alice.client.post(f"{AUTH}/revoke-sessions", headers=bearer(alice.token))
    for method, body in (("GET", None), ("POST", {"title": "x"})):
        with record_statements() as statements:
            assert alice.request(method, "/tasks", json=body).status_code == 401
        assert len(statements) == 1


def test_with_an_ended_session_nothing_is_written(database: str, alice: Actor) -> None:
    task = alice.create_task()
    path = f"/tasks/{task['id']}"
    alice.sign_out()
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/tasks", {"title": "x"}),
        ("PUT", path, {"title": "x"}),
        ("PUT", path, {}),
        ("PATCH", f"{path}/complete", None),
        ("DELETE", path, None),
        ("GET", path, None),
        ("GET", "/tasks", None),
    ]
    for method, url, body in calls:
        assert alice.request(method, url, json=body).status_code == 401
    rows = execute(database, "SELECT id, title, completed FROM tasks WHERE user_id = %s", alice.id)
    assert rows == [(task["id"], task["title"], False)]


@pytest.mark.parametrize("credential", sorted(ALL))
def test_get_session_runs_one_statement(alice: Actor, credential: str) -> None:
    headers = sign_in(alice).credentials[credential]
    for query in ("?disableRefresh=true", ""):
        with record_statements() as statements:
            assert alice.client.get(f"{AUTH}/get-session{query}", headers=headers).json is not None
        assert len(statements) == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Cookie": f"{COOKIE}=x"}])
def test_without_a_valid_credential_get_session_runs_no_statement(alice: Actor, headers: Any) -> None:
    with record_statements() as statements:
        assert alice.client.get(f"{AUTH}/get-session", headers=headers).json is None
    assert statements == []


def test_the_purge_deletes_sessions_past_their_absolute_end(fresh_database: str) -> None:
    app = application(fresh_database)
    ada = Actor.sign_up(app, "Ada")
    live, idle, ended = sign_in(ada), sign_in(ada), sign_in(ada)
    shift_session(fresh_database, idle, expires_at="-8 days")
    shift_session(fresh_database, ended, ends_at="-90 days")
    with app.app_context():
        assert (sum(store.purge_sessions()), sum(store.purge_sessions())) == (1, 0)
    ids = {row[0] for row in execute(fresh_database, "SELECT id FROM sessions")}
    assert ids >= {live.session_id, idle.session_id}
    assert ended.session_id not in ids
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
