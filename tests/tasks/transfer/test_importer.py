"""Imports: all tasks or none, no duplicates, every field as exported."""

from __future__ import annotations

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.actors import Actor
from tests.support.databases import application, execute
from tests.support.imports import JSON, export_document, exported_tasks, import_counts, post_import
from tests.support.locks import locking, wait_for_lock
from tests.support.problems import status_and_code
from tests.support.statements import record_statements
from tests.support.task_lists import titles

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

LIST_STATE = """
SELECT version, live, trashed, (SELECT count(*) FROM tasks AS t WHERE t.user_id = l.user_id AND deleted_at IS NULL),
       (SELECT count(*) FROM tasks AS t WHERE t.user_id = l.user_id AND deleted_at IS NOT NULL)
  FROM task_lists AS l WHERE user_id = %s
"""
DRY_RUN_FIRST = ("?dry_run=true", "")


# Fields

EXAMPLES: list[dict[str, Any]] = [
    {"title": "plain"},
    {"title": "Ünïcode \U0001f600 \u2028 \x01 \\ \" '", "description": "one\r\ntwo\tthree\x7f"},
    {"title": "x" * 255, "description": "", "tags": ["z", "A", "ü,;", "a b"]},
    {"title": "due on a date", "due": "2026-10-01", "order": 0.1},
    {"title": "due at a timestamp", "due": "2026-10-01T17:00:00.123+02:00", "order": 1e300},
    {"title": "the first date", "due": "0001-01-01", "order": -5},
    {"title": "the last timestamp", "due": "9999-12-31T23:59:59.999Z", "order": 5e-324},
    {"title": "completed", "completed": True, "priority": "low", "order": 2**53},
    {"title": "also completed", "completed": True, "priority": "medium", "order": 1e17},
    {"title": "repeats", "due": "2026-01-31", "recurrence": "FREQ=MONTHLY;COUNT=3", "repeat_from": "completion"},
    {
        "title": "repeats at nine",
        "due": "2026-10-01T07:00:00Z",
        "recurrence": "FREQ=DAILY",
        "timezone": "Europe/Berlin",
    },
    {"title": "urgent", "priority": "high", "tags": [str(n) * 50 for n in range(10)], "order": 1 / 3},
]


def test_an_import_reproduces_the_export_of_another_user(alice: Actor, bob: Actor) -> None:
    for number, fields in enumerate(EXAMPLES):
        task = alice.create_task(**fields)
        if number % 3 == 1:
            alice.delete(f"/tasks/{task['id']}")
    data = alice.get("/export").data
    assert import_counts(post_import(bob, data)) == (len(EXAMPLES), 0)
    assert exported_tasks(bob) == exported_tasks(alice) == json.loads(data)["tasks"]
    imported = bob.get("/tasks").get_json()
    assert [task["id"] for task in imported] == sorted(task["id"] for task in imported)
    assert {task["user_id"] for task in imported} == {bob.id}


TIMESTAMPS = st.datetimes(timezones=st.just(UTC)).map(
    lambda instant: instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50)
TASKS = st.fixed_dictionaries(
    {
        "title": TEXTS,
        "description": st.none() | st.just("") | TEXTS,
        "completed": st.just(value=False),
        "due": st.none() | st.dates().map(str) | TIMESTAMPS,
        "priority": st.none() | st.sampled_from(["low", "medium", "high"]),
        "tags": st.lists(TEXTS, max_size=20, unique=True),
        "order": st.floats(allow_nan=False, allow_infinity=False),
        "recurrence": st.none(),
        "repeat_from": st.sampled_from([None, "due", "completion"]),
        "timezone": st.sampled_from([None, "UTC", "America/New_York"]),
        "completed_at": st.none(),
        "created_at": TIMESTAMPS,
        "updated_at": TIMESTAMPS,
        "uid": st.uuids().map(str),
    },
    optional={"deleted_at": TIMESTAMPS},
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(TASKS, max_size=5, unique_by=lambda task: str(task["uid"])), completed_at=TIMESTAMPS)
def test_exported_tasks_equal_the_imported_ones(app: Flask, tasks: list[dict[str, Any]], completed_at: str) -> None:
    for task in tasks:
        task["recurrence"] = task["due"] and "FREQ=WEEKLY;BYDAY=MO"
    for task in tasks[1:]:
        task |= {"completed": True, "completed_at": completed_at}
    ada = Actor.sign_up(app, "Ada")
    assert import_counts(post_import(ada, export_document(*tasks))) == (len(tasks), 0)
    assert exported_tasks(ada) == tasks


