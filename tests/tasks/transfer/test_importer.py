"""An export is taken in: wholly or not at all, nothing twice, as it was."""

from __future__ import annotations

import io
import json
import socket
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.actors import Actor
from tests.support.databases import application, execute
from tests.support.statements import counted
from todo_api.tasks.transfer.document_reader import DEPTH_MAX, export_size_max

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.support.processes import Service

MIB = 1024 * 1024
JSON = "application/json"
STATE = """
SELECT version, live, trashed, (SELECT count(*) FROM tasks AS t WHERE t.user_id = l.user_id AND deleted_at IS NULL),
       (SELECT count(*) FROM tasks AS t WHERE t.user_id = l.user_id AND deleted_at IS NOT NULL)
  FROM task_lists AS l WHERE user_id = %s
"""


def document(*tasks: Any, **members: Any) -> dict[str, Any]:
    return {"format": "todo-export", "version": 1, "tasks": list(tasks), **members}


def bring(actor: Actor, body: Any, query: str = "", **options: Any) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return actor.post(f"/import{query}", **{"data": data, "content_type": JSON, **options})


def exported(actor: Actor) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = actor.get("/export").get_json()["tasks"]
    return tasks


def counts(response: TestResponse) -> tuple[int, int]:
    assert response.status_code == 200, response.text
    body = response.get_json()
    assert body["errors"] == []
    return body["created"], body["skipped"]


KINDS: list[dict[str, Any]] = [
    {"title": "plain"},
    {"title": "Ünïcode \U0001f600 \u2028 \x01 \\ \" '", "description": "one\r\ntwo\tthree\x7f"},
    {"title": "x" * 255, "description": "", "tags": ["z", "A", "ü,;", "a b"]},
    {"title": "on a day", "due": "2026-10-01", "order": 0.1},
    {"title": "at a moment", "due": "2026-10-01T17:00:00.123+02:00", "order": 1e300},
    {"title": "long ago", "due": "0001-01-01", "order": -5},
    {"title": "far away", "due": "9999-12-31T23:59:59.999Z", "order": 5e-324},
    {"title": "done", "completed": True, "priority": "low", "order": 2**53},
    {"title": "done twice", "completed": True, "priority": "medium", "order": 1e17},
    {"title": "urgent", "priority": "high", "tags": [str(n) * 50 for n in range(10)], "order": 1 / 3},
]


def test_an_export_imported_elsewhere_is_the_same_export(alice: Actor, bob: Actor) -> None:
    for number, members in enumerate(KINDS):
        task = alice.task(**members)
        if number % 3 == 1:
            alice.delete(f"/tasks/{task['id']}")
    data = alice.get("/export").data
    assert counts(bring(bob, data)) == (len(KINDS), 0)
    assert exported(bob) == exported(alice) == json.loads(data)["tasks"]
    shown = bob.get("/tasks").get_json()
    assert [task["id"] for task in shown] == sorted(task["id"] for task in shown)
    assert {task["user_id"] for task in shown} == {bob.id}


MOMENTS = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50)
TASKS = st.fixed_dictionaries(
    {
        "title": TEXTS,
        "description": st.none() | st.just("") | TEXTS,
        "completed": st.just(value=False),
        "due": st.none() | st.dates().map(str) | MOMENTS,
        "priority": st.none() | st.sampled_from(["low", "medium", "high"]),
        "tags": st.lists(TEXTS, max_size=20, unique=True),
        "order": st.floats(allow_nan=False, allow_infinity=False),
        "completed_at": st.none(),
        "created_at": MOMENTS,
        "updated_at": MOMENTS,
        "uid": st.uuids().map(str),
    },
    optional={"deleted_at": MOMENTS},
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(TASKS, max_size=5, unique_by=lambda task: str(task["uid"])), done=MOMENTS)
def test_any_tasks_come_back_as_they_were(app: Flask, tasks: list[dict[str, Any]], done: str) -> None:
    for task in tasks[1:]:
        task |= {"completed": True, "completed_at": done}
    somebody = Actor.sign_up(app, "Ada")
    assert counts(bring(somebody, document(*tasks))) == (len(tasks), 0)
    assert exported(somebody) == tasks


def test_what_is_there_is_skipped_and_never_overwritten(alice: Actor) -> None:
    kept, gone = alice.task(title="kept"), alice.task(title="gone")
    alice.delete(f"/tasks/{gone['id']}")
    data = alice.get("/export").data
    alice.patch(f"/tasks/{kept['id']}", json={"title": "newer"})
    before = alice.get("/tasks")
    assert counts(bring(alice, data)) == (0, 2)
    after = alice.get("/tasks")
    assert after.get_json() == before.get_json()
    assert after.headers["ETag"] == before.headers["ETag"], "nothing has changed"


