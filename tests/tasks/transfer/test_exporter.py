"""Tasks as a file: JSON, a table, a calendar."""

from __future__ import annotations

import csv
import gc
import io
import resource
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from icalendar import Calendar
from marshmallow import post_dump

from tests.support.actors import Actor
from tests.support.databases import application, execute
from tests.support.statements import counted
from todo_api.auth.guard import Owner, stream_owned
from todo_api.auth.sessions.credentials import access_claims
from todo_api.extensions import db
from todo_api.http.errors import InvalidToken
from todo_api.tasks.transfer.exporter import EXPORT, export
from todo_api.tasks.transfer.formats import FORMATS
from todo_api.tasks.transfer.schemas import TransferTaskSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flask import Flask

    from todo_api.database.statements import Row

MEMBERS = [
    *("title", "description", "completed", "due", "priority", "tags", "order"),
    *("completed_at", "created_at", "updated_at"),
]
COLUMNS = ["id", *MEMBERS]
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"


def table(actor: Actor) -> list[dict[str, str]]:
    text = actor.get("/export?format=csv").data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def todos(actor: Actor) -> list[Any]:
    return Calendar.from_ical(actor.get("/export?format=ics").data).walk("VTODO")


def test_an_export_is_all_tasks_in_order_of_creation(alice: Actor) -> None:
    kept, gone = alice.task(title="kept", due="2026-10-01"), alice.task(title="gone")
    alice.delete(f"/tasks/{gone['id']}")
    response = alice.get("/export")
    body = response.get_json()
    assert list(body) == ["format", "version", "exported_at", "user", "tasks"]
    assert (body["format"], body["version"]) == ("todo-export", 1)
    assert body["user"] == {"id": alice.id, "email": alice.email, "name": "Alice"}
    shown, trashed = body["tasks"]
    assert list(shown) == [*MEMBERS, "uid"]
    assert {name: kept[name] for name in MEMBERS} == {name: shown[name] for name in MEMBERS}
    assert set(trashed) == {*shown, "deleted_at"}
    assert trashed["title"] == "gone"
    assert len(response.text.splitlines()) == 4, "a task a line"


def test_an_export_is_a_file_that_nobody_keeps(alice: Actor) -> None:
    types = {"json": "application/json", "csv": "text/csv; charset=utf-8", "ics": "text/calendar; charset=utf-8"}
    for name, content_type in types.items():
        response = alice.get(f"/export?format={name}")
        assert response.headers["Content-Type"] == content_type
        assert response.headers["Content-Disposition"] == f"attachment; filename=todo-export.{name}"
        assert response.headers["Content-Length"] == str(len(response.data))
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers
        assert response.data == alice.get(f"/export?format={name}").data or name == "json"


def test_head_is_get_without_the_body(alice: Actor) -> None:
    same = {"X-Request-Id": "same"}
    got = alice.get("/export", headers=same)
    with alice.request("HEAD", "/export", headers=same) as head:
        assert (head.status_code, head.data) == (200, b"")
        assert dict(head.headers) == dict(got.headers)


def open_files() -> list[Any]:
    return [each for each in gc.get_objects() if isinstance(each, SpooledTemporaryFile) and not each.closed]


