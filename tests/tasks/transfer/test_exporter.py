"""Exports of all tasks as JSON, CSV and iCalendar."""

from __future__ import annotations

import csv
import gc
import io
import resource
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import psycopg2
import pytest
from dateutil.tz import tzical
from icalendar import Calendar

from tests.support.actors import Actor
from tests.support.databases import application, execute
from tests.support.imports import export_document, exported_tasks, import_counts, post_import
from tests.support.statements import record_statements
from tests.support.task_lists import TASK_FIELDS, assert_invalid_parameters
from todo_api.auth.guard import Owner, stream_owned
from todo_api.auth.sessions.credentials import access_claims
from todo_api.extensions import db
from todo_api.http.errors import InvalidToken
from todo_api.tasks.transfer.exporter import export, export_statement, read_tasks
from todo_api.tasks.transfer.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flask import Flask

    from todo_api.database.statements import Row

CSV_COLUMNS = [name for name in TASK_FIELDS if name != "user_id"]
FIELDS = [name for name in CSV_COLUMNS if name not in {"id", "next_id"}]
EMPTY = ("due", "recurrence", "repeat_from", "timezone", "next_id")
EXPORT = export_statement(FORMATS["json"].schema)
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"


def csv_rows(actor: Actor) -> list[dict[str, str]]:
    text = actor.get("/export?format=csv").data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def vtodos(actor: Actor) -> list[Any]:
    return Calendar.from_ical(actor.get("/export?format=ics").data).walk("VTODO")


def test_json_has_all_tasks_in_order_of_creation(alice: Actor) -> None:
    task, deleted = alice.create_task(title="kept", due="2026-10-01"), alice.create_task(title="deleted")
    alice.delete(f"/tasks/{deleted['id']}")
    response = alice.get("/export")
    body = response.get_json()
    assert list(body) == ["format", "version", "exported_at", "user", "tasks"]
    assert (body["format"], body["version"]) == ("todo-export", 1)
    assert body["user"] == {"id": alice.id, "email": alice.email, "name": "Alice"}
    exported, trashed = body["tasks"]
    assert list(exported) == [*FIELDS, "uid"]
    assert {name: task[name] for name in FIELDS} == {name: exported[name] for name in FIELDS}
    assert set(trashed) == {*exported, "deleted_at"}
    assert trashed["title"] == "deleted"
    assert len(response.text.splitlines()) == 4, "one task per line"


def test_an_export_is_a_file_that_is_not_cached(alice: Actor) -> None:
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
    headers = {"X-Request-Id": "same"}
    get = alice.get("/export", headers=headers)
    with alice.request("HEAD", "/export", headers=headers) as head:
        assert (head.status_code, head.data) == (200, b"")
        assert dict(head.headers) == dict(get.headers)


def open_files() -> list[Any]:
    return [file for file in gc.get_objects() if isinstance(file, SpooledTemporaryFile) and not file.closed]