def test_what_came_earlier_in_the_document_is_skipped(alice: Actor) -> None:
    uid = str(uuid4())
    tasks = [{"title": "first", "uid": uid}, {"title": "other"}, {"title": "again", "uid": uid.upper()}]
    for query in ("?dry_run=true", ""):
        assert counts(bring(alice, document(*tasks), query)) == (2, 1)
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["first", "other"]


def test_the_tasks_of_an_import_have_one_version_and_are_counted_exactly(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    deleted = {"deleted_at": "2026-01-01T00:00:00Z"}
    tasks = [{"title": f"task {n}", "uid": str(uuid4()), **(deleted if n % 4 == 0 else {})} for n in range(3000)]
    for versions, number in (([1], 1000), ([1, 1001], 3000), ([1, 1001], 3000)):
        bring(ada, document(*tasks[:number]))
        state = execute(fresh_database, STATE, ada.id)
        assert state == [(number, *[number * 3 // 4, number // 4] * 2)], "the list is raised by each task"
        of_tasks = execute(fresh_database, "SELECT DISTINCT version FROM tasks ORDER BY version")
        assert of_tasks == [(version,) for version in versions]
    shown = ada.get("/tasks").get_json()
    assert [task["title"] for task in shown] == [task["title"] for task in tasks if "deleted_at" not in task]


def test_an_import_of_thousands_is_a_few_statements(app: Flask, alice: Actor) -> None:
    tasks = [{"title": f"task {n}"} for n in range(4000)]
    for query in ("?dry_run=true", ""):
        with counted() as seen:
            assert counts(bring(alice, document(*tasks), query)) == (4000, 0)
        assert len(seen) < 12


def test_memory_stays_flat(app: Flask, alice: Actor, tmp_path: Path) -> None:
    whole, number = tmp_path / "export.json", 3000
    whole.write_text(json.dumps(document(*({"title": f"{n}", "description": "x" * 10_000} for n in range(number)))))
    tracemalloc.start()
    try:
        with whole.open("rb") as file:
            assert counts(alice.post("/import", input_stream=file, content_type=JSON)) == (number, 0)
        assert sum(map(len, alice.get("/export").response)) > number * 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < number * 10_000 / 2


def test_an_empty_document_imports_nothing(alice: Actor) -> None:
    assert counts(bring(alice, document())) == (0, 0)
    assert alice.get("/tasks").get_json() == []


def test_what_a_document_does_not_say_is_as_with_a_new_task(alice: Actor) -> None:
    last = alice.task(order=5000)
    tasks: list[dict[str, Any]] = [{"title": "a"}, {"title": "b", "order": 9000}, {"title": "c", "completed": True}]
    tasks.append({"title": "d", "completed_at": "2026-01-01T00:00:00Z", "deleted_at": None})
    tasks[-1] |= {"unknown": {"x": [1]}, "id": 7}
    bring(alice, document(*tasks))
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
    assert d["completed_at"] is None, "an open task has none"
    assert alice.get(f"/tasks/{d['id']}").get_json()["user_id"] == alice.id


def test_a_dry_run_writes_nothing_and_tells_all(alice: Actor) -> None:
    alice.task()
    known = exported(alice)
    before = alice.get("/tasks").headers["ETag"]
    response = bring(alice, document({"title": "new"}, *known, {"title": ""}, {"title": "newer"}), "?dry_run=true")
    assert response.status_code == 200
    fault = {"pointer": "#/tasks/2/title", "detail": "Length must be between 1 and 255."}
    assert response.get_json() == {"created": 2, "skipped": 1, "errors": [fault]}
    assert exported(alice) == known
    assert alice.get("/tasks").headers["ETag"] == before


@pytest.mark.parametrize("query", ["?dryrun=true", "?dry_run=1", "?dry_run=", "?dry_run=true&dry_run=true"])
def test_a_slip_never_imports_for_real(alice: Actor, query: str) -> None:
    assert bring(alice, document({"title": "x"}), query).status_code == 422
    assert alice.get("/tasks").get_json() == []


UID = "0f9619ff-8b86-4011-b420-00cf4fc964f0"
FAULTY: list[tuple[Any, str]] = [
    ({}, "/title"),
    ({"title": "x" * 256}, "/title"),
    ({"title": "nul\0"}, "/title"),
    ({"title": "x", "uid": "7"}, "/uid"),
    ({"title": "x", "uid": None}, "/uid"),
    ({"title": "x", "uid": 7}, "/uid"),
    *(({"title": "x", "uid": form % UID}, "/uid") for form in ("{%s}", "urn:uuid:%s", " %s", "%s\n")),
    *(({"title": "x", "uid": UID.replace("-", dash)}, "/uid") for dash in ("", "--", "_")),
    ({"title": "x", "uid": UID.replace("0", "\u0660")}, "/uid"),
    ({"title": "x", "uid": UID.replace("6-4", "-64")}, "/uid"),
    ({"title": "x", "created_at": "2026-01-01"}, "/created_at"),
    ({"title": "x", "updated_at": None}, "/updated_at"),
    ({"title": "x", "deleted_at": True}, "/deleted_at"),
    ({"title": "x", "completed": None}, "/completed"),
    ({"title": "x", "tags": ["a", "a"]}, "/tags"),
    ({"title": "x", "tags": ["a", ""]}, "/tags/1"),
    ({"title": "x", "due": "tomorrow"}, "/due"),
    ({"title": "x", "order": "first"}, "/order"),
    ([], ""),
    (None, ""),
    ("x", ""),
]


def test_what_is_wrong_is_named_and_nothing_imported(alice: Actor) -> None:
    body = document({"title": "sound"}, *(task for task, _ in FAULTY))
    response = bring(alice, body)
    assert (response.status_code, response.get_json()["code"]) == (422, "VALIDATION_ERROR")
    pointers = [fault["pointer"] for fault in response.get_json()["errors"]]
    assert pointers == [f"#/tasks/{place}{name}" for place, (_, name) in enumerate(FAULTY, 1)]
    assert bring(alice, body, "?dry_run=true").get_json()["errors"] == response.get_json()["errors"]
    assert alice.get("/tasks").get_json() == []


def test_at_most_100_faults_are_told(alice: Actor) -> None:
    assert len(bring(alice, document(*[{}] * 300)).get_json()["errors"]) == 100


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/format #/version #/tasks"),
        (document(format="todo"), "#/format"),
        (document(version=2), "#/version"),
        (document(version="1"), "#/version"),
        (document(version=True), "#/version"),
        (document(tasks=None), "#/tasks"),
        (document(tasks={"item": {"title": "x"}}), "#/tasks"),
        (document({"title": ""}, version=7), "#/version"),
        ([], "#"),
        (None, "#"),
        ("x", "#"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_what_is_no_export_is_422(alice: Actor, body: object, pointer: str, query: str) -> None:
    response = bring(alice, body, query)
    assert response.status_code == 422
    assert " ".join(fault["pointer"] for fault in response.get_json()["errors"]) == pointer


def test_members_come_in_any_order_and_unknown_ones_are_ignored(alice: Actor) -> None:
    odd = {"tasks.item": {"title": "not a task"}, "tasks": [{"title": "x"}], "more": [{"tasks": [1]}], "version": 1}
    assert counts(bring(alice, {**odd, "format": "todo-export", "item": {"title": "neither"}})) == (1, 0)
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["x"]


WHOLE = json.dumps(document({"title": "x"})).encode()
PADDING = b" " * (64 * 1024 - len(b'{"tasks":[{"title":"'))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"  ", b"{", WHOLE[:-1], WHOLE[:-9], WHOLE + b"x", WHOLE + WHOLE, b"\xef\xbb\xbf" + WHOLE),
        *(WHOLE.replace(b"x", bad) for bad in (b"\xff", b"\xed\xa0\x80", b"\\x", b"\n", b"\\ud800", b"\\udc00")),
        *(WHOLE.replace(b"x", b"\\" + bad) for bad in (b"ud800\\u0041", b"udbff\\n", b"ud800\\ud800", b"\\\\udfff")),
        *(WHOLE.replace(b"1", bad) for bad in (b"NaN", b"01", b"1,", b"-", b"/**/1", b"9" * 5000, b"1e999", b"9" * 20)),
        WHOLE.replace(b"{", b'{"version":1,', 1),
        WHOLE.replace(b'"x"', b'"x","title":"y"'),
        WHOLE.replace(b'"x"', b"[" * DEPTH_MAX + b"]" * DEPTH_MAX),
        b'{"x":' + b"[" * 100_000,
        *(PADDING[:-cut] + b'{"tasks":[{"title":"\\ud83d"}]' for cut in range(1, 15)),
    ],
    ids=lambda body: str(body.strip()[:30]) + str(len(body)),
)
def test_what_is_no_json_is_400(alice: Actor, body: bytes) -> None:
    response = bring(alice, body)
    assert (response.status_code, response.get_json()["code"]) == (400, "BAD_REQUEST"), response.text
    assert alice.get("/tasks").get_json() == []


@pytest.mark.parametrize("cut", range(1, 20))
def test_an_escape_may_lie_across_what_is_read_at_a_time(alice: Actor, cut: int) -> None:
    body = PADDING[:-cut] + b'{"tasks":[{"title":"\\\\ud800\\ud83d\\ude00\\\\"}],"format":"todo-export","version":1}'
    assert counts(bring(alice, body)) == (1, 0)
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["\\ud800\U0001f600\\"]


@pytest.mark.parametrize(
    "options",
    [
        {"content_type": "text/plain"},
        {"content_type": ""},
        {"content_type": "application/x-www-form-urlencoded"},
        {"headers": {"Content-Encoding": "gzip"}},
    ],
)
def test_only_plain_json_is_taken(alice: Actor, options: dict[str, Any]) -> None:
    assert bring(alice, document(), **options).status_code == 415


def test_a_dead_session_is_401_before_anything_is_read(alice: Actor) -> None:
    alice.client.post("/api/auth/sign-out", headers={"Authorization": f"Bearer {alice.token}"})
    for body in (document({"title": "x"}), b"{"):
        assert bring(alice, body).status_code == 401
        assert bring(alice, body, "?dry_run=true").status_code == 401


def test_more_tasks_than_a_user_may_have_are_403(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=4), "Ada")
    kept, gone = ada.task(), ada.task()
    ada.delete(f"/tasks/{gone['id']}")
    known = exported(ada)
    new = [{"title": "x"}] * 5
    for query in ("?dry_run=true", ""):
        for tasks in (new[:3], [*known, *new[:3]], new):
            response = bring(ada, document(*tasks), query)
            assert (response.status_code, response.get_json()["code"]) == (403, "TASK_LIMIT_REACHED")
            assert ada.get("/tasks").get_json() == [kept]
        assert counts(bring(ada, document(*known, *new[:2]), query)) == (2, 2)
    assert counts(bring(ada, document(*known))) == (0, 2)


def test_with_too_many_tasks_already_what_is_known_is_still_skipped(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    ada.task()
    ada.task()
    ada.client = application(fresh_database, max_tasks_per_user=1).test_client(use_cookies=False)
    for query in ("?dry_run=true", ""):
        assert counts(bring(ada, document(exported(ada)[0]), query)) == (0, 1)


def test_a_document_of_more_tasks_is_not_read_to_its_end(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=1), "Ada")
    assert bring(ada, b'{"tasks":[{"title":"x"},{"title":"y"},').status_code == 403


def test_all_chunks_or_none(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=5000), "Ada")
    ada.task()
    before = execute(fresh_database, STATE, ada.id)
    assert bring(ada, document(*[{"title": "x"}] * 5000)).status_code == 403
    assert execute(fresh_database, STATE, ada.id) == before


