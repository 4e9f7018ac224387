"""Statements that PostgreSQL keeps the plans of: when it does, when it cannot, and when a plan has become outdated."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from sqlalchemy import Integer, Text, bindparam, literal, select

from devtools.embedded_postgres import free_port
from tests.support.actors import Actor
from tests.support.databases import application, execute
from tests.support.processes import wait_until
from tests.support.statements import counted
from todo_api.database import statements as database_statements
from todo_api.database.connections import AUTOCOMMIT, POOL_SIZE, driver_connection, pool_connection
from todo_api.database.statements import Statement
from todo_api.tasks.queries import statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

PLANS = "SELECT name, generic_plans FROM pg_prepared_statements"


@pytest.fixture
def app(fresh_database: str) -> Flask:
    """Return an application that nobody else uses the connections of."""
    return application(fresh_database)


@pytest.fixture
def ada(app: Flask) -> Actor:
    return Actor.sign_up(app, "Ada")


def ask(app: Flask, statement: str) -> list[Any]:
    """Run a statement on the connection of this thread's requests: the pool opens no second one for one thread."""
    with app.app_context(), pool_connection(AUTOCOMMIT) as connection, driver_connection(connection).cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def every_route(ada: Actor) -> None:
    """Use each of the statements that are kept."""
    task = ada.task(tags=["a"], due="2026-12-24")
    path = f"/tasks/{task['id']}"
    for method, place, body, status in (
        ("GET", path, None, 200),
        ("PUT", path, {"title": "y"}, 200),
        ("PATCH", path, {"due": None, "tags": []}, 200),
        ("PATCH", f"{path}/complete", None, 200),
        ("GET", "/tasks", None, 200),
        ("GET", "/tasks?limit=1", None, 200),
        ("GET", "/tasks/changes", None, 200),
        ("DELETE", path, None, 204),
        ("POST", f"{path}/restore", None, 200),
        ("DELETE", f"{path}?permanent=true", None, 204),
        ("GET", path, None, 404),
    ):
        answer = ada.request(method, place, json=body)
        assert answer.status_code == status, answer.text
    keyed = [ada.post("/tasks", json={"title": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in keyed] == [201, 201]
    assert keyed[0].get_json() == keyed[1].get_json()
    bearer = {"Authorization": f"Bearer {ada.token}"}
    assert ada.client.get("/api/auth/get-session", headers=bearer).get_json()["user"]["id"] == ada.id


def test_a_statement_that_recurs_is_planned_once(app: Flask, ada: Actor) -> None:
    path = f"/tasks/{ada.task()['id']}"
    for _ in range(8):
        assert ada.get(path).status_code == 200
    (number,) = [number for name, number in ask(app, PLANS) if name == statements.GET.name]
    assert number >= 3  # after five that were made for their values


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("DEALLOCATE ALL", id="forgotten"),
        pytest.param("ALTER TABLE tasks ALTER title TYPE varchar(300)", id="another type"),
        pytest.param("ALTER TABLE tasks ADD surprise text DEFAULT 'x'", id="a new column"),
    ],
)
def test_an_outdated_plan_is_made_anew(app: Flask, ada: Actor, fresh_database: str, change: str) -> None:
    every_route(ada)
    if change.startswith("ALTER"):
        execute(fresh_database, change)
    else:
        ask(app, change)
    every_route(ada)


def test_plans_that_are_outdated_on_all_connections_are_one_repetition(
    app: Flask, ada: Actor, fresh_database: str
) -> None:
    path = f"/tasks/{ada.task()['id']}"
    with app.app_context(), ExitStack() as taken:
        for _ in range(POOL_SIZE):
            assert ada.get(path).status_code == 200
            taken.enter_context(pool_connection(AUTOCOMMIT))
    execute(fresh_database, "ALTER TABLE tasks ALTER title TYPE varchar(300)")
    with counted() as seen:
        assert ada.get(path).status_code == 200
    assert len(seen) == 2


def test_a_connection_keeps_so_many_plans_and_no_more(app: Flask, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_statements, "PREPARED_MAX", len(ask(app, PLANS)) + 2)
    every_route(ada)
    every_route(ada)
    assert len(ask(app, PLANS)) == database_statements.PREPARED_MAX


def test_a_statement_that_is_compiled_again_takes_no_second_place() -> None:
    def named(constant: int, kind: type[Text | Integer]) -> str | None:
        return Statement(select(literal(constant), bindparam("given", type_=kind))).name

    assert named(1, Text) == named(1, Text)
    assert len({named(1, Text), named(2, Text), named(1, Integer)}) == 3


def test_a_percent_sign_and_a_quote_are_themselves(app: Flask) -> None:
    odd = Statement(select(literal("100 %, it's").label("constant"), bindparam("given", "").label("default")))
    with app.app_context(), pool_connection(AUTOCOMMIT) as connection, driver_connection(connection).cursor() as cursor:
        odd.execute(connection, cursor, {})
        assert cursor.fetchall() == [("100 %, it's", "")]


@pytest.fixture
def pooler(fresh_database: str, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a PgBouncer that gives each transaction whichever connection to the server is free."""
    if not PGBOUNCER:
        pytest.skip("no pgbouncer here (apt install pgbouncer)")
    at, port = urlsplit(fresh_database), free_port()
    (tmp_path / "users").write_text(f'"{at.username}" "{at.password}"\n')
    (tmp_path / "ini").write_text(f"""
[databases]
* = host={at.hostname} port={at.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {tmp_path}/users
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = options
""")
    for each in (tmp_path, tmp_path.parent, tmp_path.parent.parent, *tmp_path.iterdir()):
        each.chmod(0o755)
    unprivileged = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    process = subprocess.Popen([PGBOUNCER, "-q", str(tmp_path / "ini")], **unprivileged)  # type: ignore[call-overload]
    try:
        url = at._replace(netloc=f"{at.username}:{at.password}@127.0.0.1:{port}").geturl()
        wait_until(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        return bool(execute(url, "SELECT 1"))
    except psycopg2.OperationalError:
        return False


def test_behind_a_pooler_nothing_is_kept(pooler: str) -> None:
    """The next statement may come to another server process, which knows nothing of it."""
    app = application(pooler)
    ada = Actor.sign_up(app, "Ada")
    for _ in range(3):
        every_route(ada)
    with counted() as seen:
        assert ada.get("/tasks").status_code == 200
    assert len(seen) == 1
    assert ask(app, PLANS) == []