@pytest.mark.parametrize("read", [list, next, id], ids=["to its end", "in part", "not at all"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_file_is_left_open(alice: Actor, method: str, read: Callable[[Any], object]) -> None:
    gc.collect()
    before = len(open_files())
    response = alice.request(method, "/export")
    assert len(open_files()) == before + 1, "the answer alone"
    read(chain(response.response, [b"at its end"]))
    response.close()
    assert len(open_files()) == before


def test_no_connection_is_held_while_an_export_is_written(app: Flask, alice: Actor) -> None:
    alice.task()

    def write(_: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
        yield b"%d" % db.engine.pool.checkedout()  # type: ignore[attr-defined]
        yield from lines

    with app.app_context():
        claims = access_claims(alice.token)
        with export(Owner(claims.subject, claims.session_id), FORMATS["json"]._replace(write=write)) as file:
            file.seek(0)
            assert file.readline().startswith(b'0{"title":')


@pytest.mark.parametrize(("name", "lines"), [("json", 2), ("csv", 1), ("ics", 4)])
def test_an_export_of_nothing_is_one(alice: Actor, name: str, lines: int) -> None:
    assert len(alice.get(f"/export?format={name}").text.splitlines()) == lines


@pytest.mark.parametrize(
    ("query", "parameter"), [("format=xml", "format"), ("fromat=csv", "fromat"), ("format=", "format")]
)
def test_a_slip_in_a_parameter_is_422(alice: Actor, query: str, parameter: str) -> None:
    response = alice.get(f"/export?{query}")
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["parameter"] == parameter


def test_a_dead_session_is_401(alice: Actor) -> None:
    alice.client.post("/api/auth/sign-out", headers={"Authorization": f"Bearer {alice.token}"})
    for name in ("json", "csv", "ics"):
        assert alice.get(f"/export?format={name}").status_code == 401


def test_an_export_is_one_select_of_any_size(app: Flask, alice: Actor) -> None:
    fill = "INSERT INTO tasks (user_id, title) SELECT %s, 'task ' || n FROM generate_series(1, 900) AS n"
    alice.task()
    with app.app_context():
        execute(app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg2", ""), fill, alice.id)
    for name in ("json", "csv", "ics"):
        with counted() as seen:
            assert alice.get(f"/export?format={name}").text.count("task ") == 900
        assert seen == ["transaction control", EXPORT.text]


def test_what_fails_midway_is_a_failure_and_no_torn_file(fresh_database: str) -> None:
    app = application(fresh_database)
    ada = Actor.sign_up(app, "Ada")
    fill = "INSERT INTO tasks (user_id, title, \"order\") SELECT %s, 'x', n FROM generate_series(1, 900) AS n"
    execute(fresh_database, fill, ada.id)
    ((session,),) = execute(fresh_database, "SELECT id FROM sessions")

    class Killing(TransferTaskSchema):
        @post_dump
        def kill(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
            if data["order"] == 300:
                execute(fresh_database, KILL, fresh_database.rsplit("/", 1)[1])
            return data

    with app.app_context(), pytest.raises(psycopg2.OperationalError):
        export(Owner(ada.id, str(session)), FORMATS["json"]._replace(schema=Killing()))


def test_without_the_database_an_export_is_503(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    execute(fresh_database, "ALTER TABLE tasks RENAME TO elsewhere")
    assert ada.get("/export").status_code == 503


def test_a_foreign_users_first_request_may_be_an_export(app: Flask) -> None:
    owner = Owner("somebody-else", issuer="https://issuer.example.com", profile={"name": "Eve"})
    with app.app_context():
        for _ in range(2):
            (row,) = stream_owned(owner, EXPORT)
            assert (row["account_id"], row["account_name"], row["account_email"]) == ("somebody-else", "Eve", None)
            assert row["id"] is None
        with pytest.raises(InvalidToken):
            next(stream_owned(Owner("nobody", "no session"), EXPORT))


def test_a_table_has_what_is_not_in_the_trash(alice: Actor) -> None:
    task = alice.task(title='Ünïcode, "quoted"\nand more', tags=["a", "b c"], order=0.5, completed=True, priority="low")
    gone = alice.task()
    alice.delete(f"/tasks/{gone['id']}")
    (row,) = table(alice)
    assert list(row) == COLUMNS
    shown = {**task, "tags": "a, b c", "completed": "true", "description": "", "due": ""}
    assert row == {name: str(shown[name]) for name in COLUMNS}


def test_excel_sees_that_a_table_is_utf8(alice: Actor) -> None:
    assert alice.get("/export?format=csv").data.startswith(b"\xef\xbb\xbfid,title,")


@pytest.mark.parametrize("first", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_cell_never_begins_a_formula(alice: Actor, first: str) -> None:
    text = f"{first}HYPERLINK(1)"
    alice.task(title=text, description=text, tags=[text], order=-5)
    alice.task(title=f"x{first}")
    row, harmless = table(alice)
    assert (row["title"], row["description"], row["tags"]) == (f"'{text}",) * 3
    assert row["order"] == "-5", "a number stays one"
    assert harmless["title"] == f"x{first}"


def test_a_calendar_has_what_is_not_in_the_trash(alice: Actor) -> None:
    task = alice.task(
        title="File; taxes, \\ now", description="one\ntwo", due="2026-10-01", priority="high", tags=["a,b", "c"]
    )
    gone = alice.task()
    alice.delete(f"/tasks/{gone['id']}")
    (todo,) = todos(alice)
    (exported,) = (each for each in alice.get("/export").get_json()["tasks"] if "deleted_at" not in each)
    assert (todo["UID"], todo["SUMMARY"], todo["DESCRIPTION"]) == (exported["uid"], task["title"], "one\ntwo")
    assert todo.decoded("DUE").isoformat() == "2026-10-01"
    assert todo["DUE"].params["VALUE"] == "DATE"
    assert (todo["PRIORITY"], todo["STATUS"]) == (1, "NEEDS-ACTION")
    assert todo.categories == ["a,b", "c"]
    for name in ("CREATED", "LAST-MODIFIED", "DTSTAMP"):
        assert todo.decoded(name).isoformat()[:19] == task["created_at"][:19]
    assert "COMPLETED" not in todo


def test_a_calendar_tells_moments_in_utc_and_what_is_completed(alice: Actor) -> None:
    task = alice.task(due="2026-10-01T17:00:00+02:00", completed=True)
    (todo,) = todos(alice)
    assert b"\r\nDUE:20261001T150000Z\r\n" in alice.get("/export?format=ics").data
    assert todo["STATUS"] == "COMPLETED"
    assert todo.decoded("COMPLETED").isoformat()[:19] == task["completed_at"][:19]
    assert {"PRIORITY", "DESCRIPTION", "CATEGORIES"} & set(todo) == set()
    assert [alice.task(priority=name) and todos(alice)[-1]["PRIORITY"] for name in ("medium", "low")] == [5, 9]


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("x\r\nEND:VTODO\r\nBEGIN:VTODO", "x\nEND:VTODO\nBEGIN:VTODO"),
        ("a\rb", "a\nb"),
        ("bell\x07 esc\x1b del\x7f tab\t", "bell esc del tab\t"),
        ("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\x85\u2028\u2029"),
        ("é\U0001f600" * 100, "é\U0001f600" * 100),
        ("\\n \\; \\", "\\n \\; \\"),
        ('"^n"', '"^n"'),
    ],
)
def test_no_text_breaks_a_calendar(alice: Actor, text: str, carried: str) -> None:
    alice.task(title=text, description=text, tags=[text[:50]])
    (todo,) = todos(alice)
    assert (todo["SUMMARY"], todo["DESCRIPTION"]) == (carried, carried)
    data = alice.get("/export?format=ics").data
    assert max(map(len, data.split(b"\r\n"))) <= 75


@pytest.fixture
def no_room() -> Iterator[None]:
    """Let no file become longer than a megabyte, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


LONG = {"format": "todo-export", "version": 1, "tasks": [{"title": "x", "description": "y" * 9_000}] * 200}


def test_without_room_for_its_file_an_import_and_an_export_are_503(
    alice: Actor, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    assert alice.post("/import", json=LONG).status_code == 200
    request.getfixturevalue("no_room")
    for answer in (alice.post("/import", json=LONG), alice.get("/export?format=json")):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "no room for a file: File too large"
    ] * 2
