"""Every error is a problem document (RFC 9457), and no input causes a 500."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from gunicorn.http.errors import InvalidChunkSize
from sqlalchemy import insert

from devtools.processes import free_port
from tests.support.databases import application, execute
from todo_api.database.execution import fetch_all
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

JSON = "application/json"


def problem(response: TestResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json()
    assert list(body)[:6] == ["type", "title", "status", "detail", "code", "message"]
    assert body["status"] == response.status_code
    return body


def test_an_unknown_path_is_404(client: FlaskClient) -> None:
    response = client.get("/nothing/here")
    assert problem(response)["code"] == "NOT_FOUND"
    assert "Allow" not in response.headers


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/", {"GET", "HEAD", "OPTIONS"}),
        ("PATCH", "/api/me/tasks", {"GET", "HEAD", "OPTIONS", "POST", "DELETE"}),
        ("POST", "/api/me/tasks/1", {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}),
        ("PUT", "/api/me/tasks/batch", {"OPTIONS", "POST"}),
        ("DELETE", "/api/me/tasks/changes", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/api/me/tasks/1/complete", {"OPTIONS", "PATCH"}),
    ],
)
def test_an_unknown_method_is_405_with_a_complete_allow_header(
    client: FlaskClient, method: str, path: str, allow: set[str]
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert problem(response)["code"] == "METHOD_NOT_ALLOWED"
    assert set(response.headers["Allow"].split(", ")) == allow


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/auth/sign-in/email", 405),
        ("POST", "/api/auth/ok", 405),
        ("DELETE", "/api/auth/get-session", 405),
        ("GET", "/api/auth/nothing", 404),
        ("POST", "/api/auth/nothing", 404),
        ("GET", "/api/auth/ok/", 404),
        ("GET", "/api/auth", 404),
    ],
)
def test_an_unknown_auth_route_is_a_problem_like_any_other(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.get_json()["status"] == status
    assert ("Allow" in response.headers) is (status == 405)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "not valid JSON"),
        (b"{", 400, "not valid JSON"),
        (b"{'title': 'x'}", 400, "not valid JSON"),
        (b'{"title": "x"} x', 400, "Extra data"),
        (b'{"title": NaN}', 400, "NaN is no value"),
        (b'{"title": -Infinity}', 400, "-Infinity is no value"),
        (b'{"title": "\xff"}', 400, "not UTF-8 at byte 11"),
        ('{"title": "x"}'.encode("utf-16"), 400, "not UTF-8 at byte 0"),
        (b'\xef\xbb\xbf{"title": "x"}', 400, "BOM"),
        (b'{"title": "a\nb"}', 400, "control character"),
        (b'{"title": ' + b"9" * 5000 + b"}", 400, "too many digits"),
        (b'{"title": "a", "title": "b"}', 400, "gives a name twice"),
        (b"[" * 100_000 + b"]" * 100_000, 400, "nested too deeply"),
        (b'{"title":' * 100_000, 400, "nested too deeply"),
        (b'{"title": "\\u0000"}', 422, "title: Must not contain NUL"),
        (b'{"title": "\\ud800"}', 422, "title: Must not contain NUL"),
        (b'{"title": "\\udfff\\ud800"}', 422, "title: Must not contain NUL"),
        (b'{"title": 1e999}', 422, "title: Not a valid string."),
        (b'{"title": 123456789012345678901234567890}', 422, "title: Not a valid string."),
        (b'{"title": [[[[[[[[[[]]]]]]]]]]}', 422, "title: Not a valid string."),
        (b"[]", 422, "body: Invalid input type."),
        (b"null", 422, "body: Invalid input type."),
        (b'"title"', 422, "body: Invalid input type."),
        (b'"' + b"x" * (1024 * 1024 - 2) + b'"', 422, "body: Invalid input type."),
        (b'"' + b"x" * (1024 * 1024 - 1) + b'"', 413, "at most 1 MiB"),
        (b'"' + b"x" * 1024 * 1024 + b'"', 413, "at most 1 MiB"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_an_invalid_body_is_a_4xx_that_names_the_error(alice: Actor, body: bytes, status: int, detail: str) -> None:
    response = alice.post("/tasks", data=body, content_type=JSON)
    assert response.status_code == status
    assert detail in problem(response)["detail"]
    assert alice.get("/tasks").json == []


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "nonsense",
    ],
)
def test_another_media_type_is_415(alice: Actor, content_type: str | None) -> None:
    response = alice.post("/tasks", data=b'{"title": "x"}', content_type=content_type)
    assert response.status_code == 415
    assert "application/json" in problem(response)["detail"]


def test_a_compressed_body_is_415(alice: Actor) -> None:
    response = alice.post("/tasks", data=b"\x1f\x8b", content_type=JSON, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415


@pytest.mark.parametrize("content_type", ["text/plain", "text/xml", "application/octet-stream"])
def test_sign_in_accepts_json_or_a_form_only(client: FlaskClient, content_type: str) -> None:
    response = client.post("/api/auth/sign-in/email", data=b"email=a", content_type=content_type)
    assert response.status_code == 415
    assert "form" in problem(response)["detail"]


def test_json_is_utf8_whatever_its_charset_parameter(alice: Actor) -> None:
    body = json.dumps({"title": "Käse"}, ensure_ascii=False).encode()
    for content_type in (JSON, "application/json; charset=utf-8", "Application/JSON"):
        assert alice.post("/tasks", data=body, content_type=content_type).get_json()["title"] == "Käse"


@pytest.mark.shows("ASVS 16.5.1", "ASVS 16.5.4")
@pytest.mark.parametrize("error", [RuntimeError, OSError])
def test_an_unexpected_error_is_500_without_its_cause(
    database: str, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    app = application(database)

    @app.get("/error")
    def fail() -> str:
        raise error("the cause, with a secret")

    response = app.test_client().get("/error")
    assert problem(response)["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in response.text
    assert "the cause, with a secret" in caplog.text


def test_a_range_outside_a_file_is_416(client: FlaskClient) -> None:
    response = client.get("/docs/docs.js", headers={"Range": "bytes=999999-"})
    assert problem(response)["code"] == "RANGE_NOT_SATISFIABLE"
    assert response.headers["Content-Range"].startswith("bytes */")


def test_a_constraint_violation_is_503_and_discloses_no_row(
    fresh_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(fresh_database, "ALTER TABLE users ADD CHECK (name <> 'Ada')")
    account = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}
    response = application(fresh_database).test_client().post("/api/auth/sign-up/email", data=account)
    assert problem(response)["code"] == "SERVICE_UNAVAILABLE"
    assert "23514" in caplog.text
    for private in ("ada@example.com", "hmac-sha256", "INSERT"):
        assert private not in caplog.text
        assert private not in response.text


@pytest.mark.shows("ASVS 16.3.4", "ASVS 16.5.2")
def test_an_unreachable_database_is_503(caplog: pytest.LogCaptureFixture) -> None:
    client = application(f"postgresql://nobody:geheim@127.0.0.1:{free_port()}/nothing").test_client()
    response = client.post("/api/auth/sign-in/email", data={"email": "a@example.com", "password": "x"})
    assert problem(response)["code"] == "SERVICE_UNAVAILABLE"
    assert int(response.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in response.text
    assert "geheim" not in caplog.text


def test_each_invalid_field_is_an_error_of_its_own(alice: Actor) -> None:
    response = alice.post("/tasks", json={"title": "", "description": 7, "completed": False})
    assert problem(response)["errors"] == [
        {"pointer": "#/title", "detail": "Length must be between 1 and 255."},
        {"pointer": "#/description", "detail": "Not a valid string."},
    ]


@pytest.mark.parametrize("element", ["1", "{}", '"a"'])
@pytest.mark.parametrize(
    ("path", "head"), [("/tasks", '{"title": "x", "tags": ['), ("/tasks/batch", '{"operations": [')]
)
def test_the_length_of_a_list_is_checked_before_its_elements(alice: Actor, path: str, head: str, element: str) -> None:
    """A million errors would take seconds to find, and their response would be many times the size of the body."""
    body = f"{head}{f'{element},' * 200_000}{element}]}}"
    response = alice.post(path, data=body, content_type=JSON)
    assert response.status_code == 422
    assert len(response.get_json()["errors"]) == 1


def test_a_response_has_at_most_a_hundred_errors(alice: Actor) -> None:
    invalid = {"op": "update", "id": 0, "task": {"title": "", "completed": 1, "tags": ["", ""], "order": "x"}}
    response = alice.post("/tasks/batch", json={"operations": [invalid] * 100})
    assert (response.status_code, len(response.get_json()["errors"])) == (422, 100)


def test_a_body_shorter_than_its_content_length_is_400(alice: Actor) -> None:
    """As gunicorn passes it on, which ends the input by itself. tests/server/test_framing.py tests it over a socket."""
    response = alice.post(
        "/tasks",
        data=b'{"title": "x"}',
        content_type=JSON,
        environ_overrides={"CONTENT_LENGTH": "100", "wsgi.input_terminated": True},
    )
    assert response.status_code == 400
    assert problem(response)["detail"] == "The body cannot be read as it was sent."
    assert alice.get("/tasks").get_json() == []


@pytest.mark.shows("PostgreSQL foreign key")
def test_a_write_for_a_deleted_user_is_401(app: Flask) -> None:
    with app.app_context(), pytest.raises(psycopg2.IntegrityError) as raised:
        fetch_all(insert(Task).values(user_id="nobody", title="x").returning(Task.id))
    with app.test_request_context():
        response = app.make_response(app.handle_user_exception(raised.value))
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid token")


class BrokenStream(io.BytesIO):
    """A body of chunks that gunicorn cannot read."""

    def read(self, _size: int | None = -1) -> bytes:
        raise InvalidChunkSize(b"x")

    readinto = read  # type: ignore[assignment]


def test_a_body_that_the_server_cannot_read_is_400(alice: Actor) -> None:
    environ = {"wsgi.input": BrokenStream(), "wsgi.input_terminated": True}
    response = alice.post("/tasks", content_type=JSON, environ_overrides=environ)
    assert (response.status_code, response.get_json()["code"]) == (400, "BAD_REQUEST")
    assert response.get_json()["detail"] == "The body cannot be read as it was sent."
