"""What the log says of each request, and what it never says."""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from server import logging as logs
from server.setting_parsers.rates import Rate
from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application, execute
from tests.support.processes import ROOT, serving
from tests.support.raw_http import exchange
from todo_api.mail.outbox import outbox
from todo_api.operations.request_log import AUTH_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

Line = dict[str, Any]

HOSTILE = "a\nb\r\x1b[31m\x9b31m\u2028\u202e\udc80\0"
REQUEST_MEMBERS = ["method", "route", "status", "duration_ms", "address"]


class Lines(logging.Handler):
    """Keeps the lines of the service, each as an object."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.JSONFormatter())
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def of(self, event: str) -> list[Line]:
        return [line for line in self.lines if line["event"] == event]


@pytest.fixture
def log() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger("todo_api")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def record(message: object, *arguments: object, **members: Any) -> logging.LogRecord:
    made = logging.LogRecord("todo_api", logging.WARNING, "", 0, str(message), arguments, None)
    made.__dict__.update(members)
    return made


def raised(message: str) -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError(message)
    return caught.value


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
def test_every_answer_carries_an_id_of_its_own(client: FlaskClient, method: str, path: str, status: int) -> None:
    ids = set()
    for _ in range(2):
        response = client.open(path, method=method)
        response.close()
        assert response.status_code == status
        (request_id,) = response.headers.getlist("X-Request-Id")
        assert re.fullmatch("[0-9a-f]{32}", request_id)
        ids.add(request_id)
    assert len(ids) == 2


def test_an_answer_that_is_known_already_carries_one_too(alice: Actor) -> None:
    etag = alice.get("/tasks").headers["ETag"]
    response = alice.get("/tasks", headers={"If-None-Match": etag, "X-Request-Id": "mine"})
    assert (response.status_code, response.headers["X-Request-Id"]) == (304, "mine")


@pytest.mark.shows("ASVS 16.3.4")
def test_a_fault_of_ours_carries_the_id_that_its_line_has(database: str, log: Lines) -> None:
    app = application(database)

    @app.get("/fault")
    def fault() -> str:
        raise RuntimeError(HOSTILE)

    response = app.test_client().get("/fault")
    line, answered = log.lines
    assert response.headers["X-Request-Id"] == line["request_id"] == answered["request_id"]
    assert (line["event"], line["level"], line["message"]) == ("message", "error", "unexpected: RuntimeError")
    assert line["traceback"].startswith("Traceback (most recent call last):\n")
    assert (answered["status"], answered["code"]) == (500, "INTERNAL_SERVER_ERROR")


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 128])
def test_a_sane_id_is_taken_over(client: FlaskClient, log: Lines, given: str) -> None:
    assert client.get("/nothing", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    assert log.lines[0]["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", 'a"b', "é", "a,b", "a;b", "a/b", "\x1b[31m"])
def test_any_other_id_is_replaced(client: FlaskClient, log: Lines, given: str) -> None:
    request_id = client.get("/", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert log.lines[0]["request_id"] == request_id


def test_scripts_may_read_the_id(client: FlaskClient) -> None:
    response = client.get("/", headers={"Origin": "http://localhost:3000"})
    assert "X-Request-Id" in response.headers["Access-Control-Expose-Headers"].split(", ")


def test_a_request_is_one_line_that_names_the_route_and_the_user(alice: Actor, log: Lines) -> None:
    task = alice.task()
    log.lines.clear()
    alice.get(f"/tasks/{task['id']}?x=geheim")
    alice.get(f"/tasks/{task['id']}")
    refused, line = log.lines
    assert list(line) == ["time", "level", "event", "request_id", "user", *REQUEST_MEMBERS]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (line["level"], line["event"], line["user"]) == ("info", "request", alice.id)
    assert (line["method"], line["status"], line["address"]) == ("GET", 200, "127.0.0.1")
    assert line["route"] == "/api/<user_id>/tasks/<id:task_id>"
    assert line["duration_ms"] > 0
    assert (refused["status"], refused["code"]) == (422, "VALIDATION_ERROR")
    assert "geheim" not in str(refused)


def test_the_user_is_known_by_whichever_credential(app: Flask, alice: Actor, log: Lines) -> None:
    account = {"email": alice.email, "password": PASSWORD}
    browser = app.test_client()
    opaque = browser.post("/api/auth/sign-in/email", json=account).headers["set-auth-token"]
    log.lines.clear()
    browser.get("/api/auth/get-session")
    for path in ("/api/auth/get-session", "/api/me/tasks", "/api/somebody/tasks"):
        alice.client.get(path, headers={"Authorization": f"Bearer {opaque}"})
    assert [line["user"] for line in log.lines] == [alice.id] * 4
    assert [line["status"] for line in log.lines] == [200, 200, 200, 403]


def test_nobody_is_named_by_what_is_not_verified(alice: Actor, log: Lines) -> None:
    head, body, _ = alice.token.split(".")
    for token in (f"{head}.{body}.{'x' * 43}", f"{alice.id}_{'0' * 32}_{'0' * 64}", alice.refresh_token):
        alice.client.get("/api/me/tasks", headers={"Authorization": f"Bearer {token}"})
        alice.client.post("/api/auth/reset-password", json={"token": f"{'0' * 64}_{alice.id}", "newPassword": PASSWORD})
    assert {line["user"] for line in log.lines} == {None}


def test_a_line_of_the_next_request_says_nothing_of_the_one_before(alice: Actor, log: Lines) -> None:
    alice.get("/tasks")
    logging.getLogger("todo_api").warning("between")
    alice.client.get("/")
    _, between, after = log.lines
    assert "request_id" not in between
    assert after["user"] is None


def test_unknown_paths_and_methods_are_not_repeated(client: FlaskClient, log: Lines) -> None:
    client.get("/reset-password/geheim?geheim=1")
    client.open("/", method="GEHEIM")
    client.get("/api/auth/reset-password/geheim")
    assert [line["route"] for line in log.lines] == [None, None, "/api/auth/reset-password/<token>"]
    assert [line["method"] for line in log.lines] == ["GET", "OTHER", "GET"]
    assert "geheim" not in str(log.lines).lower()


@pytest.mark.shows("ASVS 16.3.1")
def test_what_happens_to_accounts_and_sessions_is_told_with_its_outcome(
    fresh_database: str, tmp_path: Path, log: Lines
) -> None:
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
    post("request-password-reset", email=ada.email)
    post("reset-password", token="0" * 64, newPassword=PASSWORD)
    post("delete-user", password=PASSWORD)
    post("sign-out")
    outbox.queue.join()
    told = [
        (line["event"], line["outcome"], line.get("code"), line["user"] and "ada")
        for line in log.lines
        if line["event"] not in {"request", "message"}
    ]
    assert told == [
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
        ("request_password_reset", "success", None, "ada"),
        ("reset_password", "failure", "INVALID_TOKEN", None),
        ("delete_user", "success", None, "ada"),
        ("sign_out", "success", None, "ada"),
    ]
    assert [line["user"] for line in log.of("sign_in")] == [ada.id, ada.id, None]


@pytest.mark.shows("ASVS 16.3.2", "ASVS 16.3.3")
def test_who_is_refused_is_told_with_the_reason(fresh_database: str, log: Lines) -> None:
    ada = Actor.sign_up(application(fresh_database, rate_limit_writes=Rate(1, timedelta(hours=1))), "Ada")
    log.lines.clear()
    ada.client.get("/api/me/tasks")
    ada.client.get("/api/somebody/tasks", headers={"Authorization": f"Bearer {ada.token}"})
    for _ in range(2):
        ada.post("/tasks", json={"title": "x"})
    for _ in range(11):
        ada.client.post("/api/auth/sign-in/email", json={"email": ada.email, "password": "a wrong one"})
    told = [(line["status"], line.get("code"), line["user"]) for line in log.of("request")]
    assert told[:4] == [
        (401, "UNAUTHORIZED", None),
        (403, "FORBIDDEN", ada.id),
        (201, None, ada.id),
        (429, "TOO_MANY_REQUESTS", ada.id),
    ]
    assert told[-2:] == [(401, "INVALID_EMAIL_OR_PASSWORD", ada.id), (429, "TOO_MANY_REQUESTS", None)]


@pytest.mark.shows("ASVS 16.3.3")
def test_a_token_that_was_copied_is_told_once(app: Flask, alice: Actor, log: Lines) -> None:
    def refresh(token: str) -> Any:
        return alice.client.post("/api/auth/refresh", json={"refresh_token": token}).get_json()

    newer = refresh(alice.refresh_token)["refresh_token"]
    newest = refresh(newer)["refresh_token"]
    refresh(newest)
    for _ in range(2):
        refresh(alice.refresh_token)
    (reuse,) = log.of("refresh_reuse")
    assert (reuse["level"], reuse["outcome"], reuse["user"]) == ("warning", "failure", alice.id)


def test_the_end_of_a_sessions_time_is_no_reuse(app: Flask, alice: Actor, database: str, log: Lines) -> None:
    execute(database, "UPDATE sessions SET ends_at = now() WHERE user_id = %s", alice.id)
    response = alice.client.post("/api/auth/refresh", json={"refresh_token": alice.refresh_token})
    assert response.status_code == 401
    assert log.of("refresh_reuse") == []


def test_a_preflight_is_no_sign_in(client: FlaskClient, log: Lines) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    assert client.options("/api/auth/sign-in/email", headers=headers).status_code == 200
    assert log.of("sign_in") == []


def test_every_event_has_its_endpoint(app: Flask) -> None:
    posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert posts >= set(AUTH_EVENTS)


@pytest.mark.shows("ASVS 16.4.1")
@pytest.mark.parametrize(
    "made", [record(HOSTILE), record("%s", HOSTILE), record("event", members={"x": HOSTILE, "y": b"\n\xff"})]
)
@pytest.mark.parametrize("formatter", [logs.JSONFormatter(), logs.TextFormatter()])
def test_whatever_is_said_is_one_line_that_steers_no_terminal(
    formatter: logging.Formatter, made: logging.LogRecord
) -> None:
    line = formatter.format(made)
    assert line.isascii()
    assert line.isprintable()


def test_a_json_line_has_no_lone_surrogate() -> None:
    line = logs.JSONFormatter().format(record("é\udc80😀"))
    assert json.loads(line)["message"] == "é?😀"


def test_a_long_text_is_cut_where_it_begins() -> None:
    fault = raised("x" * 10_000 + "the end")
    line = logs.JSONFormatter().format(record("m" * 5_000, exc_info=(RuntimeError, fault, fault.__traceback__)))
    assert json.loads(line)["traceback"].endswith("the end")
    assert len(json.loads(line)["message"]) == 3_001


def test_text_is_for_people() -> None:
    members = {"method": "GET", "route": "/api/<user_id>/tasks", "status": 200, "user": None}
    line = logs.TextFormatter().format(record("request", members=members))
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning request method=GET route=/api/<user_id>/tasks status=200", line)
    fault = raised("the cause")
    made = record("it failed", exc_info=(RuntimeError, fault, fault.__traceback__))
    shown = logs.TextFormatter().format(made).splitlines()
    assert shown[0].endswith('message logger=todo_api message="it failed"')
    assert "the cause" in shown[-1]


def test_all_of_a_process_goes_to_standard_error() -> None:
    script = """
