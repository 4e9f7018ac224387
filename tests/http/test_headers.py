"""The security headers of every response."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.databases import CONFIG
from todo_api import create_app

if TYPE_CHECKING:
    from flask.testing import FlaskClient

PATHS = ["/", "/nothing", "/docs", "/docs/docs.js", "/docs/swagger-ui.css", "/openapi.json", "/api/me/tasks"]


@pytest.mark.parametrize("path", PATHS)
def test_every_response_forbids_mime_sniffing_and_framing(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    response.close()
    headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/nothing", "/docs", "/api/me/tasks"])
@pytest.mark.parametrize(("url", "hsts"), [("https://todo.example.com", "max-age=31536000"), (None, None)])
@pytest.mark.shows("ASVS 3.4.1")
def test_a_service_with_an_https_url_sends_hsts_for_a_year(path: str, url: str | None, hsts: str | None) -> None:
    client = create_app(replace(CONFIG, better_auth_url=url)).test_client()
    with client.get(path) as response:
        assert response.headers.get("Strict-Transport-Security") == hsts


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/me/tasks"])
def test_responses_of_the_api_are_not_cached(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"
