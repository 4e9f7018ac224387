"""An API key as the credential of a request: how it is sent, and what a request with it costs and logs."""

from __future__ import annotations

import logging
import subprocess
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from server.setting_parsers.rates import Rate
from tests.support.actors import Actor
from tests.support.api_keys import API_KEY, WRITE, create_key, list_keys, send, with_key
from tests.support.credentials import bearer, sign_up_at
from tests.support.databases import application
from tests.support.log_lines import LogLines
from tests.support.problems import status_and_code
from tests.support.statements import record_statements
from todo_api.auth.api_keys.encoding import new_key

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.processes import Service


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_is_a_bearer_token_or_a_header_of_its_own(alice: Actor, header: str) -> None:
    key = create_key(alice)["key"]
    task = alice.create_task()
    value = key if header == "X-API-Key" else f"Bearer {key}"
    for user in ("me", alice.id):
        response = alice.client.get(f"/api/{user}/tasks", headers={header: value})
        assert (response.status_code, response.get_json()) == (200, [task])


def test_two_credentials_are_400(alice: Actor) -> None:
    key = create_key(alice)["key"]
    for token in (alice.token, key, "nonsense"):
        response = with_key(alice, key, "GET", "/tasks", headers=bearer(token))
        assert status_and_code(response) == (400, "INVALID_REQUEST")
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_request"'


def test_an_empty_header_is_no_credential(alice: Actor) -> None:
    assert with_key(alice, "", "GET", "/tasks").get_json()["detail"] == "Not authenticated"
    assert with_key(alice, "", "GET", "/tasks", headers=bearer(alice.token)).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/tasks"), ("POST", "/tasks"), ("DELETE", "/tasks?all=true")])
def test_a_request_is_one_statement_and_the_first_of_a_day_one_more(alice: Actor, method: str, path: str) -> None:
    key = create_key(alice)["key"]
    alice.create_task()
    for number in (2, 1, 1):
        with record_statements() as statements:
            assert with_key(alice, key, method, path, json={"title": "x"}).status_code < 300
        assert len(statements) == number, statements
    assert "api_keys" in statements[0]
    assert "sessions" not in statements[0]


def test_the_statement_of_a_session_looks_for_a_session_only(alice: Actor) -> None:
    with record_statements() as statements:
        alice.get("/tasks")
    (statement,) = statements
    assert "sessions" in statement
    assert "api_keys" not in statement
    assert "users" not in statement


def test_an_idempotent_batch_works_with_a_key(alice: Actor) -> None:
    key = create_key(alice, permissions=WRITE)["key"]
    body = {"operations": [{"op": "create", "task": {"title": title}} for title in ("a", "b")]}
    retry = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (with_key(alice, key, "POST", "/tasks/batch", json=body, headers=retry) for _ in range(2))
    assert (first.status_code, second.headers["Idempotency-Replayed"]) == (200, "true")
    assert [task["title"] for task in alice.get("/tasks").get_json()] == ["a", "b"]
    assert send(alice, "update", keyId=list_keys(alice)["apiKeys"][0]["id"], enabled=False).status_code == 200
    refused = with_key(alice, key, "POST", "/tasks/batch", json=body, headers=retry)
    assert status_and_code(refused) == (401, "INVALID_TOKEN")


def test_writes_by_a_key_count_for_its_user(fresh_database: str) -> None:
    ada = Actor.sign_up(application(fresh_database, rate_limit_writes=Rate(3, timedelta(minutes=1))), "Ada")
    key = create_key(ada)["key"]
    statuses = [with_key(ada, key, "POST", "/tasks", json={"title": "x"}).status_code for _ in range(4)]
    assert statuses == [201] * 3 + [429]
    assert ada.post("/tasks", json={"title": "x"}).status_code == 429
    assert with_key(ada, key, "GET", "/tasks").status_code == 200


def test_the_log_has_the_id_of_a_valid_key(alice: Actor, app: Flask) -> None:
    key = create_key(alice)
    handler = LogLines()
    logger = logging.getLogger("todo_api")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with_key(alice, key["key"], "GET", "/tasks")
        with_key(alice, new_key(alice.id)[0], "GET", "/tasks")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    valid, forged = handler.of("request")
    assert (valid["user"], valid["api_key"]) == (alice.id, key["id"])
    assert (forged["user"], forged.get("api_key")) == (None, None)
    assert key["key"][38:] not in str(handler.lines)


def test_curl_sends_a_key(service: Service) -> None:
    session = sign_up_at(service.url, "ada@example.com")
    created = requests.post(f"{service.url}{API_KEY}/create", json={}, headers=session.jwt, timeout=10).json()
    for header in (f"X-API-Key: {created['key']}", f"Authorization: Bearer {created['key']}"):
        command = ["curl", "-s", "--fail-with-body", f"{service.url}/api/me/tasks", "-H", header]
        assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout == "[]\n"