def chunks(size: int) -> Iterator[bytes]:
    yield WHOLE[:-1]
    for _ in range(size // 65_536):
        yield b" " * 65_536
    yield b"}"


def test_a_body_over_the_limit_is_413_by_its_length(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=1), "Ada")
    limit = export_size_max(1)
    assert MIB < limit < 2 * MIB
    stream = io.BytesIO(WHOLE + b" " * (limit - len(WHOLE) + 1))
    response = ada.post("/import", input_stream=stream, content_type=JSON)
    assert stream.tell() == 0, "nothing was read"
    assert (response.status_code, response.get_json()["code"]) == (413, "CONTENT_TOO_LARGE")
    assert str(limit) in response.get_json()["detail"]
    assert bring(ada, b" " * (limit - len(WHOLE) - MIB // 2) + WHOLE).status_code == 200


def test_a_body_over_the_limit_is_413_also_in_chunks(service: Service, fresh_database: str) -> None:
    form = {"email": "ada@example.com", "password": "correct horse battery"}
    token = requests.post(f"{service.url}/api/auth/sign-up/email", data=form, timeout=10).json()["token"]
    headers = {"Content-Type": JSON, "Authorization": f"Bearer {token}"}
    for size, status in ((2 * MIB, 413), (MIB // 2, 200)):
        url = f"{service.url}/api/me/import"
        response = requests.post(url, data=chunks(size), headers=headers, timeout=30)
        assert response.status_code == status, response.text
    assert len(execute(fresh_database, "SELECT 1 FROM tasks")) == 1


def test_a_body_that_breaks_off_is_400_though_it_is_a_whole_document(service: Service, fresh_database: str) -> None:
    form = {"email": "ada@example.com", "password": "correct horse battery"}
    token = requests.post(f"{service.url}/api/auth/sign-up/email", data=form, timeout=10).json()["token"]
    target = urlsplit(service.url)
    for missing, status in ((1, b"400"), (100_000, b"400"), (0, b"200")):
        head = f"POST /api/me/import HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nAuthorization: Bearer {token}\r\n"
        length = f"Content-Length: {len(WHOLE) + missing}\r\n\r\n"
        with socket.create_connection((target.hostname, target.port), timeout=10) as connection:
            connection.sendall((head + length).encode() + WHOLE)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").readline()
        assert answer.startswith(b"HTTP/1.1 %s " % status), answer
    assert len(execute(fresh_database, "SELECT 1 FROM tasks")) == 1


def test_a_body_is_as_long_as_it_says_also_where_the_server_ends_it(alice: Actor) -> None:
    for missing, status in ((1, 400), (0, 200)):
        ended = {"wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(WHOLE) + missing)}
        assert bring(alice, WHOLE, environ_overrides=ended).status_code == status


def test_chunks_are_counted(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, max_tasks_per_user=1), "Ada")
    body = b"".join(chunks(2 * MIB))
    stream = io.BytesIO(body)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    response = ada.post("/import", input_stream=stream, content_type=JSON, environ_overrides=chunked)
    assert (response.status_code, str(export_size_max(1)) in response.get_json()["detail"]) == (413, True), (
        response.text
    )
    assert stream.tell() < len(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"tasks":[{"title":"x","junk":"' + b"y" * 2 * MIB + b'"}]}',
        b'{"tasks":[{"title":"x","junk":[' + b"1," * MIB + b"1]}]}",
        b'{"junk":"' + b"y" * 2 * MIB + b'"}',
        WHOLE + b" " * 2 * MIB,
    ],
    ids=["a long text", "a long list", "beside the tasks", "after the document"],
)
def test_no_task_is_larger_than_any_can_be(alice: Actor, body: bytes) -> None:
    response = bring(alice, body)
    assert (response.status_code, response.get_json()["code"]) == (413, "CONTENT_TOO_LARGE")


def test_the_largest_tasks_of_an_export_are_taken(alice: Actor) -> None:
    largest = {"title": "\x01" * 255, "description": "\x01" * 10_000, "tags": [chr(n + 1) * 50 for n in range(20)]}
    assert counts(bring(alice, document(*[largest] * 40))) == (40, 0)
    assert 40 * 66_000 < len(alice.get("/export").data) < export_size_max(40) - MIB


def wait_for_waiting(url: str, number: int) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ends_at = time.monotonic() + 2  # before a lock is waited for too long
    while len(execute(url, waiting)) < number:
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_a_task_that_waited_for_an_import_comes_after_all_of_it(fresh_database: str) -> None:
    app = application(fresh_database)
    ada = Actor.sign_up(app, "Ada")
    first = ada.task(title="first")
    holder = psycopg2.connect(fresh_database)
    try:
        holder.cursor().execute("SELECT 1 FROM task_lists FOR UPDATE")
        with ThreadPoolExecutor(2) as threads:
            brought = threads.submit(bring, ada, document(*[{"title": "imported"}] * 50))
            wait_for_waiting(fresh_database, 1)
            other = Actor(app.test_client(use_cookies=False), ada.id, ada.email, ada.token, "")
            late = threads.submit(other.task, title="late")
            wait_for_waiting(fresh_database, 2)
            holder.rollback()
            assert counts(brought.result()) == (50, 0)
            order = late.result()["order"]
    finally:
        holder.close()
    shown = ada.get("/tasks?sort=order").get_json()
    assert [task["title"] for task in shown] == ["first", *["imported"] * 50, "late"]
    assert order == first["order"] + 51 * 1024


def test_the_same_import_many_times_at_once_is_done_once(app: Flask, alice: Actor) -> None:
    body = document(*({"title": f"task {n}", "uid": str(uuid4())} for n in range(200)))
    actors = [Actor(app.test_client(use_cookies=False), alice.id, alice.email, alice.token, "") for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        results = [counts(answer) for answer in threads.map(lambda actor: bring(actor, body), actors)]
    assert sorted(results) == [(0, 200)] * 7 + [(200, 0)]
    assert len(alice.get("/tasks").get_json()) == 200