def test_absent_fields_get_the_values_of_a_new_task(alice: Actor) -> None:
    last = alice.create_task(order=5000)
    tasks: list[dict[str, Any]] = [
        {"title": "a"},
        {"title": "b", "order": 9000},
        {"title": "c", "completed": True},
        {
            "title": "d",
            "completed_at": "2026-01-01T00:00:00Z",
            "deleted_at": None,
            "unknown": {"x": [1]},
            "id": 7,
        },
    ]
    post_import(alice, export_document(*tasks))
    a, b, c, d = alice.get("/tasks").get_json()[1:]
    assert b["order"] == 9000
    assert last["order"] < 9000 < a["order"] < c["order"] < d["order"]
    assert {name: a[name] for name in ("description", "due", "priority", "tags", "completed")} == {
        **dict.fromkeys(("description", "due", "priority")),
        "tags": [],
        "completed": False,
    }
    assert a["created_at"] == a["updated_at"] == c["completed_at"] > last["created_at"]
    assert a["completed_at"] is None
    assert d["completed_at"] is None, "the task is open"
    assert alice.get(f"/tasks/{d['id']}").get_json()["user_id"] == alice.id


def test_fields_come_in_any_order_and_unknown_ones_are_ignored(alice: Actor) -> None:
    document = {
        "tasks.item": {"title": "not a task"},
        "tasks": [{"title": "x"}],
        "more": [{"tasks": [1]}],
        "version": 1,
        "format": "todo-export",
        "item": {"title": "not a task either"},
    }
    assert import_counts(post_import(alice, document)) == (1, 0)
    assert titles(alice) == ["x"]


def test_a_document_without_tasks_imports_nothing(alice: Actor) -> None:
    assert import_counts(post_import(alice, export_document())) == (0, 0)
    assert alice.get("/tasks").get_json() == []


# Duplicates and dry runs


def test_existing_tasks_are_skipped_and_not_overwritten(alice: Actor) -> None:
    task, deleted = alice.create_task(title="kept"), alice.create_task(title="deleted")
    alice.delete(f"/tasks/{deleted['id']}")
    data = alice.get("/export").data
    alice.patch(f"/tasks/{task['id']}", json={"title": "newer"})
    before = alice.get("/tasks")
    assert import_counts(post_import(alice, data)) == (0, 2)
    after = alice.get("/tasks")
    assert after.get_json() == before.get_json()
    assert after.headers["ETag"] == before.headers["ETag"], "nothing has changed"


def test_duplicates_within_the_document_are_skipped(alice: Actor) -> None:
    uid = str(uuid4())
    tasks = [{"title": "first", "uid": uid}, {"title": "other"}, {"title": "again", "uid": uid.upper()}]
    for query in DRY_RUN_FIRST:
        assert import_counts(post_import(alice, export_document(*tasks), query)) == (2, 1)
    assert titles(alice) == ["first", "other"]


def test_a_dry_run_writes_nothing_and_returns_counts_and_errors(alice: Actor) -> None:
    alice.create_task()
    existing = exported_tasks(alice)
    before = alice.get("/tasks").headers["ETag"]
    document = export_document({"title": "new"}, *existing, {"title": ""}, {"title": "newer"})
    response = post_import(alice, document, "?dry_run=true")
    assert response.status_code == 200
    error = {"pointer": "#/tasks/2/title", "detail": "Length must be between 1 and 255."}
    assert response.get_json() == {"created": 2, "skipped": 1, "errors": [error], "warnings": []}
    assert exported_tasks(alice) == existing
    assert alice.get("/tasks").headers["ETag"] == before


@pytest.mark.parametrize("query", ["?dryrun=true", "?dry_run=1", "?dry_run=", "?dry_run=true&dry_run=true"])
def test_an_invalid_dry_run_parameter_imports_nothing(alice: Actor, query: str) -> None:
    assert post_import(alice, export_document({"title": "x"}), query).status_code == 422
    assert alice.get("/tasks").get_json() == []


def test_an_ended_session_is_401_before_the_body_is_read(alice: Actor) -> None:
    alice.sign_out()
    for body in (export_document({"title": "x"}), b"{"):
        assert post_import(alice, body).status_code == 401
        assert post_import(alice, body, "?dry_run=true").status_code == 401


# Versions, statements and memory