import logging, warnings
from server import logging as logs
logs.configure("json")
logs.configure("json")
logs.bind_context(user="nobody's")
warnings.warn("old")
logging.getLogger("sqlalchemy.pool").error("pool")
logging.getLogger("todo_api.mail").info("mail")
logging.getLogger("urllib3").info("not told")
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["logger"] for line in told] == ["py.warnings", "sqlalchemy.pool", "todo_api.mail"]
    assert "user" not in told[0]


@pytest.fixture
def loggers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put everything back as it was."""
    for flag in ("logThreads", "logProcesses", "logMultiprocessing", "_srcfile"):
        monkeypatch.setattr(logging, flag, getattr(logging, flag))
    root, ours = logging.getLogger(), logging.getLogger("todo_api")
    before, level = root.handlers[:], root.level
    root.handlers.clear()  # basicConfig closes those it finds
    yield
    root.handlers[:] = before
    root.setLevel(level)
    ours.setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


@pytest.mark.usefixtures("loggers")
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_format_is_the_settings(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    logs.configure(log_format)
    logs.log_event("event", x="y")
    told = capsys.readouterr().err
    assert told.endswith('"event": "event", "x": "y"}\n' if log_format == "json" else " event x=y\n")


SECRET_REQUESTS = [
    b"GET /geheim-path?geheim-query HTTP/9.9\r\n\r\n",
    b"GET /geheim\r\n\r\n",
    b"geheim / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie : geheim-cookie\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: geheim\0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: geheim host\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: geheim\r\n\r\n",
    b"POST /api/auth/sign-in/email HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ngeheim\r\n\r\n",
    b"GET /%0a%1b%5b31m%ff?geheim%0a HTTP/1.1\r\nHost: a\r\nUser-Agent: geheim\xff\x1b\r\nConnection: close\r\n\r\n",
    b"GET /\xff\xfe\xe2\x80\xa8 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GEHEIM /geheim HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: geheim id\r\nConnection: close\r\n\r\n",
]


@pytest.mark.shows("ASVS 16.2.5", "ASVS 16.4.1")
def test_a_whole_run_is_lines_of_json_without_a_secret(fresh_database: str, tmp_path: Path) -> None:
    """From the start of gunicorn to its end, with people, strangers and nonsense in between."""
    mails, path = tmp_path / "mails", tmp_path / "log"
    with path.open("wb") as stderr:
        url, production = mails.as_uri(), "production"
        with serving(fresh_database, stderr=stderr, MAIL_URL=url, ENVIRONMENT=production) as service:
            secrets = {*a_life(service.url, mails), "geheim"}
            for request in SECRET_REQUESTS:
                exchange(service, request)
            service.process.send_signal(signal.SIGHUP)
            requests.get(service.url, timeout=10)
    text = path.read_text("ascii")
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "event"} <= set(line) for line in lines)
    said = [line.get("message", "") for line in lines]
    for start in ("Starting gunicorn", "Listening at", "Booting worker", "Hang up", "Handling signal: term"):
        assert any(message.startswith(start) for message in said), start
    assert sum(re.match("refused request [0-9a-f]{32} of 127.0.0.1: ", message) is not None for message in said) >= 4
    events = {line["event"] for line in lines}
    assert {"sign_up", "sign_in", "refresh_reuse", "reset_password", "delete_user", "request"} <= events
    for secret in secrets:
        assert secret.lower() not in text.lower(), secret


def a_life(url: str, mails: Path) -> set[str]:
    """Do all that an account can do, and return every secret that was used or given."""
    email, new = "ada.lovelace@example.com", "another horse battery"
    browser = requests.Session()

    def post(path: str, **body: Any) -> requests.Response:
        return browser.post(f"{url}/api/auth/{path}", json=body, headers={"Origin": url}, timeout=30)

    answers = [post("sign-up/email", email=email, password=PASSWORD, name="Ada Lovelace")]
    answers += [post("sign-in/email", email=email, password=PASSWORD)]
    answers += [post("sign-in/email", email="stranger@example.com", password=new)]
    first = token = answers[0].json()["refresh_token"]
    for _ in range(3):
        answers.append(post("refresh", refresh_token=token))
        token = answers[-1].json()["refresh_token"]
    post("refresh", refresh_token=first)
    post("request-password-reset", email=email)
    answers += [post("sign-in/email", email=email, password=PASSWORD)]
    link = wait_for_link(mails)
    browser.get(link, timeout=30, allow_redirects=False)
    reset = urlsplit(link).path.rpartition("/")[2]
    assert post("reset-password", token=reset, newPassword=new).status_code == 200
    answers += [post("sign-in/email", email=email, password=new)]
    headers = {"Authorization": f"Bearer {answers[-1].json()['token']}"}
    requests.post(f"{url}/api/me/tasks", json={"title": "title-of-hers"}, headers=headers, timeout=30)
    requests.get(f"{url}/api/me/tasks?tag=query-of-hers", headers=headers, timeout=30)
    answers += [browser.get(f"{url}/api/auth/token", timeout=30)]
    assert post("delete-user", password=new).status_code == 200
    bodies = [answer.json() for answer in answers]
    given = {str(body[name]) for body in bodies for name in ("token", "refresh_token") if name in body}
    cookies = {cookie.value for answer in answers for cookie in answer.cookies if cookie.value}
    opaque = {answer.headers["set-auth-token"] for answer in answers if "set-auth-token" in answer.headers}
    assert min(len(given), len(cookies), len(opaque)) >= 3
    words = {PASSWORD, new, email, "stranger@example.com", "Lovelace", "title-of-hers", "query-of-hers", "hmac-sha256"}
    return given | cookies | opaque | words | {reset, reset.partition("_")[0]}


def wait_for_link(mails: Path) -> str:
    for _ in range(300):
        found = re.findall(r"^http\S+$", mails.read_text(), re.MULTILINE) if mails.exists() else []
        if found:
            return str(found[0])
        time.sleep(0.1)
    pytest.fail("no mail came")
