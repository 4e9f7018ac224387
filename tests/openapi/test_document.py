"""The OpenAPI document is valid, complete and exact."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.databases import CONFIG
from tests.support.routes import ALWAYS_REFUSED, UNDOCUMENTED
from todo_api import create_app
from todo_api.http import cursors
from todo_api.tasks.parameters import time_zones

APP = create_app(CONFIG)
DOCUMENT: dict[str, Any] = APP.test_client().get("/openapi.json").get_json()
OPERATIONS = [
    (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENTITY_TAGS = ["*", '"42"', 'W/"42"', '"1", "2"', '"1",,"2"', '""', '"é"']
NO_ENTITY_TAGS = ["", "42", '"a b"', '*, "1"', '"1" "2"', 'w/"1"', ","]
DATES = ["2026-10-01", "2026-10-01T17:00:00+02:00", "2026-10-01t17:00:00.123z"]
NO_DATES = ["", "2026-10-1", "2026-02-30", "2026-10-01T17:00:00", "2026-10-01T23:59:60Z", "2026-10-01T25:00:00Z"]


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_route_is_in_the_document_and_no_other() -> None:
    served = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in APP.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in UNDOCUMENTED and not rule.rule.startswith("/docs/<")
    }
    assert {(method, path) for method, path, _ in OPERATIONS} == served - ALWAYS_REFUSED


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda value: str(value)[:40])
def test_every_operation_is_documented(method: str, path: str, operation: dict[str, Any]) -> None:
    assert 2 <= len(operation["summary"].split()) <= 6
    assert not operation["summary"].endswith(".")
    assert operation["description"].endswith(".")
    assert re.fullmatch("[a-z]+(?:[A-Z][a-z]+)+", operation["operationId"])
    responses = operation["responses"]
    assert {"$ref": "#/components/parameters/X-Request-Id"} in operation["parameters"]
    if "{user_id}" not in path:
        assert operation["security"] in ([], [{"bearer": []}], [{"bearer": []}, {}])
    else:
        bearer, api_key = operation["security"]
        assert (bearer, list(api_key), len(api_key["apiKey"])) == ({"bearer": []}, ["apiKey"], 1)
        assert {"401", "403", "503"} <= set(responses)
    if "{task_id}" in path:
        assert "404" in responses
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= set(responses)
        for content in operation["requestBody"]["content"].values():
            assert content["example"]
    assert {"400", "500"} <= set(responses)
    for status, response in responses.items():
        if status < "300" and "content" in response:
            assert all(content["example"] for content in response["content"].values())
        if "400" <= status < "600":
            (content,) = response["content"].values()
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert all(example["value"]["status"] == int(status) for example in content["examples"].values())
    assert "WWW-Authenticate" in responses.get("401", {"headers": "WWW-Authenticate"})["headers"]
    assert method in {"get", "post", "put", "patch", "delete"}


@pytest.mark.parametrize("path", ["/api/auth/sign-up/email", "/api/auth/sign-in/email"])
def test_sign_up_and_sign_in_accept_three_media_types(path: str) -> None:
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
    assert list(content) == ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]


def test_the_response_to_a_created_task_has_a_location() -> None:
    created = DOCUMENT["paths"]["/api/{user_id}/tasks"]["post"]["responses"]["201"]
    assert created["headers"]["Location"]["required"] is True


@pytest.mark.parametrize(
    ("path", "method", "name", "valid", "invalid"),
    [
        ("/api/{user_id}/tasks", "delete", "If-Match", ENTITY_TAGS, NO_ENTITY_TAGS),
        ("/api/{user_id}/tasks", "get", "If-None-Match", ENTITY_TAGS, NO_ENTITY_TAGS),
        ("/api/{user_id}/tasks", "get", "cursor", ["WzFd.c2ln", ".eJyL.c2ln"], ["", "a", "a.b.c", "a b.c"]),
        ("/api/{user_id}/tasks", "get", "limit", [1, 200], [0, 201, "", "1e2"]),
        ("/api/{user_id}/tasks", "get", "timezone", [*time_zones()], ["", "+02:00", "europe/berlin", "../UTC"]),
        ("/api/{user_id}/tasks", "get", "due_after", DATES, NO_DATES),
        ("/api/{user_id}/tasks", "post", "Idempotency-Key", ["a", "a b", '"é"', "x" * 255], ["", " ", "\n", "x" * 256]),
        ("/api/{user_id}/tasks/changes", "get", "sync_token", ["WzFd.c2ln"], ["", "a"]),
        ("/api/{user_id}/tasks", "parameters", "user_id", ["me", "auth0|1", "x" * 255], ["", "a/b", "é", "x" * 256]),
        ("/api/{user_id}/tasks/{task_id}", "parameters", "task_id", [1, 2**63 - 1], [0, 2**63, 1.5, "x"]),
    ],
)
def test_a_parameter_has_an_exact_schema(
    path: str, method: str, name: str, valid: list[object], invalid: list[object]
) -> None:
    item = DOCUMENT["paths"][path][method]
    parameters = item if method == "parameters" else item["parameters"]
    (parameter,) = [parameter for parameter in parameters if parameter.get("name") == name]
    validator = jsonschema_rs.validator_for({"$schema": DIALECT, **parameter["schema"]}, validate_formats=True)
    assert [value for value in valid if not validator.is_valid(value)] == []
    assert [value for value in invalid if validator.is_valid(value)] == []


def test_simultaneous_first_requests_get_one_document() -> None:
    app = create_app(CONFIG)
    with ThreadPoolExecutor(4) as threads:
        texts = threads.map(lambda _: app.test_client().get("/openapi.json").text, range(4))
    assert [json.loads(text) for text in texts] == 4 * [DOCUMENT]


def test_a_signed_position_has_the_documented_form() -> None:
    with APP.app_context():
        for position in ([1, 2], ["a" * 500], [None, "é"]):
            assert re.search(cursors.PATTERN, cursors.sign(position, ["tasks"]))
