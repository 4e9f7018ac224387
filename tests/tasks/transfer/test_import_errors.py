"""Documents that an import rejects: invalid tasks, other documents, malformed JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.imports import export_document, import_counts, post_import
from tests.support.problems import error_pointers, status_and_code
from tests.support.task_lists import titles
from todo_api.tasks.transfer.document_reader import DEPTH_MAX

if TYPE_CHECKING:
    from tests.support.actors import Actor

UID = "0f9619ff-8b86-4011-b420-00cf4fc964f0"
INVALID_TASKS: list[tuple[Any, str]] = [
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
    ({"title": "x", "recurrence": "FREQ=DAILY"}, "/recurrence"),
    ({"title": "x", "recurrence": "FREQ=HOURLY", "due": "2026-10-01"}, "/recurrence"),
    *(({"title": "x", "timezone": zone}, "/timezone") for zone in ("Mars", "America", "x" * 300)),
    ([], ""),
    (None, ""),
    ("x", ""),
]


def test_invalid_tasks_are_named_and_nothing_is_imported(alice: Actor) -> None:
    document = export_document({"title": "valid"}, *(task for task, _ in INVALID_TASKS))
    response = post_import(alice, document)
    assert status_and_code(response) == (422, "VALIDATION_ERROR")
    assert error_pointers(response) == [f"#/tasks/{index}{name}" for index, (_, name) in enumerate(INVALID_TASKS, 1)]
    assert post_import(alice, document, "?dry_run=true").get_json()["errors"] == response.get_json()["errors"]
    assert alice.get("/tasks").get_json() == []


def test_reading_stops_at_100_errors(alice: Actor) -> None:
    truncated = b'{"tasks":[' + b"{}," * 100
    response = post_import(alice, truncated)
    assert error_pointers(response) == [f"#/tasks/{index}/title" for index in range(100)]
    assert post_import(alice, truncated, "?dry_run=true").get_json()["errors"] == response.get_json()["errors"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/format", "#/version", "#/tasks"]),
        (export_document(format="todo"), ["#/format"]),
        (export_document(version=2), ["#/version"]),
        (export_document(version="1"), ["#/version"]),
        (export_document(version=True), ["#/version"]),
        (export_document(tasks=None), ["#/tasks"]),
        (export_document(tasks={"item": {"title": "x"}}), ["#/tasks"]),
        (export_document({"title": ""}, version=7), ["#/version"]),
        ([], ["#"]),
        (None, ["#"]),
        ("x", ["#"]),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_document_that_is_not_an_export_is_422(alice: Actor, body: object, pointers: list[str], query: str) -> None:
    assert error_pointers(post_import(alice, body, query)) == pointers


VALID = json.dumps(export_document({"title": "x"})).encode()
# The reader's chunks have 64 KiB: with this padding, the title begins at the end of the first chunk.
PADDING = b" " * (64 * 1024 - len(b'{"tasks":[{"title":"'))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"  ", b"{", VALID[:-1], VALID[:-9], VALID + b"x", VALID + VALID, b"\xef\xbb\xbf" + VALID),
        *(VALID.replace(b"x", text) for text in (b"\xff", b"\xed\xa0\x80", b"\\x", b"\n", b"\\ud800", b"\\udc00")),
        *(VALID.replace(b"x", b"\\" + text) for text in (b"ud800\\u0041", b"udbff\\n", b"ud800\\ud800", b"\\\\udfff")),
        *(VALID.replace(b"1", text) for text in (b"NaN", b"01", b"1,", b"-", b"/**/1", b"9" * 5000, b"1e999")),
        VALID.replace(b"1", b"9" * 20),
        VALID.replace(b"{", b'{"version":1,', 1),
        VALID.replace(b'"x"', b'"x","title":"y"'),
        VALID.replace(b'"x"', b"[" * DEPTH_MAX + b"]" * DEPTH_MAX),
        b'{"x":' + b"[" * 100_000,
        *(PADDING[:-cut] + b'{"tasks":[{"title":"\\ud83d"}]' for cut in range(1, 15)),
    ],
    ids=lambda body: str(body.strip()[:30]) + str(len(body)),
)
def test_malformed_json_is_400(alice: Actor, body: bytes) -> None:
    response = post_import(alice, body)
    assert status_and_code(response) == (400, "BAD_REQUEST"), response.text
    assert alice.get("/tasks").get_json() == []


@pytest.mark.parametrize("cut", range(1, 20))
def test_an_escape_sequence_may_span_two_chunks(alice: Actor, cut: int) -> None:
    body = PADDING[:-cut] + b'{"tasks":[{"title":"\\\\ud800\\ud83d\\ude00\\\\"}],"format":"todo-export","version":1}'
    assert import_counts(post_import(alice, body)) == (1, 0)
    assert titles(alice) == ["\\ud800\U0001f600\\"]


@pytest.mark.parametrize(
    "options",
    [
        {"content_type": "text/plain"},
        {"content_type": ""},
        {"content_type": "application/x-www-form-urlencoded"},
        {"headers": {"Content-Encoding": "gzip"}},
    ],
)
def test_a_body_that_is_not_plain_json_is_415(alice: Actor, options: dict[str, Any]) -> None:
    assert post_import(alice, export_document(), **options).status_code == 415


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
def test_a_number_that_the_parser_cannot_hold_is_named(alice: Actor, number: int) -> None:
    response = post_import(alice, export_document({"title": "x"}, ignored=number))
    assert status_and_code(response) == (400, "BAD_REQUEST")
    assert response.get_json()["detail"] == "A number of the body is too large."
