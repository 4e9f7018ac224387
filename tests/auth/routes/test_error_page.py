"""The page of failed links and sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flask.testing import FlaskClient

PAGE = "/api/auth/error"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("TOKEN_EXPIRED", "The link has expired."),
        ("USER_ALREADY_EXISTS", "Another account has this e-mail address."),
        ("state_mismatch", "tell the operators of the service this code"),
    ],
)
def test_the_page_explains_the_code(client: FlaskClient, code: str, text: str) -> None:
    response = client.get(PAGE, query_string={"error": code})
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    assert text in response.text
    assert f"<code>{code}</code>" in response.text


def test_the_policy_permits_the_pages_own_style_only(client: FlaskClient) -> None:
    policy = client.get(PAGE).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy == client.get("/", headers={"Accept": "text/html"}).headers["Content-Security-Policy"]


@pytest.mark.parametrize("error", ["", "<b>", "a b", "x" * 65, "é", "\0", "javascript:alert(1)"])
def test_no_other_text_is_shown(client: FlaskClient, error: str) -> None:
    response = client.get(PAGE, query_string={"error": error, "error_description": "Call 555 <b>now</b>"})
    assert "<code>UNKNOWN</code>" in response.text
    assert "555" not in response.text
    assert "<b>" not in response.text
