"""The OpenAPI document is valid and complete."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.databases import CONFIG
from todo_api import create_app

APP = create_app(CONFIG)
DOCUMENT: dict[str, Any] = APP.test_client().get("/openapi.json").get_json()
OPERATIONS = [
    (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]
UNDOCUMENTED = {"/openapi.json", "/docs", "/docs/docs.js"}


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
    assert {(method, path) for method, path, _ in OPERATIONS} == served


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda value: str(value)[:40])
def test_every_operation_is_documented(method: str, path: str, operation: dict[str, Any]) -> None:
    assert 2 <= len(operation["summary"].split()) <= 6
    assert not operation["summary"].endswith(".")
    assert operation["description"].endswith(".")
    assert re.fullmatch("[a-z]+(?:[A-Z][a-z]+)+", operation["operationId"])
    responses = operation["responses"]
    if "{user_id}" in path:
        assert operation["security"] == [{"bearer": []}]
        assert {"401", "403", "503"} <= set(responses)
    if "{task_id}" in path:
        assert "404" in responses
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= set(responses)
        for content in operation["requestBody"]["content"].values():
            assert content["example"]
    assert "500" in responses
    for status, response in responses.items():
        if status < "300" and "content" in response:
            assert response["content"]["application/json"]["example"]
        if status >= "400":
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