def test_imported_tasks_share_a_version_and_are_counted(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    deleted = {"deleted_at": "2026-01-01T00:00:00Z"}
    tasks = [{"title": f"task {n}", "uid": str(uuid4()), **(deleted if n % 4 == 0 else {})} for n in range(3000)]
    for versions, number in (([1], 1000), ([1, 1001], 3000), ([1, 1001], 3000)):
        post_import(ada, export_document(*tasks[:number]))
        state = execute(fresh_database, LIST_STATE, ada.id)
        assert state == [(number, *[number * 3 // 4, number // 4] * 2)], "the list's version is raised by each task"
        of_tasks = execute(fresh_database, "SELECT DISTINCT version FROM tasks ORDER BY version")
        assert of_tasks == [(version,) for version in versions]
    assert titles(ada) == [task["title"] for task in tasks if "deleted_at" not in task]


def test_an_import_of_thousands_is_a_few_statements(app: Flask, alice: Actor) -> None:
    tasks = [{"title": f"task {n}"} for n in range(4000)]
    for query in DRY_RUN_FIRST:
        with record_statements() as statements:
            assert import_counts(post_import(alice, export_document(*tasks), query)) == (4000, 0)
        assert len(statements) < 12


def test_memory_does_not_grow_with_the_document(app: Flask, alice: Actor, tmp_path: Path) -> None:
    path, number = tmp_path / "export.json", 3000
    tasks = ({"title": f"{n}", "description": "x" * 10_000} for n in range(number))
    path.write_text(json.dumps(export_document(*tasks)))
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            assert import_counts(alice.post("/import", input_stream=file, content_type=JSON)) == (number, 0)
        assert sum(map(len, alice.get("/export").response)) > number * 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < number * 10_000 / 2


# The task limit


def test_an_import_over_the_task_limit_is_403(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=4), "Ada")
    task, deleted = ada.create_task(), ada.create_task()
    ada.delete(f"/tasks/{deleted['id']}")
    existing = exported_tasks(ada)
    new = [{"title": "x"}] * 5
    for query in DRY_RUN_FIRST:
        for tasks in (new[:3], [*existing, *new[:3]], new):
            response = post_import(ada, export_document(*tasks), query)
            assert status_and_code(response) == (403, "TASK_LIMIT_REACHED")
            assert ada.get("/tasks").get_json() == [task]
        assert import_counts(post_import(ada, export_document(*existing, *new[:2]), query)) == (2, 2)
    assert import_counts(post_import(ada, export_document(*existing))) == (0, 2)


def test_existing_tasks_are_skipped_above_the_limit(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    ada.create_task()
    ada.create_task()
    ada.client = application(fresh_database, max_tasks_per_user=1).test_client(use_cookies=False)
    for query in DRY_RUN_FIRST:
        assert import_counts(post_import(ada, export_document(exported_tasks(ada)[0]), query)) == (0, 1)


@pytest.mark.parametrize(
    "task", [b'{"title":"x"}', b'{"title":"x","uid":"0f9619ff-8b86-4011-b420-00cf4fc964f0"}', b"{}"]
)
def test_reading_stops_at_the_task_limit(fresh_database: str, task: bytes) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=2), "Ada")
    assert post_import(ada, b'{"tasks":[' + b"%s," % task * 3).status_code == 403


def test_an_error_in_a_later_chunk_rolls_all_back(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=5000), "Ada")
    ada.create_task()
    before = execute(fresh_database, LIST_STATE, ada.id)
    assert post_import(ada, export_document(*[{"title": "x"}] * 5000)).status_code == 403
    assert execute(fresh_database, LIST_STATE, ada.id) == before


# Concurrency


def other_client(app: Flask, actor: Actor) -> Actor:
    return Actor(app.test_client(use_cookies=False), actor.id, actor.email, actor.token, "")


def test_a_task_created_during_an_import_comes_after_it(fresh_database: str) -> None:
    app = application(fresh_database)
    ada = Actor.sign_up(app, "Ada")
    first = ada.create_task(title="first")
    with locking(fresh_database, "SELECT 1 FROM task_lists FOR UPDATE") as commit, ThreadPoolExecutor(2) as threads:
        imported = threads.submit(post_import, ada, export_document(*[{"title": "imported"}] * 50))
        wait_for_lock(fresh_database)
        late = threads.submit(other_client(app, ada).create_task, title="late")
        wait_for_lock(fresh_database, 2)
        commit()
        assert import_counts(imported.result()) == (50, 0)
        order = late.result()["order"]
    assert titles(ada, "sort=order") == ["first", *["imported"] * 50, "late"]
    assert order == first["order"] + 51 * 1024


def test_concurrent_equal_imports_create_the_tasks_once(app: Flask, alice: Actor) -> None:
    document = export_document(*({"title": f"task {n}", "uid": str(uuid4())} for n in range(200)))
    clients = [other_client(app, alice) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        results = [import_counts(response) for response in threads.map(lambda c: post_import(c, document), clients)]
    assert sorted(results) == [(0, 200)] * 7 + [(200, 0)]
    assert len(alice.get("/tasks").get_json()) == 200