@pytest.mark.parametrize("read", [list, next, id], ids=["completely", "in part", "not at all"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_file_is_left_open(alice: Actor, method: str, read: Callable[[Any], object]) -> None:
    gc.collect()
    before = len(open_files())
    response = alice.request(method, "/export")
    assert len(open_files()) == before + 1, "the file of the response"
    read(chain(response.response, [b"end"]))
    response.close()
    assert len(open_files()) == before


def test_the_connection_is_released_before_formatting(app: Flask, alice: Actor) -> None:
    alice.create_task()

    def write(_: Row, lines: Iterable[bytes]) -> Iterator[bytes]:
        yield b"%d" % db.engine.pool.checkedout()  # type: ignore[attr-defined]
        yield from lines

    with app.app_context():
        claims = access_claims(alice.token)
        with export(Owner(claims.subject, claims.session_id), FORMATS["json"]._replace(write=write)) as file:
            file.seek(0)
            assert file.readline().startswith(b'0{"title":')


@pytest.mark.parametrize(("name", "lines"), [("json", 2), ("csv", 1), ("ics", 4)])
def test_an_export_without_tasks_is_valid(alice: Actor, name: str, lines: int) -> None:
    assert len(alice.get(f"/export?format={name}").text.splitlines()) == lines


@pytest.mark.parametrize(
    ("query", "parameter"), [("format=xml", "format"), ("fromat=csv", "fromat"), ("format=", "format")]
)
def test_an_invalid_parameter_is_422(alice: Actor, query: str, parameter: str) -> None:
    assert_invalid_parameters(alice.get(f"/export?{query}"), parameter)


def test_an_ended_session_is_401(alice: Actor) -> None:
    alice.sign_out()
    for name in ("json", "csv", "ics"):
        assert alice.get(f"/export?format={name}").status_code == 401


def test_an_export_of_any_size_is_one_statement(database: str, alice: Actor) -> None:
    fill = "INSERT INTO tasks (user_id, title) SELECT %s, 'task ' || n FROM generate_series(1, 900) AS n"
    alice.create_task()
    execute(database, fill, alice.id)
    for name in ("json", "csv", "ics"):
        with record_statements() as statements:
            assert alice.get(f"/export?format={name}").text.count("task ") == 900
        assert statements == ["transaction control", export_statement(FORMATS[name].schema).text]


def test_a_failure_midway_leaves_no_partial_file(fresh_database: str) -> None:
    app = application(fresh_database)
    ada = Actor.sign_up(app, "Ada")
    fill = "INSERT INTO tasks (user_id, title, \"order\") SELECT %s, 'x', n FROM generate_series(1, 900) AS n"
    execute(fresh_database, "INSERT INTO task_lists (user_id) VALUES (%s)", ada.id)
    execute(fresh_database, fill, ada.id)
    ((session,),) = execute(fresh_database, "SELECT id FROM sessions")

    class KillingFile(io.BytesIO):
        def write(self, line: Any) -> int:
            if orjson.loads(line)["order"] == 300:
                execute(fresh_database, KILL, fresh_database.rsplit("/", 1)[1])
            return super().write(line)

    with app.app_context(), pytest.raises(psycopg2.OperationalError):
        read_tasks(Owner(ada.id, str(session)), FORMATS["json"].schema, KillingFile())


def test_a_database_error_is_503(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database), "Ada")
    execute(fresh_database, "ALTER TABLE tasks RENAME TO renamed")
    assert ada.get("/export").status_code == 503


def test_the_first_request_of_an_external_user_can_be_an_export(app: Flask) -> None:
    owner = Owner("somebody-else", issuer="https://issuer.example.com", claims={"name": "Eve"})
    with app.app_context():
        for _ in range(2):
            (row,) = stream_owned(owner, EXPORT)
            assert (row["account_id"], row["account_name"], row["account_email"]) == ("somebody-else", "Eve", None)
            assert row["id"] is None
        with pytest.raises(InvalidToken):
            next(stream_owned(Owner("nobody", "no session"), EXPORT))


def test_csv_has_the_tasks_outside_the_trash(alice: Actor) -> None:
    task = alice.create_task(
        title='Ünïcode, "quoted"\nand more', tags=["a", "b c"], order=0.5, completed=True, priority="low"
    )
    alice.delete(f"/tasks/{alice.create_task()['id']}")
    (row,) = csv_rows(alice)
    assert list(row) == CSV_COLUMNS
    cells = {**task, "tags": "a, b c", "completed": "true", "description": "", **dict.fromkeys(EMPTY, "")}
    assert row == {name: str(cells[name]) for name in CSV_COLUMNS}


def test_csv_begins_with_a_byte_order_mark_for_excel(alice: Actor) -> None:
    assert alice.get("/export?format=csv").data.startswith(b"\xef\xbb\xbfid,title,")


@pytest.mark.parametrize("first", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_csv_cell_begins_a_formula(alice: Actor, first: str) -> None:
    text = f"{first}HYPERLINK(1)"
    alice.create_task(title=text, description=text, tags=[text], order=-5)
    alice.create_task(title=f"x{first}")
    row, harmless = csv_rows(alice)
    assert (row["title"], row["description"], row["tags"]) == (f"'{text}",) * 3
    assert row["order"] == "-5", "a number stays a number"
    assert harmless["title"] == f"x{first}"


def test_icalendar_has_the_tasks_outside_the_trash(alice: Actor) -> None:
    task = alice.create_task(
        title="File; taxes, \\ now", description="one\ntwo", due="2026-10-01", priority="high", tags=["a,b", "c"]
    )
    alice.delete(f"/tasks/{alice.create_task()['id']}")
    (todo,) = vtodos(alice)
    (exported,) = (other for other in exported_tasks(alice) if "deleted_at" not in other)
    assert (todo["UID"], todo["SUMMARY"], todo["DESCRIPTION"]) == (exported["uid"], task["title"], "one\ntwo")
    assert todo.decoded("DUE").isoformat() == "2026-10-01"
    assert todo["DUE"].params["VALUE"] == "DATE"
    assert (todo["PRIORITY"], todo["STATUS"]) == (1, "NEEDS-ACTION")
    assert todo.categories == ["a,b", "c"]
    for name in ("CREATED", "LAST-MODIFIED", "DTSTAMP"):
        assert todo.decoded(name).isoformat()[:19] == task["created_at"][:19]
    assert "COMPLETED" not in todo


def test_icalendar_has_timestamps_in_utc_and_completed_tasks(alice: Actor) -> None:
    task = alice.create_task(due="2026-10-01T17:00:00+02:00", completed=True)
    (todo,) = vtodos(alice)
    assert b"\r\nDUE:20261001T150000Z\r\n" in alice.get("/export?format=ics").data
    assert todo["STATUS"] == "COMPLETED"
    assert todo.decoded("COMPLETED").isoformat()[:19] == task["completed_at"][:19]
    assert {"PRIORITY", "DESCRIPTION", "CATEGORIES"} & set(todo) == set()
    assert [alice.create_task(priority=name) and vtodos(alice)[-1]["PRIORITY"] for name in ("medium", "low")] == [5, 9]


def test_icalendar_has_the_rule_and_the_time_zone_of_a_task_that_repeats(alice: Actor) -> None:
    weekly = {"due": "2026-10-01T17:00:00+02:00", "recurrence": "FREQ=WEEKLY;BYDAY=TH;UNTIL=20261231"}
    alice.create_task(**weekly, timezone="Europe/Berlin")
    alice.create_task(**weekly, timezone="Europe/Berlin")
    alice.create_task(due="2026-10-01", recurrence="FREQ=DAILY", repeat_from="completion")
    data = alice.get("/export?format=ics").data
    (zone,) = Calendar.from_ical(data).walk("VTIMEZONE")
    assert zone["TZID"] == "Europe/Berlin"
    assert data.index(b"BEGIN:VTIMEZONE") < data.index(b"BEGIN:VTODO")
    todo, _, without_rule = vtodos(alice)
    for name in ("DTSTART", "DUE"):
        assert todo[name].to_ical() == b"20261001T170000"
        assert todo[name].params["TZID"] == "Europe/Berlin"
    assert todo["RRULE"].to_ical() == b"FREQ=WEEKLY;UNTIL=20261231T160000Z;BYDAY=TH"
    assert {"RRULE", "DTSTART"} & set(without_rule) == set()


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_icalendar_has_the_changes_of_the_clock_of_this_century(alice: Actor, zone: str) -> None:
    alice.create_task(due="2045-07-01T10:00:00Z", timezone=zone, recurrence="FREQ=DAILY")
    defined = tzical(io.StringIO(alice.get("/export?format=ics").text)).get(zone)
    for year in (2027, 2045, 2099):
        noons = [datetime(year, month, 1, 12, tzinfo=ZoneInfo(zone)) for month in range(1, 13)]
        offsets = [noon.replace(tzinfo=defined).utcoffset() for noon in noons]
        assert offsets == [noon.utcoffset() for noon in noons], year


def test_icalendar_has_the_second_of_two_equal_local_times_in_utc(alice: Actor) -> None:
    daily = {"recurrence": "FREQ=DAILY", "timezone": "Europe/Berlin"}
    for due in ("2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"):
        alice.create_task(**daily, due=due, repeat_from="completion")
    alice.create_task(**daily, due="2027-10-31T01:30:00Z")
    first, second, repeated = (todo["DUE"] for todo in vtodos(alice))
    assert (first.to_ical(), first.params["TZID"]) == (b"20271031T023000", "Europe/Berlin")
    assert second.to_ical() == b"20271031T013000Z"
    assert (repeated.to_ical(), repeated.params["TZID"]) == (b"20271031T023000", "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "exported"),
    [
        ("x\r\nEND:VTODO\r\nBEGIN:VTODO", "x\nEND:VTODO\nBEGIN:VTODO"),
        ("a\rb", "a\nb"),
        ("bell\x07 esc\x1b del\x7f tab\t", "bell\ufffd esc\ufffd del\ufffd tab\t"),
        ("\x01", "\ufffd"),
        ("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\ufffd" * 5 + "\x85\u2028\u2029"),
        ("é\U0001f600" * 100, "é\U0001f600" * 100),
        ("\\n \\; \\", "\\n \\; \\"),
        ('"^n"', '"^n"'),
    ],
)
def test_any_text_gives_a_valid_icalendar(alice: Actor, text: str, exported: str) -> None:
    alice.create_task(title=text, description=text, tags=[text[:50]])
    (todo,) = vtodos(alice)
    assert (todo["SUMMARY"], todo["DESCRIPTION"]) == (exported, exported)
    assert todo.categories == [exported[:50]]
    data = alice.get("/export?format=ics").data
    assert max(map(len, data.split(b"\r\n"))) <= 75


def test_icalendar_with_control_characters_and_a_repeated_hour_can_be_imported(alice: Actor, bob: Actor) -> None:
    second = {"recurrence": "FREQ=DAILY", "repeat_from": "completion", "timezone": "Europe/Berlin"}
    alice.create_task(title="\x01", tags=["\x01"], due="2027-10-31T01:30:00Z", **second)
    response = post_import(bob, alice.get("/export?format=ics").data, content_type="text/calendar")
    assert import_counts(response) == (1, 0), response.text
    (task,) = exported_tasks(bob)
    assert (task["title"], task["tags"], task["due"]) == ("\ufffd", ["\ufffd"], "2027-10-31T01:30:00.000Z")


@contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """Limit the size of files, which fails like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_export_or_import_on_a_full_disk_is_503(alice: Actor, caplog: pytest.LogCaptureFixture) -> None:
    document = export_document(*[{"title": "x", "description": "y" * 9_000}] * 200)
    assert alice.post("/import", json=document).status_code == 200
    with limited_file_size(1_000_000):
        responses = [alice.post("/import", json=document), alice.get("/export?format=json")]
    for response in responses:
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "no room for a file: File too large"
    ] * 2
