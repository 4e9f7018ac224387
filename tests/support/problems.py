"""Problem responses (RFC 9457)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from werkzeug.test import TestResponse


def status_and_code(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


def error_pointers(response: TestResponse) -> list[str]:
    """Return the JSON Pointers of the errors in a 422."""
    assert response.status_code == 422, response.text
    return [error["pointer"] for error in response.get_json()["errors"]]
