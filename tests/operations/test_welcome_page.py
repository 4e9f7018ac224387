"""The page that a browser gets at /."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import application

if TYPE_CHECKING:
    from flask import Flask

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/html", "text/plain", "nonsense"]
)
def test_a_client_that_is_not_a_browser_gets_json(app: Flask, accept: str | None) -> None:
    response = app.test_client().get("/", headers={"Accept": accept} if accept else {})
    assert (response.status_code, response.get_json()) == (200, {"message": "Welcome to Todo API"})
    assert response.headers["Vary"] == "Accept, Origin"


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/html, application/json;q=0.5"])
def test_a_browser_gets_a_page_with_links(app: Flask, accept: str) -> None:
    client = app.test_client()
    response = client.get("/", headers={"Accept": accept})
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    assert response.headers["Vary"] == "Accept, Origin"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    for link in ("/docs", "/openapi.json", "/healthz", "/readyz"):
        assert f'href="{link}"' in response.text
        with client.get(link) as linked:
            assert linked.status_code == 200


def test_the_name_of_the_service_is_escaped(database: str) -> None:
    app = application(database, app_name="<script>alert(1)</script>")
    page = app.test_client().get("/", headers={"Accept": "text/html"}).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
