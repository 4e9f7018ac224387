"""What every answer carries, and what none tells."""

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
def test_every_answer_forbids_guessing_and_framing(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    response.close()
    headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/nothing", "/docs", "/api/me/tasks"])
@pytest.mark.parametrize(("address", "promised"), [("https://todo.example.com", "max-age=31536000"), (None, None)])
@pytest.mark.shows("ASVS 3.4.1")
def test_a_service_behind_tls_is_kept_to_tls_for_a_year(path: str, address: str | None, promised: str | None) -> None:
    client = create_app(replace(CONFIG, better_auth_url=address)).test_client()
    with client.get(path) as response:
        assert response.headers.get("Strict-Transport-Security") == promised


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/me/tasks"])
def test_answers_of_the_api_are_not_stored(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"
