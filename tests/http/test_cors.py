"""CORS: scripts of the configured origins can read responses, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.actors import Actor

ALLOWED = ["http://localhost:3000", "https://app.example.com"]
FOREIGN = [
    "https://evil.example",
    "http://localhost:3001",
    "http://localhost",
    "http://localhost:30000",
    "https://app.example.com:443",
    "https://app.example.com:8443",
    "HTTPS://APP.EXAMPLE.COM",
    "https://app.example.com/",
    "https://user@app.example.com",
    "https://app.example.com, https://evil.example",
    "https://localhost:3000",
    "https://app.example.com.evil.example",
    "https://appxexample.com",
    "https://sub.app.example.com",
    "null",
    "*",
]


@pytest.mark.parametrize("origin", ALLOWED)
def test_an_allowed_origin_gets_cors_headers_on_errors_too(alice: Actor, origin: str) -> None:
    for path, status in (("/tasks", 200), ("/tasks/0", 404)):
        response = alice.get(path, headers={"Origin": origin})
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Location" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_gets_no_allow_origin(alice: Actor, origin: str) -> None:
    for path in ("/tasks", "/tasks/0"):
        assert "Access-Control-Allow-Origin" not in alice.get(path, headers={"Origin": origin}).headers


def test_a_request_without_an_origin_gets_no_cors_headers(alice: Actor) -> None:
    for path in ("/tasks", "/tasks/0"):
        headers = alice.get(path).headers
        assert headers["Vary"] == "Origin"
        assert not any(name.startswith("Access-Control-") for name in headers.keys())  # noqa: SIM118


def test_a_preflight_request_needs_no_token(client: FlaskClient) -> None:
    headers = {
        "Origin": ALLOWED[0],
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    response = client.options("/api/somebody/tasks/1", headers=headers)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ALLOWED[0]
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert response.headers["Access-Control-Max-Age"] == "7200"
    assert response.headers["Vary"] == "Origin"


def test_a_304_has_the_cors_headers_of_the_200(alice: Actor) -> None:
    response = alice.get("/tasks", headers={"Origin": ALLOWED[0]})
    headers = {"Origin": ALLOWED[0], "If-None-Match": response.headers["ETag"]}
    not_modified = alice.get("/tasks", headers=headers)
    assert not_modified.status_code == 304
    for name in ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Vary"):
        assert not_modified.headers[name] == response.headers[name]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_preflight_request_of_a_foreign_origin_gets_no_cors_headers(client: FlaskClient, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    response = client.options("/api/somebody/tasks/1", headers=headers)
    assert not any(name.startswith("Access-Control-Allow") for name in response.headers.keys())  # noqa: SIM118


ERRORS = [
    (401, "GET", "/api/me/tasks", {"headers": {"Authorization": "Bearer x"}}),
    (404, "GET", "/nothing", {}),
    (405, "TRACE", "/api/me/tasks", {}),
    (413, "POST", "/tasks", {"data": b" " * 2_000_000, "content_type": "application/json"}),
    (415, "POST", "/tasks", {"data": b"x", "content_type": "text/plain"}),
    (422, "POST", "/tasks", {"json": {}}),
]


@pytest.mark.parametrize(("status", "method", "path", "options"), ERRORS)
def test_an_error_is_readable_by_an_allowed_origin_only(
    alice: Actor, status: int, method: str, path: str, options: dict[str, Any]
) -> None:
    for origin, allow_origin in ((ALLOWED[0], ALLOWED[0]), (FOREIGN[0], None), ("null", None)):
        headers = {"Authorization": f"Bearer {alice.token}", **options.get("headers", {}), "Origin": origin}
        target = f"/api/{alice.id}{path}" if path == "/tasks" else path
        response = alice.client.open(target, method=method, **{**options, "headers": headers})
        assert response.status_code == status
        assert response.headers.get("Access-Control-Allow-Origin") == allow_origin
        assert response.headers["Vary"] == "Origin"
