"""What every answer carries, and what none tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/me/tasks"])
def test_answers_of_the_api_are_not_stored(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"
