"""The request log: request ids, one line per request, and the auth events."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from server.setting_parsers.rates import Rate
from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application, execute
from tests.support.log_lines import HOSTILE, LogLines
from todo_api.mail.outbox import outbox
from todo_api.operations.request_log import AUTH_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

REQUEST_FIELDS = ["method", "route", "status", "duration_ms", "address"]


@pytest.fixture
def log() -> Iterator[LogLines]:
    handler, logger = LogLines(), logging.getLogger("todo_api")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/nothing", 404),
        ("GET", "/api/auth/nothing", 404),
        ("DELETE", "/", 405),
        ("GET", "/docs/swagger-ui.css", 200),
        ("GET", "/api/me/tasks", 401),
        ("OPTIONS", "/api/me/tasks", 200),
    ],
)
def test_every_response_has_its_own_request_id(client: FlaskClient, method: str, path: str, status: int) -> None:
    ids = set()
    for _ in range(2):
        response = client.open(path, method=method)
        response.close()
        assert response.status_code == status
        (request_id,) = response.headers.getlist("X-Request-Id")
        assert re.fullmatch("[0-9a-f]{32}", request_id)
        ids.add(request_id)
    assert len(ids) == 2


def test_a_304_has_a_request_id(alice: Actor) -> None:
    etag = alice.get("/tasks").headers["ETag"]
    response = alice.get("/tasks", headers={"If-None-Match": etag, "X-Request-Id": "mine"})
    assert (response.status_code, response.headers["X-Request-Id"]) == (304, "mine")


@pytest.mark.shows("ASVS 16.3.4")
def test_an_internal_error_has_the_request_id_of_its_log_lines(database: str, log: LogLines) -> None:
    app = application(database)

    @app.get("/error")
    def error() -> str:
        raise RuntimeError(HOSTILE)

    response = app.test_client().get("/error")
    message, line = log.lines
    assert response.headers["X-Request-Id"] == message["request_id"] == line["request_id"]
    assert (message["event"], message["level"], message["message"]) == ("message", "error", "unexpected: RuntimeError")
    assert message["traceback"].startswith("Traceback (most recent call last):\n")
    assert (line["status"], line["code"]) == (500, "INTERNAL_SERVER_ERROR")


@pytest.mark.parametrize("sent_id", ["a", "A-b_c.9", "x" * 128])
def test_a_valid_request_id_of_the_client_is_kept(client: FlaskClient, log: LogLines, sent_id: str) -> None:
    assert client.get("/nothing", headers={"X-Request-Id": sent_id}).headers["X-Request-Id"] == sent_id
    assert log.lines[0]["request_id"] == sent_id


@pytest.mark.parametrize("sent_id", ["", "x" * 129, "a b", 'a"b', "é", "a,b", "a;b", "a/b", "\x1b[31m"])
def test_an_invalid_request_id_is_replaced(client: FlaskClient, log: LogLines, sent_id: str) -> None:
    request_id = client.get("/", headers={"X-Request-Id": sent_id}).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert log.lines[0]["request_id"] == request_id


def test_cors_exposes_the_request_id(client: FlaskClient) -> None:
    response = client.get("/", headers={"Origin": "http://localhost:3000"})
    assert "X-Request-Id" in response.headers["Access-Control-Expose-Headers"].split(", ")


def test_a_request_is_one_line_with_route_and_user_and_without_the_query(alice: Actor, log: LogLines) -> None:
    task = alice.create_task()
    log.lines.clear()
    alice.get(f"/tasks/{task['id']}?x=geheim")
    alice.get(f"/tasks/{task['id']}")
    refused, line = log.lines
    assert list(line) == ["time", "level", "event", "request_id", "user", *REQUEST_FIELDS]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (line["level"], line["event"], line["user"]) == ("info", "request", alice.id)
    assert (line["method"], line["status"], line["address"]) == ("GET", 200, "127.0.0.1")
    assert line["route"] == "/api/<user_id>/tasks/<id:task_id>"
    assert line["duration_ms"] > 0
    assert (refused["status"], refused["code"]) == (422, "VALIDATION_ERROR")
    assert "geheim" not in str(refused)


def test_every_kind_of_credential_identifies_the_user(app: Flask, alice: Actor, log: LogLines) -> None:
    account = {"email": alice.email, "password": PASSWORD}
    browser = app.test_client()
    opaque = browser.post("/api/auth/sign-in/email", json=account).headers["set-auth-token"]
    log.lines.clear()
    browser.get("/api/auth/get-session")
    for path in ("/api/auth/get-session", "/api/me/tasks", "/api/somebody/tasks"):
        alice.client.get(path, headers={"Authorization": f"Bearer {opaque}"})
    assert [line["user"] for line in log.lines] == [alice.id] * 4
    assert [line["status"] for line in log.lines] == [200, 200, 200, 403]


def test_an_unverified_credential_identifies_no_user(alice: Actor, log: LogLines) -> None:
    head, body, _ = alice.token.split(".")
    for token in (f"{head}.{body}.{'x' * 43}", f"{alice.id}_{'0' * 32}_{'0' * 64}", alice.refresh_token):
        alice.client.get("/api/me/tasks", headers={"Authorization": f"Bearer {token}"})
        alice.client.post("/api/auth/reset-password", json={"token": f"{'0' * 64}_{alice.id}", "newPassword": PASSWORD})
    assert {line["user"] for line in log.lines} == {None}


def test_the_context_ends_with_the_request(alice: Actor, log: LogLines) -> None:
    alice.get("/tasks")
    logging.getLogger("todo_api").warning("between")
    alice.client.get("/")
    _, between, next_line = log.lines
    assert "request_id" not in between
    assert next_line["user"] is None


def test_unknown_paths_and_methods_are_not_logged(client: FlaskClient, log: LogLines) -> None:
    client.get("/reset-password/geheim?geheim=1")
    client.open("/", method="GEHEIM")
    client.get("/api/auth/reset-password/geheim")
    assert [line["route"] for line in log.lines] == [None, None, "/api/auth/reset-password/<token>"]
    assert [line["method"] for line in log.lines] == ["GET", "OTHER", "GET"]
    assert "geheim" not in str(log.lines).lower()


@pytest.mark.shows("ASVS 16.3.1")
def test_auth_events_are_logged_with_their_outcome(fresh_database: str, tmp_path: Path, log: LogLines) -> None:
    mails = tmp_path / "mails"
    app = application(fresh_database, mail_url=mails.as_uri())
    ada = Actor.sign_up(app, "Ada")
    auth = {"Authorization": f"Bearer {ada.token}"}

    def post(path: str, **body: Any) -> None:
        ada.client.post(f"/api/auth/{path}", json=body, headers=auth)

    post("sign-in/email", email=ada.email, password=PASSWORD)
    post("sign-in/email", email=ada.email, password="wrong password")
    post("sign-in/email", email=f"x{ada.email}", password=PASSWORD)
    post("sign-up/email", email=ada.email, password=PASSWORD, name="Ada")
    post("refresh", refresh_token=ada.refresh_token)
    post("change-password", currentPassword="wrong password", newPassword=PASSWORD)
    post("change-password", currentPassword=PASSWORD, newPassword=PASSWORD)
    post("revoke-session", token="0" * 32)
    post("revoke-other-sessions")
    post("verify-password", password=PASSWORD)
    post("send-verification-email", email="another@example.com")
    post("change-email", newEmail=ada.email)
    for query in ("token=x", "token=x&callbackURL=/"):
        ada.client.get(f"/api/auth/verify-email?{query}")
        ada.client.get(f"/api/auth/delete-user/callback?{query}", headers=auth)
    post("request-password-reset", email=ada.email)
    post("reset-password", token="0" * 64, newPassword=PASSWORD)
    post("delete-user", password=PASSWORD)
    post("sign-out")
    outbox.queue.join()
    events = [
        (line["event"], line["outcome"], line.get("code"), line["user"] and "ada")
        for line in log.lines
        if line["event"] not in {"request", "message"}
    ]
    assert events == [
        ("sign_up", "success", None, "ada"),
        ("sign_in", "success", None, "ada"),
        ("sign_in", "failure", "INVALID_EMAIL_OR_PASSWORD", "ada"),
        ("sign_in", "failure", "INVALID_EMAIL_OR_PASSWORD", None),
        ("sign_up", "failure", "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", None),
        ("refresh", "success", None, "ada"),
        ("change_password", "failure", "INVALID_PASSWORD", "ada"),
        ("change_password", "success", None, "ada"),
        ("revoke_session", "success", None, "ada"),
        ("revoke_other_sessions", "success", None, "ada"),
        ("verify_password", "success", None, "ada"),
        ("send_verification_email", "failure", "EMAIL_MISMATCH", "ada"),
        ("change_email", "failure", "EMAIL_IS_THE_SAME", "ada"),
        *[("verify_email", "failure", "INVALID_TOKEN", None), ("delete_user", "failure", "INVALID_TOKEN", "ada")] * 2,
        ("request_password_reset", "success", None, "ada"),
        ("reset_password", "failure", "INVALID_TOKEN", None),
        ("delete_user", "success", None, "ada"),
        ("sign_out", "success", None, "ada"),
    ]
    assert [line["user"] for line in log.of("sign_in")] == [ada.id, ada.id, None]


@pytest.mark.shows("ASVS 16.3.2", "ASVS 16.3.3")
def test_refusals_are_logged_with_their_code(fresh_database: str, log: LogLines) -> None:
    ada = Actor.sign_up(application(fresh_database, rate_limit_writes=Rate(1, timedelta(hours=1))), "Ada")
    log.lines.clear()
    ada.client.get("/api/me/tasks")
    ada.client.get("/api/somebody/tasks", headers={"Authorization": f"Bearer {ada.token}"})
    for _ in range(2):
        ada.post("/tasks", json={"title": "x"})
    for _ in range(11):
        ada.client.post("/api/auth/sign-in/email", json={"email": ada.email, "password": "a wrong one"})
    outcomes = [(line["status"], line.get("code"), line["user"]) for line in log.of("request")]
    assert outcomes[:4] == [
        (401, "UNAUTHORIZED", None),
        (403, "FORBIDDEN", ada.id),
        (201, None, ada.id),
        (429, "TOO_MANY_REQUESTS", ada.id),
    ]
    assert outcomes[-2:] == [(401, "INVALID_EMAIL_OR_PASSWORD", ada.id), (429, "TOO_MANY_REQUESTS", None)]


@pytest.mark.shows("ASVS 16.3.3")
def test_the_reuse_of_a_refresh_token_is_logged_once(app: Flask, alice: Actor, log: LogLines) -> None:
    def refresh(token: str) -> Any:
        return alice.client.post("/api/auth/refresh", json={"refresh_token": token}).get_json()

    newer = refresh(alice.refresh_token)["refresh_token"]
    newest = refresh(newer)["refresh_token"]
    refresh(newest)
    for _ in range(2):
        refresh(alice.refresh_token)
    (reuse,) = log.of("refresh_reuse")
    assert (reuse["level"], reuse["outcome"], reuse["user"]) == ("warning", "failure", alice.id)


def test_a_refresh_token_of_an_expired_session_is_no_reuse(
    app: Flask, alice: Actor, database: str, log: LogLines
) -> None:
    execute(database, "UPDATE sessions SET ends_at = now() WHERE user_id = %s", alice.id)
    response = alice.client.post("/api/auth/refresh", json={"refresh_token": alice.refresh_token})
    assert response.status_code == 401
    assert log.of("refresh_reuse") == []


def test_a_preflight_is_no_auth_event(client: FlaskClient, log: LogLines) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    assert client.options("/api/auth/sign-in/email", headers=headers).status_code == 200
    assert log.of("sign_in") == []


def test_every_auth_event_has_an_endpoint(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= set(AUTH_EVENTS)
